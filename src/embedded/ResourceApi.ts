/**
 * The REST interface of a resource, without a socket: which call a method and a path are, and what the call does to the
 * store. Watches are in `ResourceWatch`. A call ends in a code and a body, or in a refusal; the semantics are those of
 * a real API server: pages of one list show one moment, a delete may carry the uid it means, a write may carry the
 * version it has seen. Pure.
 */
import { Predicate, Result, Schema } from "effect"
import { type Refusal, refusal } from "./ApiStatus.ts"
import type { Verb } from "./ApiUser.ts"
import { jsonPatch } from "./jsonPatch.ts"
import { mergePatch } from "./mergePatch.ts"
import type { ObjectStore, StoredObject } from "./ObjectStore.ts"
import { type Resource, type ResourceName, resourceNames, resources } from "./Resource.ts"
import { type Selector, selector } from "./Selector.ts"
import { strategicMerge } from "./strategicMerge.ts"
import { textAt } from "./valueAt.ts"

/** The parameters behind a path. */
export type Query = Readonly<Record<string, string>>

/** One call: the verb and what it is about. `status` means the subresource of that name. */
export interface Call {
  readonly resource: ResourceName
  readonly verb: Verb
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly status: boolean
  readonly query: Query
  /** How a patch is written; a merge patch where nothing is said. */
  readonly patch?: PatchKind
}

/** The kinds of patches, by their media types. */
const patchKinds = {
  "application/merge-patch+json": "merge",
  "application/json-patch+json": "json",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply"
} as const
type PatchKind = (typeof patchKinds)[keyof typeof patchKinds]

const isPatchType = (type: string): type is keyof typeof patchKinds => Object.hasOwn(patchKinds, type)

/**
 * A path below a resource's root: namespace, name and subresource, as far as it has them; undefined where it is
 * another's.
 */
const partsOf = (resource: Resource, pathname: string) => {
  if (!pathname.startsWith(`${resource.root}/`)) return undefined
  const rest = pathname.slice(resource.root.length)
  const match = /^(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+)(\/status)?)?$/.exec(rest)
  if (match === null || match[2] !== resource.plural) return undefined
  const [, namespace, , name, status] = match
  if (!resource.namespaced && namespace !== undefined) return undefined
  return { namespace, name, status: status !== undefined }
}

const verbs: Readonly<Record<string, Verb>> = { DELETE: "delete", PUT: "update", PATCH: "patch" }

const verbOf = (method: string, named: boolean, query: Query): Verb | undefined => {
  if (method === "GET") return named ? "get" : ["true", "1"].includes(query.watch ?? "") ? "watch" : "list"
  if (method === "POST") return named ? undefined : "create"
  return named ? verbs[method] : undefined
}

/** The call that a request line is; undefined where the API has no such thing. */
export const callOf = (method: string, path: string, query: Query = {}, mediaType = ""): Call | undefined => {
  const patch = isPatchType(mediaType) ? patchKinds[mediaType] : "merge"
  for (const resource of resourceNames) {
    const { namespaced } = resources[resource]
    const parts = partsOf(resources[resource], path)
    if (parts === undefined) continue
    const verb = verbOf(method, parts.name !== undefined, query)
    if (verb === undefined) return undefined
    if (namespaced && parts.namespace === undefined && verb !== "list" && verb !== "watch") return undefined
    return { resource, verb, ...parts, query, patch }
  }
  return undefined
}

/** A list as the API server sends it. */
const listBody = (
  { apiVersion, kind }: Resource,
  items: ReadonlyArray<StoredObject>,
  version: number,
  next: string,
  remaining: number
) => ({
  apiVersion,
  kind: `${kind}List`,
  metadata: {
    resourceVersion: String(version),
    ...(next === "" ? {} : { continue: next, remainingItemCount: remaining })
  },
  items
})

/** How a call was answered. */
export interface Served {
  readonly code: number
  readonly body: unknown
}

/** True for the objects that a list or a watch is about. */
export const selected = ({ namespace, query }: Call): Result.Result<Selector, Refusal> =>
  Result.map(
    selector(query.labelSelector, query.fieldSelector),
    (selects): Selector =>
      (object) =>
        (namespace === undefined || object.metadata.namespace === namespace) && selects(object)
  )

/** The API over one store. */
export class ResourceApi {
  readonly #resource: Resource
  readonly #store: ObjectStore
  /** Lists that are being read page by page: what a continue token stands for. */
  readonly #pages = new Map<string, { readonly items: ReadonlyArray<StoredObject>; readonly version: number }>()
  #tokens = 0

  constructor(resource: Resource, store: ObjectStore) {
    this.#resource = resource
    this.#store = store
  }

  /** Does what the call says, in the name of `user`. */
  act(call: Call, user: string, body: unknown): Result.Result<Served, Refusal> {
    const namespace = call.namespace ?? ""
    const name = call.name ?? ""
    const answer = (code: number) => Result.map((body: unknown): Served => ({ code, body }))
    switch (call.verb) {
      case "list":
      case "watch":
        return answer(200)(this.#list(call))
      case "create":
        return answer(201)(this.#create(body, namespace, user))
      case "get": {
        const object = this.#store.get(namespace, name)
        return object === undefined
          ? Result.fail(refusal.notFound(this.#resource.qualified, name))
          : Result.succeed({ code: 200, body: object })
      }
      case "delete": {
        const grace = this.#graceOf(call, body)
        const deleted = this.#store.delete(namespace, name, textAt(body, "preconditions", "uid"), grace)
        const success = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" }
        return Result.map(deleted, (object) => ({ code: 200, body: grace > 0 ? object : success }))
      }
      default:
        return answer(200)(this.#change(call, body))
    }
  }

  #list(call: Call): Result.Result<unknown, Refusal> {
    const token = call.query.continue ?? ""
    const known = this.#pages.get(token)
    this.#pages.delete(token)
    if (token !== "" && (known === undefined || known.version < this.#store.oldest)) {
      return Result.fail(refusal.expired("The provided continue parameter is too old"))
    }
    return Result.map(selected(call), (selects) => {
      const { items, version } = known ?? {
        items: this.#store.all().filter(selects),
        version: this.#store.version
      }
      const limit = Number(call.query.limit ?? 0) || items.length
      const rest = items.slice(limit)
      const next = rest.length === 0 ? "" : `page-${++this.#tokens}`
      if (next !== "") this.#pages.set(next, { items: rest, version })
      return listBody(this.#resource, items.slice(0, limit), version, next, rest.length)
    })
  }

  #create(body: unknown, namespace: string, user: string): Result.Result<StoredObject, Refusal> {
    const prefix = textAt(body, "metadata", "generateName")
    const isUnnamed = prefix !== undefined && textAt(body, "metadata", "name") === undefined
    const given = isUnnamed ? mergePatch(body, { metadata: { name: this.#store.freshName(prefix) } }) : body
    return Result.flatMap(this.#resource.admit(given, namespace, user), (object) => this.#store.create(object))
  }

  /** A pod that a node runs is let go by its kubelet, unless it is deleted by force. */
  #graceOf({ name = "", namespace = "", query }: Call, body: unknown): number {
    const object = this.#store.get(namespace, name)
    if (this.#resource.kind !== "Pod" || textAt(object, "spec", "nodeName") === undefined) return 0
    const given = Predicate.hasProperty(body, "gracePeriodSeconds") ? body.gracePeriodSeconds : query.gracePeriodSeconds
    return given === undefined || given === null ? 30 : Number(given)
  }

  /**
   * A write changes the status and nothing else; without the subresource all but the identity, or labels and
   * annotations.
   */
  #change(call: Call, body: unknown): Result.Result<StoredObject, Refusal> {
    const { name = "", namespace = "" } = call
    const current = this.#store.get(namespace, name)
    if (call.patch === "apply" && call.verb === "patch" && current === undefined) {
      return this.#create(body, namespace, "")
    }
    return Result.flatMap(this.#patched(call, current, body), (next) =>
      this.#store.update(
        namespace,
        name,
        (stored) => this.#written(call, stored, next),
        textAt(body, "metadata", "resourceVersion")
      )
    )
  }

  /** The object as a write wants it. */
  #patched(call: Call, current: StoredObject | undefined, body: unknown): Result.Result<unknown, Refusal> {
    if (call.verb !== "patch" || current === undefined) return Result.succeed(body)
    if (call.patch === "strategic") return Result.succeed(strategicMerge(current, body))
    if (call.patch !== "json") return Result.succeed(mergePatch(current, body))
    return Result.mapError(jsonPatch(current, body), refusal.badRequest)
  }

  /** What of a write counts. */
  #written({ status }: Call, current: StoredObject, next: unknown): StoredObject {
    if (!Predicate.isObject(next)) return current
    const fields: Readonly<Record<string, unknown>> = { ...next }
    if (status) return { ...current, status: fields.status }
    const metadata = metadataOf(current, fields.metadata)
    if (!this.#resource.editable) return { ...current, metadata }
    const kept = this.#resource.hasStatus && "status" in current ? { status: current.status } : {}
    const { apiVersion, kind } = current
    return { ...fields, ...kept, apiVersion, kind, metadata }
  }
}

/** The metadata that a write leaves: what the server gave stays, what clients own is theirs. */
const metadataOf = (current: StoredObject, given: unknown): StoredObject["metadata"] => {
  const { annotations, finalizers, labels, ownerReferences, ...own } = current.metadata
  const wanted = Result.getOrElse(decodeMetadata(given), () => ({}))
  return { ...own, ...wanted }
}

const StringMap = Schema.Record(Schema.String, Schema.String)

const decodeMetadata = Schema.decodeUnknownResult(
  Schema.Struct({
    labels: Schema.optionalKey(StringMap),
    annotations: Schema.optionalKey(StringMap),
    finalizers: Schema.optionalKey(Schema.Array(Schema.String)),
    ownerReferences: Schema.optionalKey(
      Schema.Array(
        Schema.StructWithRest(Schema.Struct({ uid: Schema.String }), [Schema.Record(Schema.String, Schema.Unknown)])
      )
    )
  })
)
