/**
 * The `CertificateRequests` of an API server: cert-manager's objects. Calls are few (one create per request, one delete
 * per predecessor); everything that is read comes from the one watch. It asks for no right beyond create, list, watch
 * and delete: where a single object is needed, it is listed by its name. When it is built nothing has been called yet
 * that could fail: a certlet whose API server is away starts, serves what needs no API server, and waits for the rest.
 */
import { Cause, Effect, Layer, Option, Result, Schema } from "effect"
import type { ApiError } from "../kube/ApiError.ts"
import { type ApiCall, ApiServer } from "../kube/ApiServer.ts"
import type { WatchStore } from "../kube/WatchStore.ts"
import { type Watched, watch } from "../kube/watch.ts"
import { Settings } from "../Settings.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import { CertificateRequest, type RequestReference } from "./CertificateRequest.ts"
import { CertificateRequests, type RequestDraft, RequestError } from "./CertificateRequests.ts"
import { requestSelector, volumeAnnotation } from "./RequestLabels.ts"
import { requestManifest } from "./RequestManifest.ts"
import { RequestStore } from "./RequestStore.ts"

const List = Schema.Struct({ items: Schema.Array(CertificateRequest) })

const decodeRequest = Schema.decodeUnknownResult(CertificateRequest)
const decodeList = Schema.decodeUnknownResult(List)

/** What the parts below share. */
interface Cluster {
  readonly server: ApiServer["Service"]
  readonly store: RequestStore
  readonly nodeId: string
}

const failureOf = ({
  action,
  detail,
  reason,
  retryAfterMillis
}: Pick<ApiError, "action" | "detail" | "reason"> & {
  readonly retryAfterMillis?: number | undefined
}): RequestError => {
  const retryAfter = retryAfterMillis === undefined ? {} : { retryAfterMillis }
  return new RequestError({ action, detail, reason, ...retryAfter })
}

/** A call that is about requests fails as one. */
const call = ({ server }: Cluster, call: ApiCall): Effect.Effect<unknown, RequestError> =>
  Effect.mapError(server.call(call), failureOf)

const collection = (namespace: string) =>
  `/apis/cert-manager.io/v1/namespaces/${encodeURIComponent(namespace)}/certificaterequests`

/** The requests in a namespace that a selector picks, asked of the server itself. */
const listed = (
  cluster: Cluster,
  namespace: string,
  query: Readonly<Record<string, string>>
): Effect.Effect<ReadonlyArray<CertificateRequest>, RequestError> => {
  const action = `list CertificateRequests in ${namespace}`
  return Effect.flatMap(call(cluster, { action, method: "GET", path: collection(namespace), query }), (body) =>
    Result.match(decodeList(body), {
      onFailure: () =>
        Effect.fail(new RequestError({ reason: "Unavailable", action, detail: "the list cannot be read" })),
      onSuccess: (list) => Effect.succeed(list.items)
    })
  )
}

const isOurs = (draft: RequestDraft, volumeId: string | undefined, ownerUid: string | undefined) =>
  volumeId === draft.volumeId && ownerUid === draft.spec.pod.uid

const referenceTo = ({ name, spec }: RequestDraft): RequestReference => ({ namespace: spec.pod.namespace, name })

/** True where the watch has shown the draft's own request, whatever became of the create's answer. */
const isShown = ({ store }: Cluster, draft: RequestDraft): boolean => {
  const known = store.get(referenceTo(draft))
  return known !== undefined && isOurs(draft, known.volumeId, known.ownerUid)
}

/** The object that already has this draft's name, where it is this draft's own; otherwise the name is taken. */
const ownAlready = Effect.fnUntraced(function* (cluster: Cluster, draft: RequestDraft, conflict: RequestError) {
  const { namespace } = draft.spec.pod
  if (cluster.store.get(referenceTo(draft)) !== undefined) return yield* conflict
  // Answered twice, by a network that lost the first answer, or by the certlet before this one: the watch may not have
  // it yet.
  const [found] = yield* listed(cluster, namespace, { fieldSelector: `metadata.name=${draft.name}` }).pipe(
    Effect.mapError((error) => unknownYet(error, "a request of this name is there, and it may be certlet's own"))
  )
  const { annotations, ownerReferences } = found?.metadata ?? {}
  if (found === undefined || !isOurs(draft, annotations?.[volumeAnnotation], ownerReferences?.[0]?.uid)) {
    return yield* conflict
  }
  return Option.some(found)
})

const create = Effect.fnUntraced(function* (cluster: Cluster, draft: RequestDraft) {
  const { namespace } = draft.spec.pod
  const action = `create CertificateRequest ${namespacedName({ namespace, name: draft.name })}`
  const body = requestManifest(cluster.nodeId, draft)
  const answer = yield* call(cluster, {
    action,
    method: "POST",
    path: collection(namespace),
    body,
    token: draft.token
  })
  const object = decodeRequest(answer)
  if (Result.isFailure(object)) {
    return yield* new RequestError({ reason: "Unavailable", action, detail: "the answer cannot be read" })
  }
  return Option.some(object.success)
})

/** Nobody knows whether there is such a request, so that the same one is submitted again. */
const unknownYet = ({ action, detail, retryAfterMillis }: RequestError, why: string): RequestError =>
  failureOf({ action, reason: "Unavailable", detail: `${detail} (${why})`, retryAfterMillis })

/** True where an earlier create, of this process or of the one before it, may have made the request. */
const mayExist = ({ store }: Cluster, draft: RequestDraft): boolean =>
  store.isUncertain(referenceTo(draft)) || (draft.resubmitted && !store.synced)

const submit = Effect.fnUntraced(function* (cluster: Cluster, draft: RequestDraft) {
  const request = referenceTo(draft)
  const submission = cluster.store.submitting(request, draft.volumeId)
  return yield* create(cluster, draft).pipe(
    Effect.catchIf(
      () => isShown(cluster, draft),
      () => Effect.succeedNone
    ),
    Effect.catchIf(
      (error) => error.reason === "Conflict",
      (conflict) => ownAlready(cluster, draft, conflict)
    ),
    // An API server that has just started forbids everything for a moment: no reason to ask for another certificate.
    Effect.catchIf(
      (error) => error.reason === "Forbidden" && mayExist(cluster, draft),
      (error) => Effect.fail(unknownYet(error, "an earlier try may have made the request"))
    ),
    Effect.onExit((exit) =>
      Effect.sync(() => {
        if (exit._tag === "Success") {
          return Option.match(exit.value, { onNone: submission.refused, onSome: submission.succeeded })
        }
        // Only an answer tells that there is no such request; no answer, or an interruption, tells nothing.
        const reason = Option.getOrUndefined(Cause.findErrorOption(exit.cause))?.reason ?? "Unavailable"
        if (reason === "Unavailable") return submission.uncertain()
        return reason === "Conflict" ? submission.taken() : submission.refused()
      })
    ),
    Effect.as(request)
  )
})

const remove = (cluster: Cluster, request: RequestReference, uid: string | undefined) =>
  call(cluster, {
    action: `delete CertificateRequest ${namespacedName(request)}`,
    method: "DELETE",
    path: `${collection(request.namespace)}/${encodeURIComponent(request.name)}`,
    // The uid makes sure that exactly the object that was looked at is deleted, and no other that has its name by now.
    body: { propagationPolicy: "Background", ...(uid === undefined ? {} : { preconditions: { uid } }) }
  }).pipe(
    Effect.catchIf(
      (error) => error.reason === "Missing" || (error.reason === "Conflict" && uid !== undefined),
      () => Effect.void
    ),
    Effect.andThen(Effect.sync(() => cluster.store.gone(request, uid)))
  )

/**
 * The volume's requests. A label is a hash of 32 bits, so that it may select another volume's request too: only the
 * volume's full id, in the annotation, makes a request this volume's. A request without it was not made by certlet; it
 * is left to the garbage collector, which removes it with its pod.
 */
const ofVolume = Effect.fnUntraced(function* (cluster: Cluster, namespace: string, volumeId: string) {
  const { store, nodeId } = cluster
  const known = store.ofVolume(namespace, volumeId)
  // Right after a start the watch has not shown everything yet.
  const further = store.synced
    ? []
    : yield* listed(cluster, namespace, { labelSelector: requestSelector(nodeId, volumeId) })
  const found = new Map<string, string | undefined>()
  for (const { name } of store.uncertainOf(namespace, volumeId)) found.set(name, undefined)
  for (const { name, uid } of known) found.set(name, uid)
  for (const { metadata } of further) {
    if (metadata.annotations?.[volumeAnnotation] === volumeId) found.set(metadata.name, metadata.uid)
  }
  return [...found].map(([name, uid]) => ({ name, uid }))
})

/** The node's requests, in all namespaces. */
const watched = (nodeId: string): Watched<CertificateRequest> => ({
  kind: "CertificateRequests",
  path: "/apis/cert-manager.io/v1/certificaterequests",
  query: { labelSelector: requestSelector(nodeId) },
  decode: (object) => Result.getSuccess(decodeRequest(object)),
  meanwhile: "no certificate is seen to be issued until this works"
})

/** Where a watch on the requests writes what it learns. */
const requestsInto = (store: RequestStore): WatchStore<CertificateRequest> => ({
  listing: () => store.listing(),
  seen: (request) => store.seen(request),
  gone: ({ metadata }) => store.gone(metadata, metadata.uid)
})

/** cert-manager's CertificateRequests, for the node that the settings name. */
export const layer: Layer.Layer<CertificateRequests, never, ApiServer | Settings> = Layer.effect(
  CertificateRequests,
  Effect.gen(function* () {
    const { nodeId } = yield* Settings
    const server = yield* ApiServer
    const store = new RequestStore()
    const cluster: Cluster = { server, store, nodeId }
    // At once, so that nobody is told that all is well before anything has been read.
    yield* Effect.forkScoped(watch(server, watched(nodeId), requestsInto(store)), { startImmediately: true })
    return CertificateRequests.of({
      submit: Effect.fn("CertificateRequests.submit")((draft) => submit(cluster, draft)),
      await: Effect.fn("CertificateRequests.await")((request) => store.await(request)),
      awaitApproval: Effect.fn("CertificateRequests.awaitApproval")((request) => store.awaitApproval(request)),
      state: (request) => Effect.sync(() => store.get(request)?.state ?? { _tag: "Unseen" }),
      discard: Effect.fn("CertificateRequests.discard")(function* ({ volumeId, namespace, isDoomed }) {
        const requests = yield* ofVolume(cluster, namespace, volumeId)
        const doomed = requests.filter(({ name }) => isDoomed(name))
        yield* Effect.forEach(doomed, ({ name, uid }) => remove(cluster, { namespace, name }, uid), {
          concurrency: 4,
          discard: true
        })
      })
    })
  })
)
