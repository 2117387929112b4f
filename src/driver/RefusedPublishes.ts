/**
 * The publishes of the last quarter of an hour that were refused and left no volume: a pod hangs, and its owner reads
 * why in its Events, but an operator would look for it in vain. Each is kept once, with its sentence, until the volume
 * is published after all, is unpublished, or nobody asks for it any more. A node keeps a bounded number of them, in
 * memory.
 */
import { Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { kubeletPrefix } from "../spec/VolumeContext.ts"
import { adviceFor } from "./Advice.ts"
import type { PublishCall } from "./DriverCalls.ts"
import type { PublishError } from "./DriverError.ts"
import { issuerIn } from "./Untended.ts"
import type { VolumeState, VolumeStatus } from "./VolumeStatus.ts"

/** How long a refusal is shown after the kubelet's last call; it calls again every two minutes at least. */
const shown = Duration.minutes(15)
/** The most that are kept; the oldest goes first. */
const most = 256

interface Refused {
  readonly status: VolumeStatus
  /** What is refused, in one word: a volume is logged once for each. */
  readonly kind: string
  readonly at: DateTime.Utc
}

const statusOf = ({ context, target, volumeId }: PublishCall, error: PublishError): VolumeStatus => {
  const [name = "", namespace = "", uid = ""] = ["pod.name", "pod.namespace", "pod.uid"].map(
    (key) => context[kubeletPrefix + key]
  )
  const state: VolumeState = "Refused"
  const refused = `${error.message}; ${adviceFor(error.reason)}`
  return { volumeId, target, pod: { namespace, name, uid }, issuer: issuerIn(context), names: [], state, refused }
}

/** The refused publishes of this process. */
export class RefusedPublishes extends Context.Service<
  RefusedPublishes,
  {
    /** Keeps a refusal; true where it is news. */
    readonly note: (call: PublishCall, error: PublishError) => Effect.Effect<boolean>
    readonly forget: (volumeId: string) => Effect.Effect<void>
    /** The status of each, the oldest first. */
    readonly all: Effect.Effect<ReadonlyArray<VolumeStatus>>
  }
>()("certlet/driver/RefusedPublishes") {
  static readonly layer = Layer.sync(RefusedPublishes, () => {
    const refused = new Map<string, Refused>()
    const forgetOld = Effect.map(DateTime.now, (now) => {
      for (const [id, { at }] of refused) {
        if (Duration.isGreaterThan(DateTime.distance(at, now), shown)) refused.delete(id)
      }
      return now
    })
    return RefusedPublishes.of({
      note: Effect.fnUntraced(function* (call, error) {
        const at = yield* forgetOld
        const before = Option.fromUndefinedOr(refused.get(call.volumeId))
        const kind = error.reason._tag
        // The last one to be refused is the last one to go.
        refused.delete(call.volumeId)
        refused.set(call.volumeId, { status: statusOf(call, error), kind, at })
        const [oldest] = refused.keys()
        if (refused.size > most && oldest !== undefined) refused.delete(oldest)
        return !Option.exists(before, (known) => known.kind === kind)
      }),
      forget: (volumeId) => Effect.sync(() => void refused.delete(volumeId)),
      all: Effect.map(forgetOld, () => [...refused.values()].map(({ status }) => status))
    })
  })
}
