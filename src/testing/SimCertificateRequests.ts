/**
 * The API server, the approver and the issuer as one simulated side of `CertificateRequests`. A request that is submitted is
 * kept, approved and signed after the latencies that `SimCluster`'s behaviour names, in virtual time; behaviour can be changed
 * at any moment, and requests that were held back go on when it allows. Everything that was ever submitted stays on record,
 * so that a judge can look for keys that served twice.
 */
import { Context, Deferred, Duration, Effect, FiberSet, Layer, Option, Ref } from "effect"
import type { RequestReference, RequestState } from "../issuance/CertificateRequest.ts"
import {
  CertificateRequests,
  type EndedState,
  type RequestDraft,
  RequestError
} from "../issuance/CertificateRequests.ts"
import { simKeyPair } from "./SimCrypto.ts"
import { makeSimIssuer, type SimIssuer } from "./SimIssuer.ts"
import { randomBytes } from "./SimKeyGenerator.ts"

/** How the cluster behaves from now on. */
export interface Behaviour {
  /** What a call to the API server meets: it answers, or fails with this reason. */
  readonly api: "up" | RequestError["reason"]
  readonly approval: "approve" | "hold" | "deny"
  readonly issuer: "sign" | "hold" | "fail" | "signWrongKey"
  /** From a request's creation to its end, when nothing holds it back. */
  readonly latency: Duration.Duration
  /** The lifetime that the issuer gives, whatever is asked for; none gives what is asked for. */
  readonly lifetime: Option.Option<Duration.Duration>
}

const calm: Behaviour = {
  api: "up",
  approval: "approve",
  issuer: "sign",
  latency: Duration.millis(20),
  lifetime: Option.none()
}

interface Entry {
  readonly draft: RequestDraft
  state: RequestState
  readonly approved: Deferred.Deferred<void>
  readonly ended: Deferred.Deferred<EndedState, RequestError>
}

/** The levers and the window of the simulated cluster. */
export class SimCluster extends Context.Service<
  SimCluster,
  {
    readonly behave: (change: Partial<Behaviour>) => Effect.Effect<void>
    /** Every draft that was ever accepted, in order. */
    readonly submitted: Effect.Effect<ReadonlyArray<RequestDraft>>
    /** The requests that exist now. */
    readonly present: Effect.Effect<ReadonlyArray<{ readonly name: string; readonly state: RequestState }>>
    /** Somebody deletes a request. */
    readonly remove: (name: string) => Effect.Effect<void>
  }
>()("certlet/testing/SimCluster") {}

const keyOf = ({ name, namespace }: RequestReference): string => `${namespace}/${name}`

const referenceOf = ({ name, spec }: RequestDraft): RequestReference => ({ name, namespace: spec.pod.namespace })

/** Everything that the simulated cluster remembers. */
interface World {
  readonly issuer: SimIssuer
  readonly fibers: FiberSet.FiberSet
  readonly behaviour: Ref.Ref<Behaviour>
  readonly entries: Map<string, Entry>
  readonly submitted: Array<RequestDraft>
}

const call = (world: World, action: string) =>
  Effect.flatMap(Ref.get(world.behaviour), ({ api }) =>
    api === "up" ? Effect.void : Effect.fail(new RequestError({ reason: api, action, detail: "simulated" }))
  )

const end = (entry: Entry, state: EndedState) =>
  Effect.suspend(() => {
    entry.state = state
    return Effect.asVoid(
      Effect.andThen(Deferred.succeed(entry.approved, undefined), Deferred.succeed(entry.ended, state))
    )
  })

const sign = Effect.fnUntraced(function* (world: World, entry: Entry, mood: Behaviour) {
  const { signingRequest, spec } = entry.draft
  const duration = Option.getOrElse(mood.lifetime, () => spec.duration)
  const stranger = mood.issuer === "signWrongKey" ? simKeyPair(yield* randomBytes).publicKey : undefined
  const signed = yield* world.issuer.sign(signingRequest, duration, stranger)
  yield* end(entry, { _tag: "Ready", signed })
})

/** Carries a request on as far as the behaviour of this moment allows. */
const advance = Effect.fnUntraced(function* (world: World, entry: Entry) {
  const mood = yield* Ref.get(world.behaviour)
  if (world.entries.get(keyOf(referenceOf(entry.draft))) !== entry) return
  if (yield* Deferred.isDone(entry.ended)) return
  if (entry.state._tag === "AwaitingApproval") {
    if (mood.approval === "hold") return
    if (mood.approval === "deny") return yield* end(entry, { _tag: "Denied", message: "by policy" })
    entry.state = { _tag: "AwaitingSignature", message: "" }
    yield* Deferred.succeed(entry.approved, undefined)
  }
  if (mood.issuer === "hold") return
  if (mood.issuer === "fail") return yield* end(entry, { _tag: "Failed", message: "out of ink" })
  yield* sign(world, entry, mood)
})

const create = Effect.fnUntraced(function* (world: World, draft: RequestDraft) {
  const ended = yield* Deferred.make<EndedState, RequestError>()
  const approved = yield* Deferred.make<void>()
  const entry: Entry = { draft, state: { _tag: "AwaitingApproval" }, approved, ended }
  world.entries.set(keyOf(referenceOf(draft)), entry)
  world.submitted.push(draft)
  const { latency } = yield* Ref.get(world.behaviour)
  yield* FiberSet.run(world.fibers, Effect.delay(advance(world, entry), latency))
})

const gone = (key: string) =>
  new RequestError({ reason: "Gone", action: `await CertificateRequest ${key}`, detail: "was deleted" })

const drop = (world: World, key: string) =>
  Effect.gen(function* () {
    const entry = world.entries.get(key)
    world.entries.delete(key)
    if (entry === undefined) return
    yield* Deferred.fail(entry.ended, gone(key))
    yield* Deferred.succeed(entry.approved, undefined)
  })

const requests = (world: World) =>
  CertificateRequests.of({
    submit: Effect.fnUntraced(function* (draft) {
      const reference = referenceOf(draft)
      const action = `create CertificateRequest ${keyOf(reference)}`
      yield* call(world, action)
      const present = world.entries.get(keyOf(reference))
      if (present === undefined) yield* create(world, draft)
      else if (present.draft.volumeId !== draft.volumeId) {
        return yield* new RequestError({ reason: "Conflict", action, detail: "the name is taken" })
      }
      return reference
    }),
    await: (reference) =>
      Effect.suspend(() => {
        const entry = world.entries.get(keyOf(reference))
        return entry === undefined ? Effect.fail(gone(keyOf(reference))) : Deferred.await(entry.ended)
      }),
    awaitApproval: (reference) =>
      Effect.suspend(() => {
        const entry = world.entries.get(keyOf(reference))
        return entry === undefined ? Effect.void : Deferred.await(entry.approved)
      }),
    state: (reference) => Effect.sync(() => world.entries.get(keyOf(reference))?.state ?? { _tag: "Unseen" }),
    discard: Effect.fnUntraced(function* ({ keep, namespace, volumeId }) {
      yield* call(world, "delete CertificateRequests")
      for (const [key, { draft }] of [...world.entries]) {
        const ours = draft.volumeId === volumeId && draft.spec.pod.namespace === namespace
        if (ours && Option.getOrUndefined(keep) !== draft.name) yield* drop(world, key)
      }
    })
  })

const levers = (world: World) =>
  SimCluster.of({
    behave: Effect.fnUntraced(function* (change) {
      yield* Ref.update(world.behaviour, (before) => ({ ...before, ...change }))
      for (const entry of world.entries.values()) yield* FiberSet.run(world.fibers, advance(world, entry))
    }),
    submitted: Effect.sync(() => [...world.submitted]),
    present: Effect.sync(() => [...world.entries.values()].map(({ draft, state }) => ({ name: draft.name, state }))),
    remove: (name) =>
      Effect.suspend(() => {
        const found = [...world.entries].find(([, entry]) => entry.draft.name === name)
        return found === undefined ? Effect.void : drop(world, found[0])
      })
  })

/** The simulated cluster: `CertificateRequests` for the programs, `SimCluster` for the test. */
export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const world: World = {
      issuer: yield* makeSimIssuer,
      fibers: yield* FiberSet.make(),
      behaviour: yield* Ref.make(calm),
      entries: new Map(),
      submitted: []
    }
    return Context.make(CertificateRequests, requests(world)).pipe(Context.add(SimCluster, levers(world)))
  })
)
