/**
 * The wait for a volume's files, which ends with the attempt or with the caller's patience. A caller that runs out of
 * patience reads what was waited for: a prerequisite, the failure that keeps coming back, or whoever has not approved
 * or signed yet. The attempt goes on in any case.
 */
import { Deferred, Duration, Effect, Option, Ref } from "effect"
import type { RequestState } from "../issuance/CertificateRequest.ts"
import { CertificateRequests } from "../issuance/CertificateRequests.ts"
import { IssuanceError } from "../issuance/IssuanceError.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import { missingPrerequisite } from "./prerequisites.ts"
import type { Attempt, Volume } from "./Volume.ts"

/** Waits for the attempt as long as the patience lasts; then says what is still missing. */
export const awaitAttempt = (volume: Volume, attempt: Attempt, patience: Duration.Duration) =>
  Deferred.await(attempt).pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => stillWaiting(volume, patience) })
  )

/** The state that the attempt's request is in, or the failure that keeps it from getting there. */
const stillWaiting = Effect.fnUntraced(function* (volume: Volume, waited: Duration.Duration) {
  const requests = yield* CertificateRequests
  const { pending } = yield* Ref.get(volume.record)
  const prerequisite = Option.isNone(pending) ? yield* missingPrerequisite(volume) : Option.none()
  if (Option.isSome(prerequisite)) {
    const detail = `waited ${Duration.format(waited)} for ${prerequisite.value}`
    return yield* new IssuanceError({ reason: "NotReady", request: "", detail })
  }
  const { namespace } = volume.spec.pod
  const request = Option.map(pending, ({ requestName: name }) => ({ namespace, name }))
  const state: RequestState = Option.isNone(request) ? { _tag: "Unseen" } : yield* requests.state(request.value)
  const failure = yield* Ref.get(volume.lastFailure)
  // A request that waits for others is what is waited for, whatever went wrong on the way there.
  const isOpen = state._tag === "AwaitingApproval" || state._tag === "AwaitingSignature"
  if (Option.isSome(failure) && !isOpen) return yield* Effect.fail(failure.value.error.reason)
  return yield* new IssuanceError({
    reason: "Pending",
    request: Option.match(request, { onNone: () => "", onSome: namespacedName }),
    detail: `${missing(state)} after ${Duration.format(waited)}`
  })
})

const missing = (state: RequestState): string => {
  switch (state._tag) {
    case "Unseen":
      return "not seen at the API server yet"
    case "AwaitingApproval":
      return "not approved yet"
    case "AwaitingSignature":
      return state.message === "" ? "approved, not signed yet" : `approved, not signed yet (${state.message})`
    default:
      return "decided just now, its files are not in place yet"
  }
}
