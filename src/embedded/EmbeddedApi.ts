/**
 * The one API server in memory: the objects of every resource, who may do what with them, and what calls and watches
 * mean. It has no socket, no timer and no chance of its own, and is synchronous: a call is one step. Three faces look
 * onto it: HTTPS (`NodeApiServer`), the simulated network (`SimApiServer`) and the contract suites. Pure.
 */
import { DateTime, Result } from "effect"
import { rfc3339 } from "../spec/rfc3339.ts"
import { type Refusal, refusal } from "./ApiStatus.ts"
import type { ApiUser } from "./ApiUser.ts"
import { ObjectStore } from "./ObjectStore.ts"
import { each, type ResourceName, resources } from "./Resource.ts"
import { type Call, ResourceApi, type Served } from "./ResourceApi.ts"
import { ResourceWatch } from "./ResourceWatch.ts"

/** The objects of every resource. */
export type Stores = Readonly<Record<ResourceName, ObjectStore>>

/** An API server. */
export class EmbeddedApi {
  readonly stores: Stores
  readonly #now: () => number
  readonly #apis: Readonly<Record<ResourceName, ResourceApi>>

  /** `now` gives milliseconds since 1970, `uid` a new unique id. */
  constructor({ now, uid }: { readonly now: () => number; readonly uid: () => string }) {
    this.#now = now
    this.stores = each((name) => new ObjectStore({ resource: resources[name].qualified, now: this.timestamp, uid }))
    this.stores.namespaces.subscribe(({ object, type }) => {
      if (type === "DELETED") this.#emptyNamespace(object.metadata.name)
    })
    this.#apis = each((name) => new ResourceApi(resources[name], this.stores[name]))
  }

  /** Now, as objects write it: RFC 3339, to the second. */
  readonly timestamp = (): string => rfc3339(DateTime.makeUnsafe(this.#now()))

  /** Does what a call says, in the name of its user; undefined is nobody who is known, or nothing that the API has. */
  act(user: ApiUser | undefined, call: Call | undefined, body: unknown): Result.Result<Served, Refusal> {
    return Result.flatMap(this.#allowed(user, call), ({ call, user }) =>
      this.#apis[call.resource].act(call, user.name, body)
    )
  }

  /** Grants a watch. */
  watch(user: ApiUser | undefined, call: Call | undefined): Result.Result<ResourceWatch, Refusal> {
    return Result.flatMap(this.#allowed(user, call), ({ call }) =>
      ResourceWatch.open(resources[call.resource], this.stores[call.resource], call)
    )
  }

  /** Forgets the history of everything: whoever watches from before this moment is too late (410). */
  forget(): void {
    for (const store of Object.values(this.stores)) store.compact()
  }

  /** What is in a namespace goes with it. */
  #emptyNamespace(namespace: string): void {
    for (const store of Object.values(this.stores)) {
      const within = store.all().filter(({ metadata }) => metadata.namespace === namespace)
      for (const { metadata } of within) store.delete(namespace, metadata.name)
    }
  }

  #allowed(user: ApiUser | undefined, call: Call | undefined) {
    if (user === undefined) return Result.fail(refusal.unauthorized)
    if (call === undefined) return Result.fail(refusal.noSuchPath)
    const outside = user.namespace !== undefined && user.namespace !== call.namespace
    const may = !outside && (user.verbs[call.resource] ?? []).includes(call.verb)
    return may
      ? Result.succeed({ user, call })
      : Result.fail(refusal.forbidden(user.name, call.verb, resources[call.resource].qualified))
  }
}
