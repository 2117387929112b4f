/**
 * How much of what others write certlet takes: one table, which the README repeats. Everything that a pod's author, an issuer or
 * the keeper of a trust bundle writes is measured before it is read, so that nobody can keep a node busy with a long text.
 * Texts are measured in UTF-16 code units, as JavaScript holds them: for all that may stand in a certificate's names these are
 * bytes. The limits lie far above what issuers sign, and below what takes longer than a few milliseconds.
 */
import type { PemLimits } from "../pki/Pem.ts"

const kibi = 1024

/** The table. */
export const limits = {
  /** What an issuer answers: its certificate with the chain above it, and its CA. */
  chain: { length: 512 * kibi, blocks: 20 },
  ca: { length: 512 * kibi, blocks: 100 },
  /** A trust bundle in a ConfigMap or a ClusterTrustBundle, which etcd would not take much longer. */
  trustBundle: { length: 1024 * kibi, blocks: 1000 },
  /** What certlet has written into a volume itself: a trust bundle's blocks take more room in lines of 64. */
  ownFiles: { length: 2 * 1024 * kibi, blocks: 1000 }
} as const satisfies Readonly<Record<string, PemLimits>>
