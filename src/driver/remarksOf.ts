/**
 * What a pod's owner should know of a certificate that is in use all the same: what it lacks of what was requested, and
 * a wish for its renewal that cannot be kept. Pure. The sentences hold nothing that changes from one certificate to the
 * next like it, so that whoever tells them can see whether they are news.
 */
import { type DateTime, Duration, Option } from "effect"
import type { Leaf } from "../issuance/checkSigned.ts"
import { canKeep, keepsNothing, lifeLeft } from "../issuance/RenewalTime.ts"
import { spokenDuration } from "../spec/spokenDuration.ts"
import { prefix } from "../spec/VolumeContext.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"

/** How many missing things a sentence holds. */
const mostTold = 10

/** A remark on a certificate: on what it lacks, or on a wish that was ignored. */
export interface Remark {
  readonly about: "certificate" | "attribute"
  readonly sentence: string
}

const onLacks = ({ lacks }: Leaf): ReadonlyArray<Remark> => {
  if (lacks.length === 0) return []
  const told = lacks.slice(0, mostTold).map(({ what }) => what)
  const more = lacks.length - told.length
  const list = [...told, ...(more === 0 ? [] : [`and ${more} more`])].join(", ")
  return [{ about: "certificate", sentence: `the certificate lacks what was requested: ${list}` }]
}

const onWish = (leaf: Leaf, { renewBefore }: VolumeSpec, issued: DateTime.Utc): ReadonlyArray<Remark> => {
  const left = lifeLeft(leaf, issued)
  const wish = Option.getOrUndefined(Option.filter(renewBefore, (wish) => !canKeep(wish, left)))
  if (wish === undefined || Duration.isZero(left)) return []
  const [name, value] =
    "time" in wish ? ["renew-before", spokenDuration(wish.time)] : ["renew-before-percentage", `${wish.percentage} %`]
  const why = keepsNothing(wish, left)
    ? "it leaves no time for a renewal before the certificate expires"
    : `${value} before the end is within the first tenth of the certificate's life`
  const sentence = `${prefix}${name}: is ignored, because ${why}; certlet renews it when a third of its life is left`
  return [{ about: "attribute", sentence }]
}

/** The remarks on a certificate at the moment of its issue. */
export const remarksOf = (leaf: Leaf, spec: VolumeSpec, issued: DateTime.Utc): ReadonlyArray<Remark> => [
  ...onLacks(leaf),
  ...onWish(leaf, spec, issued)
]
