/**
 * How much of what others write certlet takes: one table, which k8s/attributes.md repeats. Everything that a pod's
 * author, an issuer or the keeper of a trust bundle writes is measured before it is read, so that nobody can keep a
 * node busy with a long text. Texts are measured in characters (UTF-16 code units): in the names of certificates nearly
 * all of them are bytes. The limits lie far above what issuers sign, and below what would take longer than a few
 * milliseconds.
 */
import type { PemLimits } from "../pki/Pem.ts"

const kibi = 1024

/** The table. */
export const limits = {
  /** The keys of a volume's context. */
  contextKeys: 256,
  /** One such key: as long as Kubernetes lets the key of an annotation be. */
  keyLength: 317,
  /** A volume's context: keys and values together, the tokens of the pod's ServiceAccount among them. */
  contextLength: 256 * kibi,
  /** The value of one attribute, as it is written and with its variables put in. */
  attributeLength: 32 * kibi,
  /** What one certificate may hold: values of its subject, names of all kinds and name constraints together. */
  names: 1000,
  /** The kubelet's JSON with the tokens of the pod's ServiceAccount. */
  tokensLength: 64 * kibi,
  /** What an issuer answers: its certificate with the chain above it, and its CA. */
  chain: { length: 512 * kibi, blocks: 20 },
  ca: { length: 512 * kibi, blocks: 100 },
  /** A trust bundle: the object that holds it may hardly be larger. */
  trustBundle: { length: 1024 * kibi, blocks: 1000 },
  /** What certlet has written into a volume itself: a trust bundle's blocks take more room in lines of 64. */
  ownFiles: { length: 2 * 1024 * kibi, blocks: 1000 }
} as const satisfies Readonly<Record<string, number | PemLimits>>
