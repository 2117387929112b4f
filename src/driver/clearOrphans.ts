/**
 * Volumes that no kubelet will ever unpublish: its folders were wiped, or another driver was told to. A kubelet calls
 * about every live volume again and again, so a volume that it has been silent about for an hour is looked up at the
 * API server. Where that shows no such pod, and still does not an hour later, the volume is taken away. An answer that
 * did not come decides nothing. A node whose kubelet calls, as `requiresRepublish` makes it, asks the API server
 * nothing.
 */
import { DateTime, Duration, Effect, Option, Ref } from "effect"
import { asFailure } from "../Defect.ts"
import { Pods } from "../kube/Pods.ts"
import { takeAway } from "./unpublish.ts"
import { podOf, type Volume, Volumes } from "./Volume.ts"

/** How long the kubelet is silent about a volume before its pod is looked up, and how often that is done. */
const silence = Duration.hours(1)

/** The volumes whose pods the API server did not show. */
type Absent = ReadonlySet<string>
const nobody: Absent = new Set()

/** Looks for such volumes once an hour, for ever. */
export const clearOrphans = Effect.fnUntraced(function* () {
  let absent = nobody
  while (true) {
    yield* Effect.sleep(silence)
    absent = yield* look(absent)
  }
})

const isSilent = Effect.fnUntraced(function* (volume: Volume) {
  const since = DateTime.distance(yield* Ref.get(volume.calledAt), yield* DateTime.now)
  return Duration.isGreaterThanOrEqualTo(since, silence)
})

/** Takes away what was absent the last time and still is; the answer is what is absent now. */
const look = Effect.fnUntraced(
  function* (before: Absent) {
    const volumes = yield* Volumes
    const silent = yield* Effect.filter(yield* volumes.all, isSilent)
    if (silent.length === 0) return nobody
    const present = yield* Effect.flatMap(Pods, ({ present }) => present)
    // Certlet's own pod stands in every list: one without any is of another node, or of none.
    if (present.size === 0) return nobody
    const absent = silent.filter(({ spec }) => !present.has(spec.pod.uid))
    yield* Effect.forEach(
      absent.filter(({ id }) => before.has(id)),
      clear,
      { discard: true }
    )
    return new Set(absent.map(({ id }) => id))
  },
  asFailure("a defect kept orphans from being looked for"),
  Effect.catch((error) =>
    Effect.as(Effect.logDebug(`it cannot be seen which pods are on this node: ${error.message}`), nobody)
  )
)

const clear = (volume: Volume) =>
  Effect.flatMap(Volumes, ({ locked }) => locked(volume.id)(Effect.uninterruptible(clearIfSilent(volume)))).pipe(
    Effect.catch((error) => Effect.logWarning(`the volume of a pod that is gone stays: ${error.message}`)),
    Effect.annotateLogs({ volumeId: volume.id, pod: podOf(volume) })
  )

/** The kubelet may have called while the API server was asked. */
const clearIfSilent = Effect.fnUntraced(function* (volume: Volume) {
  const volumes = yield* Volumes
  if (!Option.contains(yield* volumes.get(volume.id), volume) || !(yield* isSilent(volume))) return
  yield* Effect.logWarning("the pod is gone and the kubelet is silent about its volume, so the volume is taken away")
  yield* takeAway(volume.id, volume.place.target)
})
