/**
 * The laws of `Kubelet`, as programs: what holds between a kubelet that calls and the handlers that certlet listens
 * with. They run on the live socket and on any simulated kubelet. The scene is the other end: somebody who can make the
 * calls that a kubelet makes, give one up, and see what came back.
 */
import { Context, DateTime, Deferred, Duration, Effect, Exit, Fiber, Option, Queue, Scope } from "effect"
import { type Calls, Kubelet, type KubeletError } from "../../csi/Kubelet.ts"
import { Status } from "../../csi/Status.ts"
import type { PublishCall, UnpublishCall } from "../../driver/DriverCalls.ts"
import { type Law, LawBroken, same } from "./Law.ts"

/** A call that failed at the kubelet's end: the code's name, and the sentence. */
export interface CallFailure {
  readonly code: string
  readonly sentence: string
}

/** What the laws need besides the service. */
export class KubeletScene extends Context.Service<
  KubeletScene,
  {
    /** The kubelet publishes a volume; interrupting it is the kubelet's giving up. */
    readonly publish: (call: {
      readonly volumeId: string
      readonly deadline: Option.Option<DateTime.Utc>
    }) => Effect.Effect<void, CallFailure>
    readonly unpublish: (volumeId: string) => Effect.Effect<void, CallFailure>
    /** Runs a program while time passes. */
    readonly passing: <A, E>(program: Effect.Effect<A, E>) => Effect.Effect<A, E>
  }
>()("certlet/testing/KubeletScene") {}

type KubeletLaw = Law<KubeletError, Kubelet | KubeletScene>

/** What happened at a handler. */
interface Seen {
  readonly what: "publish" | "unpublish" | "interrupted"
  readonly volumeId: string
}

/** Handlers that write down what reaches them; a publish answers as it is told. */
const makeHandlers = Effect.fnUntraced(function* (answer: (request: PublishCall) => Effect.Effect<void, Status>) {
  const seen = yield* Queue.unbounded<Seen>()
  const tell = (what: Seen["what"], { volumeId }: PublishCall | UnpublishCall) => Queue.offer(seen, { what, volumeId })
  const calls: Calls = {
    publish: (request) =>
      Effect.andThen(tell("publish", request), answer(request)).pipe(
        Effect.onInterrupt(() => tell("interrupted", request))
      ),
    unpublish: (request) => Effect.asVoid(tell("unpublish", request)),
    inspect: () => Effect.succeed({ usage: Option.none(), complaints: [] }),
    ready: Effect.succeed(true)
  }
  return { calls, next: Effect.map(Queue.take(seen), ({ volumeId, what }) => `${what} ${volumeId}`) }
})

const call = (volumeId: string, deadline: Option.Option<DateTime.Utc> = Option.none()) => ({ volumeId, deadline })

const succeeds = <A>(program: Effect.Effect<A, CallFailure>) =>
  Effect.mapError(program, ({ code, sentence }) => new LawBroken({ detail: `a call failed: ${code} ${sentence}` }))

const failureOf = <A>(program: Effect.Effect<A, CallFailure>) =>
  Effect.mapError(Effect.flip(program), () => new LawBroken({ detail: "a call succeeded that was to fail" }))

const law = (
  sentence: string,
  trial: (
    kubelet: Kubelet["Service"],
    scene: KubeletScene["Service"]
  ) => Effect.fn.Return<void, KubeletError | LawBroken, Kubelet | KubeletScene | Scope.Scope>
): KubeletLaw => ({
  law: sentence,
  program: Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.fnUntraced(trial)(yield* Kubelet, yield* KubeletScene)
    })
  )
})

const fork = <A, E>(program: Effect.Effect<A, E>) => Effect.forkChild(program, { startImmediately: true })

/** Every law of `Kubelet`; each needs a kubelet of its own. */
export const laws: ReadonlyArray<KubeletLaw> = [
  law("after listen a call reaches its handler", function* (kubelet, scene) {
    const { calls, next } = yield* makeHandlers(() => Effect.void)
    yield* kubelet.listen(calls)
    yield* succeeds(scene.passing(scene.publish(call("one"))))
    yield* same(yield* next, "publish one", "the handler's call")
    yield* succeeds(scene.passing(scene.unpublish("one")))
    yield* same(yield* next, "unpublish one", "the handler's call")
  }),
  law("a handler's status reaches the kubelet, code and sentence", function* (kubelet, scene) {
    const sentence = "pod apps/web: not today; ask again tomorrow"
    const { calls } = yield* makeHandlers(() => Effect.fail(new Status({ code: "PERMISSION_DENIED", sentence })))
    yield* kubelet.listen(calls)
    const failure = yield* failureOf(scene.passing(scene.publish(call("one"))))
    yield* same(`${failure.code} ${failure.sentence}`, `PERMISSION_DENIED ${sentence}`, "the status")
  }),
  law("a call that the kubelet cancels interrupts its handler", function* (kubelet, scene) {
    const { calls, next } = yield* makeHandlers(() => Effect.never)
    yield* kubelet.listen(calls)
    const given = yield* fork(scene.publish(call("one")))
    yield* same(yield* scene.passing(next), "publish one", "the handler's call")
    yield* Fiber.interrupt(given)
    yield* same(yield* scene.passing(next), "interrupted one", "the handler's end")
  }),
  law("a call whose deadline passes interrupts its handler", function* (kubelet, scene) {
    const { calls, next } = yield* makeHandlers(() => Effect.never)
    yield* kubelet.listen(calls)
    const deadline = DateTime.addDuration(yield* DateTime.now, Duration.millis(300))
    const failure = yield* failureOf(scene.passing(scene.publish(call("one", Option.some(deadline)))))
    yield* same(failure.code, "DEADLINE_EXCEEDED", "the code")
    yield* same(yield* next, "publish one", "the handler's call")
    yield* same(yield* scene.passing(next), "interrupted one", "the handler's end")
  }),
  law("when the scope closes no new call is taken, and those in flight may finish", function* (kubelet, scene) {
    const gate = yield* Deferred.make<void>()
    const { calls, next } = yield* makeHandlers(() => Deferred.await(gate))
    const scope = yield* Scope.make()
    yield* Scope.provide(kubelet.listen(calls), scope)
    const early = yield* fork(scene.publish(call("early")))
    yield* same(yield* scene.passing(next), "publish early", "the handler's call")
    const closing = yield* fork(Scope.close(scope, Exit.void))
    yield* failureOf(scene.passing(scene.publish(call("late"))))
    yield* Deferred.succeed(gate, undefined)
    yield* succeeds(scene.passing(Fiber.join(early)))
    yield* scene.passing(Fiber.join(closing))
    yield* failureOf(scene.passing(scene.publish(call("later"))))
  })
]
