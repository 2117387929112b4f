/**
 * What the driver would say of a volume before there is a pod: its attributes go through the same decoding as on a
 * node, with a context as the kubelet would hand it over. Pure. Everything that breaks a rule is found at once, each at
 * the line of its attribute; what the driver only remarks on is a warning.
 */
import { Effect, Option } from "effect"
import { quoted } from "../../spec/Rule.ts"
import type { Fault } from "../../spec/SpecError.ts"
import { setAside } from "../../spec/setAside.ts"
import { followedSentence, followedValue } from "../../spec/Variables.ts"
import { kubeletPrefix, prefix, readAttributes, strayKeys, type VolumeContext } from "../../spec/VolumeContext.ts"
import { decodeVolumeSpec, type Site, type VolumeSpec } from "../../spec/VolumeSpec.ts"
import type { Path, Place } from "./Manifest.ts"
import type { ObjectName, PodVolume } from "./podVolumes.ts"

/** Something that is wrong with a volume, or looks as if it were. */
export interface Finding extends ObjectName {
  readonly severity: "error" | "warning"
  readonly file: string
  readonly place: Option.Option<Place>
  readonly volume: string
  /** The attribute's full key, or the field of the object. */
  readonly attribute: string
  /** The predicate of a sentence with the attribute as its subject: what must hold, and what was found. */
  readonly rule: string
}

/** A volume with all that was found; `spec` is what a node would make of it, where it can. */
export interface CheckedVolume {
  readonly volume: PodVolume
  readonly spec: Option.Option<VolumeSpec>
  readonly findings: ReadonlyArray<Finding>
}

/** The node that a check stands for. */
export interface CheckSettings {
  readonly site: Site
  /** Whether what looks like a mistake is an error, as with `--strict-attributes`. */
  readonly strict: boolean
}

const sampleUid = "00000000-0000-4000-8000-000000000000"

/** A pod's addresses, from the ranges that are kept for documentation (RFC 5737, RFC 3849). */
const sampleAddresses = ["192.0.2.10", "2001:db8::10"]

/** The attributes as texts; a fault for each that is something else. */
const textsIn = (attributes: unknown): readonly [VolumeContext, ReadonlyArray<Fault>] => {
  if (attributes === undefined || attributes === null) return [{}, []]
  const whole = "volumeAttributes"
  if (typeof attributes !== "object" || Array.isArray(attributes)) {
    return [{}, [{ field: whole, rule: "must be a map of texts" }]]
  }
  const entries: ReadonlyArray<readonly [string, unknown]> = Object.entries(attributes)
  const texts = entries.flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []))
  const faults = entries.flatMap(([field, value]) =>
    typeof value === "string"
      ? []
      : [{ field, rule: `must be a text: write it in quotes, ${quoted(JSON.stringify(value) ?? "")}` }]
  )
  return [Object.fromEntries(texts), faults]
}

const contextOf = ({ inline, object, pod }: PodVolume, attributes: VolumeContext): VolumeContext => ({
  ...attributes,
  [`${kubeletPrefix}pod.name`]: pod.name,
  [`${kubeletPrefix}pod.namespace`]: object.namespace,
  [`${kubeletPrefix}pod.uid`]: sampleUid,
  [`${kubeletPrefix}serviceAccount.name`]: pod.serviceAccount,
  [`${kubeletPrefix}ephemeral`]: String(inline)
})

/** What a pod waits for that its template does not bring; the address comes by itself. */
const waits = (follows: ReadonlyArray<string>, values: Readonly<Record<string, string>>): ReadonlyArray<Fault> =>
  follows
    .filter((name) => !Object.hasOwn(values, name))
    .map((name) => ({
      field: "metadata",
      rule: `has not ${followedSentence(name)}: the pod waits for its certificate until somebody sets it`
    }))

const decode = Effect.fnUntraced(function* (volume: PodVolume, context: VolumeContext, site: Site) {
  const first = yield* decodeVolumeSpec(context, site)
  const { annotations, labels } = volume.pod
  const pod = { ips: sampleAddresses, labels, annotations, conditions: {} }
  const values = Object.fromEntries(
    first.follows.flatMap((name) =>
      Option.toArray(Option.map(followedValue(name, pod), (value) => [name, value] as const))
    )
  )
  const missing = waits(first.follows, values)
  const spec = missing.length > 0 ? first : yield* decodeVolumeSpec(context, site, Option.some(values))
  return { spec, remarks: [...spec.remarks, ...missing] }
})

/** Where a fault's attribute is written. */
const pathOf = ({ path }: PodVolume, { field }: Fault): Path =>
  field.startsWith(kubeletPrefix) || field === "metadata" ? path : [...path, "volumeAttributes", field]

/** What the driver would say of a volume. */
export const checkVolume = Effect.fnUntraced(function* (volume: PodVolume, { site, strict }: CheckSettings) {
  const [attributes, untyped] = textsIn(volume.csi.volumeAttributes)
  const outcome = yield* decode(volume, contextOf(volume, attributes), site).pipe(
    Effect.map(({ remarks, spec }) => ({ faults: untyped, remarks, spec: Option.some(spec) })),
    // A fault of an attribute whose value is no text was found already.
    Effect.catch((error) =>
      Effect.succeed({
        faults: [...untyped, ...error.faults.filter(({ field }) => !untyped.some((one) => one.field === field))],
        remarks: setAside(readAttributes(attributes))[1].map(([name, rule]) => ({ field: prefix + name, rule })),
        spec: Option.none<VolumeSpec>()
      })
    )
  )
  const stray = strayKeys(attributes).map((field) => ({
    field,
    rule: "has no effect: attributes begin with csi.cert-manager.io/"
  }))
  const findingOf =
    (severity: Finding["severity"]) =>
    (fault: Fault): Finding => ({
      severity,
      file: volume.manifest.file,
      place: volume.manifest.placeOf(pathOf(volume, fault)),
      ...volume.object,
      volume: volume.volume,
      attribute: fault.field,
      rule: fault.rule
    })
  const lineOf = ({ place }: Finding) => Option.match(place, { onNone: () => 0, onSome: ({ line }) => line })
  const findings = [
    ...outcome.faults.map(findingOf("error")),
    ...outcome.remarks.map(findingOf(strict ? "error" : "warning")),
    ...stray.map(findingOf("warning"))
  ].toSorted((one, other) => lineOf(one) - lineOf(other))
  const checked: CheckedVolume = { volume, spec: untyped.length > 0 ? Option.none() : outcome.spec, findings }
  return checked
})
