/**
 * What is wrong with the default attributes of a node, found when it starts and not with the first pod. Pure: each is
 * read alone, by its own rule, and then all of them together, as a pod that writes nothing but its issuer would get
 * them. What would be a remark on a pod's own attribute counts as wrong here.
 */
import { Effect, Option, Result } from "effect"
import { decodeAttributes } from "./decodeAttributes.ts"
import { expandAttributes } from "./expandAttributes.ts"
import type { Fault } from "./SpecError.ts"
import { variablesOf } from "./Variables.ts"
import { identityKeys, kubeletPrefix, prefix } from "./VolumeContext.ts"
import { decodeVolumeSpec, type Site } from "./VolumeSpec.ts"

const pod = {
  name: "pod",
  namespace: "namespace",
  uid: "00000000-0000-4000-8000-000000000000",
  serviceAccount: "default"
}

/** Faults of single attributes. */
const brokenAlone = Effect.fnUntraced(function* (site: Site) {
  const { broken, remarks, values } = expandAttributes(site.defaultAttributes, variablesOf(pod, site), Option.none())
  const read = yield* Effect.result(decodeAttributes(values))
  const rules = [...broken, ...remarks, ...(Result.isFailure(read) ? read.failure : [])]
  return rules.map(([name, rule]): Fault => ({ field: prefix + name, rule }))
})

/** The faults of a site's default attributes; empty where every pod can be served with them. */
export const brokenDefaults = Effect.fnUntraced(function* (site: Site): Effect.fn.Return<ReadonlyArray<Fault>> {
  const alone = yield* brokenAlone(site)
  if (alone.length > 0) return alone
  const identity = Object.fromEntries(identityKeys.map((key, index) => [key, Object.values(pod)[index] ?? ""]))
  const issuer = "issuer-name" in site.defaultAttributes ? {} : { [`${prefix}issuer-name`]: "issuer" }
  const context = { [`${kubeletPrefix}ephemeral`]: "true", ...identity, ...issuer }
  const spec = yield* Effect.result(decodeVolumeSpec(context, site))
  return Result.isFailure(spec) ? spec.failure.faults : spec.success.remarks
})
