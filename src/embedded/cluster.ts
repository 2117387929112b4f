/**
 * A cluster for other people's integration tests: `await using api = await cluster()` is an API server on a real HTTPS
 * socket of this process, without binaries and up in a moment, with an approver and a CA issuer that sign for real. It
 * has the verbs of `EmbeddedCluster` as promises. Any client may come: kubectl, client-go, client-node.
 */
import { Cause, Effect, Exit, Predicate, Scope } from "effect"
import { EmbeddedCluster, type EmbeddedClusterOptions } from "./EmbeddedCluster.ts"
import { type PromisedVerbs, promised } from "./promised.ts"

/** A running cluster, with promises. */
export interface RunningCluster
  extends PromisedVerbs<EmbeddedCluster & { readonly [Symbol.asyncDispose]: () => Effect.Effect<void> }> {}

/** What runs here needs nothing but this process; an error is thrown as it is. */
const call = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromiseExit(effect).then((exit) =>
    Exit.isSuccess(exit) ? exit.value : Promise.reject(Cause.squash(exit.cause))
  )

const told = (error: Error): string | undefined => (Predicate.hasProperty(error, "_tag") ? error.message : undefined)

/** Starts a cluster. */
export const cluster = (options: EmbeddedClusterOptions = {}): Promise<RunningCluster> =>
  call(
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const running = yield* Scope.provide(EmbeddedCluster.make(options), scope)
      return promised({ call, told }, running, { [Symbol.asyncDispose]: () => Scope.close(scope, Exit.void) })
    })
  )
