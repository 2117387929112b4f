/**
 * What a pod asked for. This module is the only reader of the volume context that the kubelet hands over: one schema
 * (`Attributes`) decodes the attributes `csi.cert-manager.io/*` (the same keys, defaults and rules as cert-manager's csi-driver) and the
 * pod's identity `csi.storage.k8s.io/*` into a `VolumeSpec`. Whatever breaks a rule becomes a `SpecError` that names the
 * attribute, the rule and what to do. It is the bottom of the corridor: every room may import it, it imports none.
 */
import { Duration, Effect, Option, Record, Schema, SchemaIssue } from "effect"
import type { Settings } from "../Settings.ts"
import type { Temper } from "../Temper.ts"
import { quoted } from "./AttributeRules.ts"
import { Attributes, attributeNames, subjectTypes } from "./Attributes.ts"
import type { DistinguishedName } from "./DistinguishedName.ts"
import { expandAttributes } from "./expandAttributes.ts"
import { type FileNames, filesOf } from "./FileNames.ts"
import { brokenWait, type Gate } from "./Gate.ts"
import { type Keystore, keystoresOf } from "./Keystore.ts"
import type { KeyUsage } from "./KeyUsage.ts"
import { type NameConstraint, nameConstraintsOf } from "./NameConstraints.ts"
import { nearestOf } from "./nearestOf.ts"
import { brokenSvid, svidUsages } from "./Spiffe.ts"
import type { TrustBundleName } from "./TrustBundle.ts"
import { variablesOf } from "./Variables.ts"

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
  readonly emails: ReadonlyArray<string>
  /** The certificate is to be an X.509-SVID. */
  readonly spiffe: boolean
  /** The followed variables in subject and names; as long as their values are not given, what holds them is left out here. */
  readonly follows: ReadonlyArray<string>
  /** Answer a publish before the certificate is there. */
  readonly continueOnNotReady: boolean
  /** What the pod must have come to before its first certificate is asked for: the node's gates, then the volume's own. */
  readonly gates: ReadonlyArray<Gate>
  /** The CA certificates that stand in the place of the issuer's. */
  readonly trustBundle: Option.Option<TrustBundleName>
  readonly duration: Duration.Duration
  readonly isCA: boolean
  /** For which names a CA may sign; none means for all. */
  readonly nameConstraints: ReadonlyArray<NameConstraint>
  /** cert-manager's usage names, in the order given, without repeats. */
  readonly usages: ReadonlyArray<KeyUsage>
  readonly key: KeyParameters
  readonly keyEncoding: KeyEncoding
  readonly reusePrivateKey: boolean
  readonly renewBefore: Option.Option<Duration.Duration>
  readonly files: FileNames
  /** Permission bits of every file. */
  readonly fileMode: number
  /** The uid of folder and files; none is certlet's own. */
  readonly fileOwner: Option.Option<number>
  readonly keystores: ReadonlyArray<Keystore>
  /** The attribute `fs-group`: a gid that wins over the kubelet's VOLUME_MOUNT_GROUP. */
  readonly fsGroup: Option.Option<number>
  /** Keys of other groups, passed on to the CertificateRequest as annotations. */
  readonly annotations: Readonly<Record<string, string>>
}

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

/** What a node's settings add to every spec. */
export type Site = Pick<Settings["Service"], "nodeId" | "clusterDomain" | "continueOnNotReady" | "podReadinessGates">

/** What the keys of certlet's own attributes begin with. */
export const prefix = "csi.cert-manager.io/"
/** What the keys begin with that the kubelet adds. */
export const kubeletPrefix = "csi.storage.k8s.io/"

const subjectOf = (_: Attributes): DistinguishedName =>
  _["literal-subject"] ??
  subjectTypes
    .map(([name, type]) => [_[name] ?? []].flat().map((value) => ({ type, value })))
    .filter((rdn) => rdn.length > 0)

const keyOf = (_: Attributes): KeyParameters => {
  const size = _["key-size"]
  switch (_["key-algorithm"] ?? "RSA") {
    case "RSA":
      return { algorithm: "RSA", size: size ?? 2048 }
    case "ECDSA":
      return { algorithm: "ECDSA", size: size === 384 || size === 521 ? size : 256 }
    case "Ed25519":
      return { algorithm: "Ed25519" }
  }
}

const usagesOf = (_: Attributes): ReadonlyArray<KeyUsage> =>
  // An empty list means the default to cert-manager too, which would then miss these usages in the signing request.
  _["key-usages"]?.length ? _["key-usages"] : _.spiffe === true ? svidUsages : ["digital signature", "key encipherment"]

/** What a spec is made of. */
interface Parts {
  readonly pod: Pod
  readonly site: Site
  readonly follows: ReadonlyArray<string>
  readonly annotations: VolumeSpec["annotations"]
}

const specOf = (_: Attributes, { annotations, follows, pod, site }: Parts): VolumeSpec => ({
  pod,
  issuer: {
    name: _["issuer-name"] ?? "",
    kind: _["issuer-kind"] ?? "Issuer",
    group: _["issuer-group"] ?? "cert-manager.io"
  },
  subject: subjectOf(_),
  dnsNames: _["dns-names"] ?? [],
  ipAddresses: _["ip-sans"] ?? [],
  uris: _["uri-sans"] ?? [],
  emails: _["email-sans"] ?? [],
  spiffe: _.spiffe ?? false,
  follows,
  continueOnNotReady: _["continue-on-not-ready"] ?? site.continueOnNotReady,
  trustBundle: Option.fromUndefinedOr(_["trust-bundle"]),
  gates: [...site.podReadinessGates, ...(_["pod-readiness-gate"] ?? [])],
  duration: _.duration ?? Duration.hours(2160),
  isCA: _["is-ca"] ?? false,
  nameConstraints: nameConstraintsOf(_),
  usages: usagesOf(_),
  key: keyOf(_),
  keyEncoding: _["key-encoding"] ?? (keyOf(_).algorithm === "RSA" ? "PKCS1" : "PKCS8"),
  reusePrivateKey: _["reuse-private-key"] ?? false,
  renewBefore: Option.fromUndefinedOr(_["renew-before"]),
  files: filesOf(_),
  fileMode: _["file-mode"] ?? 0o440,
  fileOwner: Option.fromUndefinedOr(_["file-owner"]),
  keystores: keystoresOf(_),
  fsGroup: Option.fromUndefinedOr(_["fs-group"]),
  annotations
})

/** What the kubelet hands over: every key and value is text. */
export type VolumeContext = Readonly<Record<string, string>>

const fail = (field: string, rule: string) => Effect.fail(new SpecError({ field, rule }))

const podOf = (context: VolumeContext): Effect.Effect<Pod, SpecError> => {
  const read = (key: string) => context[kubeletPrefix + key] ?? ""
  const pod = {
    name: read("pod.name"),
    namespace: read("pod.namespace"),
    uid: read("pod.uid"),
    serviceAccount: read("serviceAccount.name")
  }
  const keys = ["pod.name", "pod.namespace", "pod.uid", "serviceAccount.name"]
  const missing = keys.find((key) => read(key) === "")
  return missing === undefined
    ? Effect.succeed(pod)
    : fail(kubeletPrefix + missing, "is missing; set podInfoOnMount: true in the CSIDriver object")
}

/** A key that Kubernetes takes for an annotation, in any letter case: a DNS subdomain (RFC 1123), a slash, and a name. */
const annotationKey =
  /^(?=[^/]{1,253}\/)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$/i

const annotationsOf = (context: VolumeContext): Effect.Effect<Readonly<Record<string, string>>, SpecError> => {
  const passedOn = Record.filter(
    context,
    (_, key) => key.includes("/") && !key.startsWith(prefix) && !key.startsWith(kubeletPrefix)
  )
  const wrong = Object.keys(passedOn).find((key) => !annotationKey.test(key))
  return wrong === undefined
    ? Effect.succeed(passedOn)
    : fail(wrong, `becomes an annotation of the CertificateRequest, and ${quoted(wrong)} cannot be the key of one`)
}

const explain = SchemaIssue.makeFormatterStandardSchemaV1()

const decodeAttributes = (values: Readonly<Record<string, string>>) =>
  Schema.decodeUnknownEffect(Attributes)(values).pipe(
    Effect.mapError(({ issue }) => {
      const [first] = explain(issue).issues
      const [name = ""] = first?.path ?? []
      return new SpecError({ field: prefix + String(name), rule: first?.message ?? "cannot be read" })
    })
  )

/**
 * What a volume context asks for at this site, complete; the first rule that it breaks otherwise. Without the values of the
 * variables that the spec follows (`follows`), subject and names that hold one are left out: such a spec tells how a volume
 * is to be served, and is decoded again, with the values, when its certificate is asked for.
 */
export const decodeVolumeSpec = Effect.fnUntraced(function* (
  context: VolumeContext,
  site: Site,
  followed: Option.Option<Readonly<Record<string, string>>> = Option.none()
): Effect.fn.Return<VolumeSpec, SpecError> {
  const ephemeral = `${kubeletPrefix}ephemeral`
  if (context[ephemeral] !== "true") {
    return yield* fail(ephemeral, "must be true: certlet serves inline volumes of pods, not persistent ones")
  }
  yield* refuseUnknown(context)
  const pod = yield* podOf(context)
  const written = Record.mapKeys(
    Record.filter(context, (_, key) => key.startsWith(prefix)),
    (key) => key.slice(prefix.length)
  )
  const { follows, late, values } = yield* Effect.mapError(
    Effect.fromResult(expandAttributes(written, variablesOf(pod, site), followed)),
    ([name, rule]) => new SpecError({ field: prefix + name, rule })
  )
  const attributes = yield* decodeAttributes(values)
  const spec = specOf(attributes, { pod, site, follows, annotations: yield* annotationsOf(context) })
  const wrong =
    brokenWait(spec, attributes["pod-readiness-gate"] !== undefined) ??
    (spec.spiffe ? brokenSvid(spec, !late.includes("uri-sans")) : undefined)
  return wrong === undefined ? spec : yield* fail(prefix + wrong[0], wrong[1])
})

/** An attribute under our prefix that nobody knows is a typing error, and a certificate without it helps nobody. */
const refuseUnknown = (context: VolumeContext): Effect.Effect<void, SpecError> => {
  const unknown = Object.keys(context).find(
    (key) => key.startsWith(prefix) && !attributeNames.includes(key.slice(prefix.length))
  )
  if (unknown === undefined) return Effect.void
  const near = nearestOf(unknown.slice(prefix.length), attributeNames)
  return fail(unknown, `is no attribute of a volume; the nearest one is ${prefix}${near}`)
}

/** The keys that belong to nobody: they have neither meaning nor group. */
export const strayKeys = (context: VolumeContext): ReadonlyArray<string> =>
  Object.keys(context).filter((key) => !key.includes("/"))

/** `namespace/name` of the pod as far as the context says; empty where it does not. */
export const podNamed = (context: VolumeContext): string => {
  const name = context[`${kubeletPrefix}pod.name`] ?? ""
  return name === "" ? "" : `${context[`${kubeletPrefix}pod.namespace`] ?? ""}/${name}`
}
