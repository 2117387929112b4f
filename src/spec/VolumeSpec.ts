/**
 * What a pod asks for. The kubelet's volume context becomes a `VolumeSpec` in one direction: `VolumeContext` is read,
 * `expandAttributes` puts variables in, `decodeAttributes` reads the values, and the defaults are filled in here (the
 * same keys, defaults and rules as cert-manager's csi-driver). What breaks a rule becomes a `SpecError` that names the
 * attribute, the rule and what to do.
 */
import { Duration, Effect, Option } from "effect"
import type { Settings } from "../Settings.ts"
import { type Attributes, subjectTypes } from "./Attributes.ts"
import type { DistinguishedName } from "./DistinguishedName.ts"
import { brokenBeside, brokenBetween, decodeAttributes, remarksOn } from "./decodeAttributes.ts"
import { expandAttributes } from "./expandAttributes.ts"
import { type FileNames, filesOf } from "./FileNames.ts"
import { type Keystore, keystoresOf } from "./Keystore.ts"
import type { KeyUsage } from "./KeyUsage.ts"
import { type NameConstraint, nameConstraintsOf } from "./NameConstraints.ts"
import type { OtherName } from "./OtherName.ts"
import type { Pod } from "./Pod.ts"
import { brokenWait, type ReadinessGate } from "./ReadinessGate.ts"
import type { RenewBefore } from "./RenewBefore.ts"
import { requireSound } from "./requireSound.ts"
import type { BrokenRule, Fault, SpecError } from "./SpecError.ts"
import { brokenSvid, svidUsages } from "./Spiffe.ts"
import { setAside } from "./setAside.ts"
import type { TrustBundleName } from "./TrustBundle.ts"
import { variablesOf } from "./Variables.ts"
import {
  brokenAnnotations,
  prefix,
  readAnnotations,
  readAttributes,
  readPod,
  requireInline,
  requireSize,
  type VolumeContext
} from "./VolumeContext.ts"
import { withDefaults } from "./withDefaults.ts"

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
  readonly issuer: {
    readonly name: string
    readonly kind: string
    readonly group: string
  }
  readonly subject: DistinguishedName
  readonly dnsNames: ReadonlyArray<string>
  readonly ipAddresses: ReadonlyArray<string>
  readonly uris: ReadonlyArray<string>
  readonly emails: ReadonlyArray<string>
  /** Names of other kinds, by the OID of their kind. */
  readonly otherNames: ReadonlyArray<OtherName>
  /** The certificate is to be an X.509-SVID. */
  readonly spiffe: boolean
  /**
   * The followed variables in subject and names; as long as their values are not given, what holds them is left out
   * here.
   */
  readonly follows: ReadonlyArray<string>
  /** Answer a publish before the certificate is there. */
  readonly continueOnNotReady: boolean
  /**
   * What the pod must have come to before its first certificate is asked for: the node's gates, then the volume's own.
   */
  readonly gates: ReadonlyArray<ReadinessGate>
  /** The CA certificates that are used instead of the issuer's. */
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
  readonly renewBefore: Option.Option<RenewBefore>
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
  /** What looks like a mistake in the attributes and does not keep the pod from its certificate. */
  readonly remarks: ReadonlyArray<Fault>
}

/** What a node's settings add to every spec. */
export type Site = Pick<
  Settings["Service"],
  "nodeId" | "clusterDomain" | "continueOnNotReady" | "podReadinessGates" | "defaultAttributes"
>

const subjectOf = (attributes: Attributes): DistinguishedName =>
  attributes["literal-subject"] ??
  subjectTypes
    .map(([name, type]) => [attributes[name] ?? []].flat().map((value) => ({ type, value })))
    .filter((rdn) => rdn.length > 0)

const keyOf = (attributes: Attributes): KeyParameters => {
  const size = attributes["key-size"]
  switch (attributes["key-algorithm"] ?? "RSA") {
    case "RSA":
      return { algorithm: "RSA", size: size ?? 2048 }
    case "ECDSA":
      return { algorithm: "ECDSA", size: size === 384 || size === 521 ? size : 256 }
    case "Ed25519":
      return { algorithm: "Ed25519" }
  }
}

const renewBeforeOf = (attributes: Attributes): VolumeSpec["renewBefore"] => {
  const { "renew-before": time, "renew-before-percentage": percentage } = attributes
  if (percentage !== undefined) return Option.some({ percentage })
  return Option.map(Option.fromUndefinedOr(time), (time) => ({ time }))
}

const usagesOf = (attributes: Attributes): ReadonlyArray<KeyUsage> =>
  // An empty list means the default to cert-manager too, which would then miss these usages in the signing request.
  attributes["key-usages"]?.length
    ? attributes["key-usages"]
    : attributes.spiffe === true
      ? svidUsages
      : ["digital signature", "key encipherment"]

/** What a spec is made of. */
interface Parts {
  readonly pod: Pod
  readonly site: Site
  readonly follows: ReadonlyArray<string>
  readonly annotations: VolumeSpec["annotations"]
  readonly remarks: VolumeSpec["remarks"]
}

const specOf = (attributes: Attributes, { annotations, follows, pod, remarks, site }: Parts): VolumeSpec => ({
  pod,
  issuer: {
    name: attributes["issuer-name"] ?? "",
    kind: attributes["issuer-kind"] ?? "Issuer",
    group: attributes["issuer-group"] ?? "cert-manager.io"
  },
  subject: subjectOf(attributes),
  dnsNames: attributes["dns-names"] ?? [],
  ipAddresses: attributes["ip-sans"] ?? [],
  uris: attributes["uri-sans"] ?? [],
  emails: attributes["email-sans"] ?? [],
  otherNames: attributes["other-names"] ?? [],
  spiffe: attributes.spiffe ?? false,
  follows,
  continueOnNotReady: attributes["continue-on-not-ready"] ?? site.continueOnNotReady,
  trustBundle: Option.fromUndefinedOr(attributes["trust-bundle"]),
  gates: [...site.podReadinessGates, ...(attributes["pod-readiness-gate"] ?? [])],
  duration: attributes.duration ?? Duration.hours(2160),
  isCA: attributes["is-ca"] ?? false,
  nameConstraints: nameConstraintsOf(attributes),
  usages: usagesOf(attributes),
  key: keyOf(attributes),
  keyEncoding: attributes["key-encoding"] ?? (keyOf(attributes).algorithm === "RSA" ? "PKCS1" : "PKCS8"),
  reusePrivateKey: attributes["reuse-private-key"] ?? false,
  renewBefore: renewBeforeOf(attributes),
  files: filesOf(attributes),
  fileMode: attributes["file-mode"] ?? 0o440,
  fileOwner: Option.fromUndefinedOr(attributes["file-owner"]),
  keystores: keystoresOf(attributes),
  fsGroup: Option.fromUndefinedOr(attributes["fs-group"]),
  annotations,
  remarks
})

/**
 * What a volume context asks for at this site, complete; every rule that it breaks otherwise. Without the values of
 * the variables that the spec follows (`follows`), subject and names that hold one are left out: such a spec tells how
 * a volume is to be served, and is decoded again, with the values, when its certificate is requested.
 */
export const decodeVolumeSpec = Effect.fnUntraced(function* (
  context: VolumeContext,
  site: Site,
  followed: Option.Option<Readonly<Record<string, string>>> = Option.none()
): Effect.fn.Return<VolumeSpec, SpecError> {
  yield* requireSize(context)
  yield* requireInline(context)
  const written = readAttributes(context)
  const [own, setAsideRemarks] = setAside(written)
  const asked = withDefaults(own, written, site.defaultAttributes)
  const pod = yield* readPod(context)
  const { broken, follows, late, remarks, values } = expandAttributes(asked, variablesOf(pod, site), followed)
  const wrong = [...broken.map(faultOf), ...brokenAnnotations(context)]
  const attributes = yield* decodeAttributes(values).pipe(
    Effect.catch((alone) =>
      Effect.flatMap(brokenBeside(values, alone), (between) =>
        Effect.as(requireSound([...wrong, ...[...alone, ...between].map(faultOf)]), {})
      )
    )
  )
  // What is missing because its variables are unknown would be missed here too.
  yield* requireSound(wrong)
  const spec = specOf(attributes, {
    pod,
    site,
    follows,
    annotations: readAnnotations(context),
    remarks: [...setAsideRemarks, ...remarks, ...remarksOn(attributes, values)].map(faultOf)
  })
  yield* requireSound([...brokenBetween(attributes), ...brokenBy(spec, attributes, late)].map(faultOf))
  return spec
})

/** The rules that are broken by a whole spec. */
const brokenBy = (spec: VolumeSpec, attributes: Attributes, late: ReadonlyArray<string>): ReadonlyArray<BrokenRule> =>
  [
    brokenWait(spec, attributes["pod-readiness-gate"] !== undefined),
    spec.spiffe ? brokenSvid(spec, late) : undefined
  ].filter((rule) => rule !== undefined)

const faultOf = ([name, rule]: BrokenRule): Fault => ({ field: prefix + name, rule })
