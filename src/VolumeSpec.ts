/**
 * What a pod asked for. This module is the only reader of the volume context that the kubelet hands over: one schema
 * decodes the attributes `csi.cert-manager.io/*` (the same keys, defaults and rules as cert-manager's csi-driver) and the
 * pod's identity `csi.storage.k8s.io/*` into a `VolumeSpec`. Whatever breaks a rule becomes a `SpecError` that names the
 * attribute, the rule and what to do. It is the bottom of the corridor: every room may import it, it imports none.
 */
import { type Duration, type Option, Schema } from "effect"
import type { Temper } from "./Temper.ts"

/** The pod a volume belongs to, as the kubelet names it (`podInfoOnMount`). */
export interface Pod {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly serviceAccount: string
}

/** cert-manager's `issuerRef`: who shall sign. */
export interface IssuerReference {
  readonly name: string
  readonly kind: string
  readonly group: string
}

/** One attribute of a distinguished name: the type as a dotted OID, the value as plain text. */
export interface NameAttribute {
  readonly type: string
  readonly value: string
}

/** A distinguished name in the order of its encoding (X.501 RDNSequence); an entry of several attributes is a multi-valued RDN. */
export type DistinguishedName = ReadonlyArray<ReadonlyArray<NameAttribute>>

/** Key algorithm and size: RSA modulus in bits, or the ECDSA curve P-256, P-384 or P-521 by its size in bits. */
export type KeyParameters =
  | { readonly algorithm: "RSA"; readonly size: number }
  | { readonly algorithm: "ECDSA"; readonly size: 256 | 384 | 521 }
  | { readonly algorithm: "Ed25519" }

/** The PEM form of the private key: PKCS#1 (RSA only, RFC 8017) or PKCS#8 (RFC 5958). */
export type KeyEncoding = "PKCS1" | "PKCS8"

/** What the pod asked for, decoded and complete: every default is filled in. */
export interface VolumeSpec {
  readonly pod: Pod
  readonly issuer: IssuerReference
  readonly subject: DistinguishedName
  readonly dnsNames: ReadonlyArray<string>
  readonly ipAddresses: ReadonlyArray<string>
  readonly uris: ReadonlyArray<string>
  readonly duration: Duration.Duration
  readonly isCA: boolean
  /** cert-manager's usage names, in the order given, without repeats. */
  readonly usages: ReadonlyArray<KeyUsage>
  readonly key: KeyParameters
  readonly keyEncoding: KeyEncoding
  readonly reusePrivateKey: boolean
  readonly renewBefore: Option.Option<Duration.Duration>
  readonly files: { readonly ca: string; readonly certificate: string; readonly privateKey: string }
  /** The attribute `fs-group`: a gid that wins over the kubelet's VOLUME_MOUNT_GROUP. */
  readonly fsGroup: Option.Option<number>
  /** Keys of other groups, passed on to the CertificateRequest as annotations. */
  readonly annotations: Readonly<Record<string, string>>
}

/** cert-manager's usage names (`cert-manager.io/v1`, KeyUsage). */
export const KeyUsage = Schema.Literals([
  "signing",
  "digital signature",
  "content commitment",
  "key encipherment",
  "key agreement",
  "data encipherment",
  "cert sign",
  "crl sign",
  "encipher only",
  "decipher only",
  "any",
  "server auth",
  "client auth",
  "code signing",
  "email protection",
  "s/mime",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "timestamping",
  "ocsp signing",
  "microsoft sgc",
  "netscape sgc"
])
export type KeyUsage = typeof KeyUsage.Type

/** An attribute breaks a rule. `field` is the attribute's full key, `rule` says what holds, what was found and what to do. */
export class SpecError extends Schema.TaggedError<SpecError>()("SpecError", {
  field: Schema.String,
  rule: Schema.String
}) {
  readonly temper: Temper = "refused"
  override get message(): string {
    return `${this.field}: ${this.rule}`
  }
}
