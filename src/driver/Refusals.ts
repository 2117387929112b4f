/**
 * The answers of issuers that were refused, so that a refusal that will repeat does not cost a request a minute. It is
 * one that repeats when a fresh answer, to a new request, has the same fault as the answer before it. From then on the
 * volume waits for growing pauses, and the kubelet's calls do not cut them short. It is kept in memory and outlives a
 * publish that was undone; an unpublish, a usable answer or a restart forgets it.
 */
import { Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { IssuanceError, type Objection } from "../issuance/IssuanceError.ts"
import { spokenDuration } from "../spec/spokenDuration.ts"
import { RenewError } from "./DriverError.ts"

/** What is known of a volume's last refused answer. */
interface Refusal {
  readonly error: RenewError
  readonly objection: Objection
  /** In a row, this one included. */
  readonly times: number
  /** The pause began then. */
  readonly since: DateTime.Utc
  /** The pause ends then. */
  readonly nextTry: DateTime.Utc
}

/** How long a refusal is remembered of a volume that nobody publishes any more. */
const memory = Duration.hours(2)

/** The error with the news that nothing is requested at present. */
const heldBack = ({ error }: Refusal, left: Duration.Duration): RenewError => {
  const { reason } = error
  if (!(reason instanceof IssuanceError)) return error
  const detail = `${reason.detail}, the same as the time before; certlet requests the next one in ${spokenDuration(left)}`
  const { objection, request } = reason
  const held = new IssuanceError({ reason: "Mismatch", request, detail, ...(objection && { objection }) })
  return new RenewError({ volumeId: error.volumeId, pod: error.pod, reason: held })
}

/** The refusals of this process. */
export class Refusals extends Context.Service<
  Refusals,
  {
    /** How often in a row the volume's answers were refused for what this error says; 0 if it is about none. */
    readonly count: (error: RenewError) => Effect.Effect<number>
    /** Holds the volume of a counted refusal back until then. */
    readonly hold: (volumeId: string, nextTry: DateTime.Utc) => Effect.Effect<void>
    /** Why a volume is held back at this moment. */
    readonly holding: (volumeId: string) => Effect.Effect<Option.Option<RenewError>>
    readonly forget: (volumeId: string) => Effect.Effect<void>
  }
>()("certlet/driver/Refusals") {
  static readonly layer = Layer.sync(Refusals, () => {
    const refusals = new Map<string, Refusal>()
    const forgetOld = (now: DateTime.Utc) => {
      for (const [id, { nextTry }] of refusals) {
        if (Duration.isGreaterThan(DateTime.distance(nextTry, now), memory)) refusals.delete(id)
      }
    }
    return Refusals.of({
      count: Effect.fnUntraced(function* (error) {
        const objection = error.reason instanceof IssuanceError ? error.reason.objection : undefined
        if (objection === undefined) return 0
        const now = yield* DateTime.now
        forgetOld(now)
        const before = refusals.get(error.volumeId)
        const times = before?.objection === objection ? before.times + 1 : 1
        refusals.set(error.volumeId, { error, objection, times, since: now, nextTry: now })
        return times
      }),
      hold: (volumeId, nextTry) =>
        Effect.map(DateTime.now, (since) => {
          const refusal = refusals.get(volumeId)
          if (refusal !== undefined) refusals.set(volumeId, { ...refusal, since, nextTry })
        }),
      holding: (volumeId) =>
        Effect.map(DateTime.now, (now) => {
          const refusal = refusals.get(volumeId)
          // A clock that was ahead when the pause began and is set right since would prolong it by as much.
          const isSetBack = refusal !== undefined && DateTime.isLessThan(now, refusal.since)
          const left = refusal === undefined || isSetBack ? Duration.zero : DateTime.distance(now, refusal.nextTry)
          return refusal !== undefined && Duration.isPositive(left)
            ? Option.some(heldBack(refusal, left))
            : Option.none()
        }),
      forget: (volumeId) => Effect.sync(() => void refusals.delete(volumeId))
    })
  })
}
