/**
 * What a publish brings for memory only: the token of the pod's ServiceAccount and the passwords of its keystores. A
 * new volume needs all of it. A volume that has its files goes on with what it was given before, so a secret that
 * cannot be used is handed on as a refusal and not as a failure, and what can be used is taken all the same.
 */
import { Effect, Option, Result } from "effect"
import { Settings } from "../Settings.ts"
import type { SpecError } from "../spec/SpecError.ts"
import { passwordsOf, serviceAccountToken } from "../spec/VolumeSecrets.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { PublishCall } from "./DriverCalls.ts"
import type { Secrets } from "./Volume.ts"

/** The secrets that can be used, and what is refused of the others. */
export interface Brought {
  readonly secrets: Secrets
  readonly refusal: Option.Option<SpecError>
}

/** The secrets of a call. */
export const secretsOfCall = Effect.fnUntraced(function* (
  { context, secrets }: PublishCall,
  spec: VolumeSpec
): Effect.fn.Return<Brought, never, Settings> {
  const { useTokenRequest } = yield* Settings
  const token = yield* Effect.result(useTokenRequest ? serviceAccountToken(context, secrets) : Effect.succeedNone)
  const passwords = yield* Effect.result(passwordsOf(spec, context, secrets))
  return {
    secrets: { token: Result.getOrElse(token, Option.none), passwords: Result.getSuccess(passwords) },
    refusal: Option.orElse(Result.getFailure(token), () => Result.getFailure(passwords))
  }
})

/** Fails where something of it is refused. */
export const requireUsable = ({ refusal }: Brought): Effect.Effect<void, SpecError> =>
  Option.match(refusal, { onNone: () => Effect.void, onSome: Effect.fail })
