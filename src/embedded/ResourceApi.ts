/**
 * The REST interface of a resource, without a socket: which call a method and a path are, and what the call does to the
 * store. Watches are in `ResourceWatch`. A call ends in a code and a body, or in a refusal; the semantics are those of
 * a real API server: pages of one list show one moment, a delete may carry the uid it means, a write may carry the
 * version it has seen. Pure.
 */
import { Predicate, Result } from "effect"
import { type Refusal, refusal } from "./ApiStatus.ts"
import type { Verb } from "./ApiUser.ts"
import { mergePatch } from "./mergePatch.ts"
import type { ObjectStore, StoredObject } from "./ObjectStore.ts"
import { type Resource, type ResourceName, resourceNames, resources } from "./Resource.ts"
import { type Selector, selector } from "./Selector.ts"

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
}

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
export const callOf = (method: string, path: string, query: Query = {}): Call | undefined => {
  for (const resource of resourceNames) {
    const { namespaced } = resources[resource]
    const parts = partsOf(resources[resource], path)
    if (parts === undefined) continue
    const verb = verbOf(method, parts.name !== undefined, query)
    if (verb === undefined) return undefined
    if (namespaced && parts.namespace === undefined && verb !== "list" && verb !== "watch") return undefined
    return { resource, verb, ...parts, query }
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

const textAt = (value: unknown, ...keys: ReadonlyArray<string>): string | undefined => {
  let at = value
  for (const key of keys) at = Predicate.hasProperty(at, key) ? at[key] : undefined
  return Predicate.isString(at) ? at : undefined
}

const isText = (value: unknown): value is Readonly<Record<string, string>> =>
  Predicate.isObject(value) && Object.values(value).every(Predicate.isString)

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
        return answer(201)(
          Result.flatMap(this.#resource.admit(body, namespace, user), (object) => this.#store.create(object))
        )
      case "get": {
        const object = this.#store.get(namespace, name)
        return object === undefined
          ? Result.fail(refusal.notFound(this.#resource.qualified, name))
          : Result.succeed({ code: 200, body: object })
      }
      case "delete": {
        const deleted = this.#store.delete(namespace, name, textAt(body, "preconditions", "uid"))
        const success = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" }
        return Result.map(deleted, () => ({ code: 200, body: success }))
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

  /**
   * A write changes the status and nothing else; without the subresource all but the identity, or labels and
   * annotations.
   */
  #change(call: Call, body: unknown): Result.Result<StoredObject, Refusal> {
    const change = (current: StoredObject): StoredObject => {
      const next = call.verb === "patch" ? mergePatch(current, body) : body
      if (call.status) return { ...current, status: Predicate.hasProperty(next, "status") ? next.status : undefined }
      if (this.#resource.editable && Predicate.isObject(next))
        return { ...current, ...next, metadata: current.metadata }
      const given = Predicate.hasProperty(next, "metadata") ? next.metadata : undefined
      const { labels, annotations, ...metadata } = current.metadata
      return {
        ...current,
        metadata: {
          ...metadata,
          ...(Predicate.hasProperty(given, "labels") && isText(given.labels) ? { labels: given.labels } : {}),
          ...(Predicate.hasProperty(given, "annotations") && isText(given.annotations)
            ? { annotations: given.annotations }
            : {})
        }
      }
    }
    return this.#store.update(
      call.namespace ?? "",
      call.name ?? "",
      change,
      textAt(body, "metadata", "resourceVersion")
    )
  }
}
