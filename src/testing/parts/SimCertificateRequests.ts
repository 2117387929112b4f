/**
 * The simulated side of `CertificateRequests`: a node's client of the simulated API server. It stands where the live client
 * stands and keeps what it learns in the same store: it lists, watches from there, takes a broken watch up again and lists
 * anew where the server has forgotten the place (410). `SimControlPlane` is the lever and the window of the side behind it, for
 * tests of one node; `SimCluster` has many nodes on one such server.
 */
import { Cause, Context, Effect, Layer, Option, Redacted, Result, Schema, type Scope } from "effect"
import { type Refusal, refusalOf } from "../../embedded/ApiStatus.ts"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { newRequest } from "../../embedded/RequestRules.ts"
import {
  CertificateRequest,
  type RequestReference,
  type RequestState,
  requestState
} from "../../issuance/CertificateRequest.ts"
import { CertificateRequests, type RequestDraft, type RequestError } from "../../issuance/CertificateRequests.ts"
import { hashIdentifier, nodeLabel, volumeAnnotation } from "../../issuance/RequestLabels.ts"
import { requestManifest } from "../../issuance/RequestManifest.ts"
import { RequestStore, requestsInto } from "../../issuance/RequestStore.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { type ApiBehaviour, type Link, makeSimApiServer, type SimApiServer } from "./SimApiServer.ts"
import { type IssuanceBehaviour, SimControllers } from "./SimControllers.ts"
import { makeSimIssuer } from "./SimIssuer.ts"
import { follow, type Watched } from "./simWatch.ts"

const decodeRequest = Schema.decodeUnknownResult(CertificateRequest)

const read = new WeakMap<StoredObject, CertificateRequest>()

/** An object as the client reads it; stored objects never change, so each is decoded once, however often it is told of. */
const asRequest = (object: StoredObject): CertificateRequest => {
  const request = read.get(object) ?? Result.getOrThrow(decodeRequest(object))
  read.set(object, request)
  return request
}

/** The parts of one client. */
interface Client {
  readonly server: SimApiServer
  readonly link: Link
  readonly store: RequestStore
  readonly submitted: (draft: RequestDraft) => void
}

/** In whose name a draft is submitted: the pod's own where a token says so. */
const userOf = ({ server }: Client, { token }: RequestDraft): Result.Result<string, Refusal> => {
  if (Option.isNone(token)) return Result.succeed("certlet")
  const user = server.userOf(Redacted.value(token.value))
  return user === undefined ? Result.fail({ ...refusalOf(401), message: "Unauthorized" }) : Result.succeed(user)
}

const create = (client: Client, draft: RequestDraft) => {
  const { link, server } = client
  const { namespace } = draft.spec.pod
  return server.call(link, `create CertificateRequest ${namespace}/${draft.name}`, () =>
    Result.gen(function* () {
      const user = yield* userOf(client, draft)
      const created = yield* server.store.create(yield* newRequest(requestManifest(link.node, draft), namespace, user))
      client.submitted(draft)
      return asRequest(created)
    })
  )
}

/** The object that already has this draft's name, where it is this draft's own; otherwise the name is taken. */
const ownAlready = Effect.fnUntraced(function* (client: Client, draft: RequestDraft, conflict: RequestError) {
  const { link, server, store } = client
  const { namespace } = draft.spec.pod
  const isOurs = (volumeId: string | undefined, ownerUid: string | undefined) =>
    volumeId === draft.volumeId && ownerUid === draft.spec.pod.uid
  const known = store.get({ namespace, name: draft.name })
  if (known !== undefined) return isOurs(known.volumeId, known.ownerUid) ? Option.none() : yield* conflict
  const found = yield* server.call(link, `list CertificateRequests in ${namespace}`, () =>
    Result.succeed(server.store.get(namespace, draft.name))
  )
  if (!isOurs(found?.metadata.annotations?.[volumeAnnotation], found?.metadata.ownerReferences?.[0]?.uid)) {
    return yield* conflict
  }
  return Option.map(Option.fromUndefinedOr(found), asRequest)
})

const submit = Effect.fnUntraced(function* (client: Client, draft: RequestDraft) {
  const request: RequestReference = { namespace: draft.spec.pod.namespace, name: draft.name }
  const submission = client.store.submitting(request, draft.volumeId)
  return yield* Effect.asSome(create(client, draft)).pipe(
    Effect.catchIf(
      (error) => error.reason === "Conflict",
      (conflict) => ownAlready(client, draft, conflict)
    ),
    Effect.onExit((exit) =>
      Effect.sync(() => {
        if (exit._tag === "Success") {
          return Option.match(exit.value, { onNone: submission.refused, onSome: submission.succeeded })
        }
        const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
        return error === undefined || error.reason === "Unavailable" ? submission.uncertain() : submission.refused()
      })
    ),
    Effect.as(request)
  )
})

const remove = ({ link, server, store }: Client, request: RequestReference, uid: string | undefined) =>
  server
    .call(link, `delete CertificateRequest ${namespacedName(request)}`, () =>
      server.store.delete(request.namespace, request.name, uid)
    )
    .pipe(
      Effect.catchIf(
        (error) => error.reason === "Missing" || (error.reason === "Conflict" && uid !== undefined),
        () => Effect.void
      ),
      Effect.andThen(Effect.sync(() => store.gone(request, uid)))
    )

/** The volume's requests: those that are known, those of which nobody knows, and right after a start those that are listed. */
const ofVolume = Effect.fnUntraced(function* ({ link, server, store }: Client, namespace: string, volumeId: string) {
  const found = new Map<string, string | undefined>()
  for (const { name } of store.uncertainOf(namespace, volumeId)) found.set(name, undefined)
  for (const { name, uid } of store.ofVolume(namespace, volumeId)) found.set(name, uid)
  if (store.synced) return found
  const listed = yield* server.call(link, `list CertificateRequests in ${namespace}`, () =>
    Result.succeed(server.store.all().filter(({ metadata }) => metadata.namespace === namespace))
  )
  for (const { metadata } of listed) {
    if (metadata.annotations?.[volumeAnnotation] === volumeId) found.set(metadata.name, metadata.uid)
  }
  return found
})

const discard = Effect.fnUntraced(function* (
  client: Client,
  volume: { readonly volumeId: string; readonly namespace: string; readonly keep: Option.Option<string> }
) {
  const { namespace } = volume
  const requests = yield* ofVolume(client, namespace, volume.volumeId)
  const doomed = [...requests].filter(([name]) => name !== Option.getOrUndefined(volume.keep))
  yield* Effect.forEach(doomed, ([name, uid]) => remove(client, { namespace, name }, uid), {
    concurrency: 4,
    discard: true
  })
})

/** The requests of a node. */
const requestsOf = ({ node }: Link, { store }: SimApiServer): Watched<CertificateRequest> => {
  const label = hashIdentifier(node)
  const selects = (object: StoredObject) => object.metadata.labels?.[nodeLabel] === label
  return { kind: "CertificateRequests", store, selects, read: (object) => Option.some(asRequest(object)) }
}

/** A node's client; it follows the server as long as the scope lives. */
export const makeSimCertificateRequests = Effect.fnUntraced(function* (
  server: SimApiServer,
  link: Link,
  submitted: (draft: RequestDraft) => void = () => undefined
): Effect.fn.Return<CertificateRequests["Service"], never, Scope.Scope> {
  const client: Client = { server, link, store: new RequestStore(), submitted }
  yield* Effect.forkScoped(follow(server, link, requestsOf(link, server), requestsInto(client.store)))
  return CertificateRequests.of({
    submit: (draft) => submit(client, draft),
    await: (request) => client.store.await(request),
    awaitApproval: (request) => client.store.awaitApproval(request),
    state: (request) => Effect.sync(() => client.store.get(request)?.state ?? { _tag: "Unseen" }),
    discard: (volume) => discard(client, volume)
  })
})

/** The levers and the window of the cluster behind one node: its API server, approver and issuer. */
export class SimControlPlane extends Context.Service<
  SimControlPlane,
  {
    readonly behave: (change: Partial<ApiBehaviour & IssuanceBehaviour>) => Effect.Effect<void>
    /** Every draft that was ever accepted, in order. */
    readonly submitted: Effect.Effect<ReadonlyArray<RequestDraft>>
    /** The requests that exist now. */
    readonly present: Effect.Effect<ReadonlyArray<{ readonly name: string; readonly state: RequestState }>>
    /** Somebody deletes a request. */
    readonly remove: (name: string) => Effect.Effect<void>
  }
>()("certlet/testing/SimControlPlane") {}

/** One node's side of a cluster of its own: `CertificateRequests` for the programs, `SimControlPlane` for the test. */
export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const server = yield* makeSimApiServer("control plane")
    const controllers = new SimControllers(server, yield* makeSimIssuer)
    const submitted: Array<RequestDraft> = []
    const link = { node: "node-1", cut: false }
    const requests = yield* makeSimCertificateRequests(server, link, (draft) => submitted.push(draft))
    const plane = SimControlPlane.of({
      behave: (change) => behave(server, controllers, change),
      submitted: Effect.sync(() => [...submitted]),
      present: Effect.sync(() =>
        server.store.all().map((object) => ({ name: object.metadata.name, state: requestState(asRequest(object)) }))
      ),
      remove: (name) =>
        Effect.sync(() => {
          for (const { metadata } of server.store.all()) {
            if (metadata.name === name) server.store.delete(metadata.namespace, name)
          }
        })
    })
    return Context.make(CertificateRequests, requests).pipe(Context.add(SimControlPlane, plane))
  })
)

/** Changes the behaviour of a cluster from now on; what was held back goes on where it may. */
export const behave = (
  server: SimApiServer,
  controllers: SimControllers,
  change: Partial<ApiBehaviour & IssuanceBehaviour>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { api, callLatency, duplicated, lost, throttled, watchLatency } = { ...server.behaviour, ...change }
    server.behaviour = { api, callLatency, duplicated, lost, throttled, watchLatency }
    controllers.behaviour = { ...controllers.behaviour, ...change }
    const down = api === "Unavailable" ? server.dropWatches(() => true, "the server is gone (simulated)") : Effect.void
    return Effect.andThen(down, controllers.goOn)
  })
