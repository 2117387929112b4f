/**
 * A volume that has files and that certlet leaves as it is: another driver has mounted it, or its attributes are
 * refused by this certlet and were taken by the one that filled it. Its pod runs on with the files that it has, nobody
 * renews them, and a new pod with the same attributes may get none. That is said to whoever asks. Pure.
 */
import { DateTime, Option, Result } from "effect"
import type { Pod } from "../spec/Pod.ts"
import { faultsSentence, type SpecError } from "../spec/SpecError.ts"
import { readAttributes, type VolumeContext } from "../spec/VolumeContext.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { IssuedRecord } from "../volume/VolumeRecord.ts"
import { adviceFor } from "./Advice.ts"
import { contentsOf } from "./contentsOf.ts"
import { namesOf } from "./namesOf.ts"
import type { VolumeComplaint, VolumeStatus } from "./VolumeStatus.ts"

/** One volume that is left as it is. */
export interface Untended {
  readonly volumeId: string
  readonly target: string
  readonly pod: Pod
  readonly why: "Inherited" | "Refused"
  readonly context: VolumeContext
  /** What the pod asks for, or what is refused of it. */
  readonly spec: Result.Result<VolumeSpec, SpecError>
  /** The certificate that the volume holds, where certlet issued it and knows it. */
  readonly issued: Option.Option<IssuedRecord>
}

/** What is refused of it, and what to do. */
const refusalOf = ({ spec }: Untended): Option.Option<string> =>
  Option.map(Result.getFailure(spec), (error) => `${error.message}; ${adviceFor(error)}`)

/** What the pod asks for, and what of it is ignored; nothing of a spec that is refused. */
const wishOf = ({ spec }: Untended): Pick<VolumeStatus, "key" | "files" | "keystores" | "remarks"> =>
  Result.match(spec, {
    onFailure: () => ({}),
    onSuccess: (spec) => ({
      ...contentsOf(spec),
      ...(spec.remarks.length === 0 ? {} : { remarks: spec.remarks.map((remark) => faultsSentence([remark])) })
    })
  })

/** The issuer as it is written; a spec that is refused has none. */
export const issuerIn = (context: VolumeContext): VolumeStatus["issuer"] => {
  const written = readAttributes(context)
  const [name = "", kind = "Issuer", group = "cert-manager.io"] = ["issuer-name", "issuer-kind", "issuer-group"].map(
    (attribute) => written[attribute]
  )
  return { name, kind, group }
}

/** Its status, for an operator and for the gauges. */
export const untendedStatus = (volume: Untended): VolumeStatus => {
  const { context, issued, pod, spec, target, volumeId, why } = volume
  return {
    volumeId,
    target,
    pod: { namespace: pod.namespace, name: pod.name, uid: pod.uid },
    issuer: Result.match(spec, { onSuccess: ({ issuer }) => issuer, onFailure: () => issuerIn(context) }),
    names: Result.match(spec, { onSuccess: namesOf, onFailure: () => [] }),
    state: why,
    ...wishOf(volume),
    ...Option.match(issued, { onNone: () => ({}), onSome: (certificate) => ({ certificate }) }),
    ...Option.match(refusalOf(volume), { onNone: () => ({}), onSome: (refused) => ({ refused }) })
  }
}

/** What its pod's owner has to know and to do. */
export const untendedSentence = (volume: Untended): string => {
  const refusal = Option.getOrUndefined(refusalOf(volume))
  if (volume.why === "Inherited") {
    const stays =
      "the volume was mounted by the driver that ran here before certlet; its files stay as they are and are not renewed: "
    return refusal === undefined
      ? `${stays}restart the pod before its certificate expires`
      : `${stays}before the certificate expires, correct what certlet refuses for a new pod, and restart the pod: ${refusal}`
  }
  const ends = Option.match(volume.issued, {
    onNone: () => "",
    onSome: ({ notAfter }) => `, which expires at ${DateTime.formatIso(notAfter)},`
  })
  return (
    `the pod keeps its files, but this certlet refuses the volume's attributes and does not renew the certificate${ends} ` +
    `and a new pod gets none: ${refusal}`
  )
}

/** What the kubelet is told of it. */
export const untendedComplaint = (volume: Untended): VolumeComplaint => ({
  severity: "degraded",
  reason: volume.why === "Inherited" ? "VolumeInherited" : "VolumeRefused",
  sentence: untendedSentence(volume)
})
