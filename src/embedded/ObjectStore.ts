/**
 * What an API server keeps: objects by namespace and name, one counter of versions for all of them, and a window of the
 * changes that led here. It is pure state without sockets, and synchronous, so that a change, its version and its
 * notification are one step. Readers of changes older than the window are told so (`compact` makes that happen at
 * will), which is what a client sees as 410 Gone. Deleting an object deletes what it owns, as the garbage collector
 * does.
 */
import { Result } from "effect"
import { namespacedName } from "../spec/NamespacedName.ts"
import { type Refusal, refusal } from "./ApiStatus.ts"

/** `metadata`, as far as the store itself reads or writes it. */
interface ObjectMeta {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationTimestamp: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: ReadonlyArray<{ readonly uid: string }>
  readonly finalizers?: ReadonlyArray<string>
  /** Set where somebody has deleted the object and somebody else is still to let it go. */
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
}

/** One object; beyond its metadata the store does not look into it. */
export interface StoredObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

/** One step of history; `previous` is none for what was added. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED"
  readonly version: number
  readonly object: StoredObject
  readonly previous: StoredObject | undefined
}

/** What a new object brings: the store adds the rest of its metadata. */
export interface NewObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Omit<ObjectMeta, "uid" | "resourceVersion" | "creationTimestamp" | "deletionTimestamp">
  readonly [field: string]: unknown
}

/** Changes kept for watchers that come late. */
const historyWindow = 2000

/** Where a store's objects get what they are given. */
interface Source {
  /** As refusals name it. */
  readonly resource: string
  readonly now: () => string
  readonly uid: () => string
}

/** The objects of one resource. `now` gives RFC 3339 to the second, `uid` a new unique id. */
export class ObjectStore {
  readonly #objects = new Map<string, StoredObject>()
  readonly #listeners = new Set<(change: Change) => void>()
  readonly #source: Source
  /** Changes that listeners are still to be told of, the one that they are being told of included. */
  readonly #untold: Array<Change> = []
  #history: Array<Change> = []
  #compactedAt = 0
  #version = 1

  constructor(source: Source) {
    this.#source = source
  }

  /** The version of the last change. */
  get version(): number {
    return this.#version
  }

  /** The version before which history is gone. */
  get oldest(): number {
    return this.#compactedAt
  }

  get(namespace: string, name: string): StoredObject | undefined {
    return this.#objects.get(namespacedName({ namespace, name }))
  }

  /** All objects, by namespace and name. */
  all(): ReadonlyArray<StoredObject> {
    return [...this.#objects.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
  }

  /** All objects, in the order of their making. */
  inOrder(): ReadonlyArray<StoredObject> {
    return [...this.#objects.values()]
  }

  /** Takes an object in, under a new uid, or the one that a test wants it to have. */
  create(object: NewObject, wanted?: string): Result.Result<StoredObject, Refusal> {
    const { name, namespace } = object.metadata
    if (this.get(namespace, name)) return Result.fail(refusal.alreadyExists(this.#source.resource, name))
    const uid = wanted ?? this.#source.uid()
    const creationTimestamp = this.#source.now()
    return Result.succeed(
      this.#commit("ADDED", {
        ...object,
        metadata: { ...object.metadata, uid, creationTimestamp, resourceVersion: "" }
      })
    )
  }

  /**
   * Takes an object in as `create` does; where there is one of its name, it is replaced but for what the store gave it.
   */
  put(object: NewObject, wanted?: string): void {
    const { name, namespace } = object.metadata
    const present = this.get(namespace, name)
    if (present === undefined) this.create(object, wanted)
    else {
      const { creationTimestamp, resourceVersion, uid } = present.metadata
      this.update(namespace, name, () => ({
        ...object,
        metadata: { ...object.metadata, creationTimestamp, resourceVersion, uid }
      }))
    }
  }

  /** Replaces an object by what `change` makes of it. `expected` is a resourceVersion that it must still have. */
  update(
    namespace: string,
    name: string,
    change: (current: StoredObject) => StoredObject,
    expected?: string
  ): Result.Result<StoredObject, Refusal> {
    const current = this.get(namespace, name)
    if (current === undefined) return Result.fail(refusal.notFound(this.#source.resource, name))
    if (expected !== undefined && expected !== current.metadata.resourceVersion) {
      return Result.fail(refusal.conflict(this.#source.resource, name, "the object has been modified"))
    }
    const next = change(current)
    const { deletionTimestamp, finalizers = [] } = next.metadata
    const isLetGo = deletionTimestamp !== undefined && (current.metadata.finalizers ?? []).length > 0
    return Result.succeed(this.#commit(isLetGo && finalizers.length === 0 ? "DELETED" : "MODIFIED", next))
  }

  /**
   * Deletes an object; `uid` is a precondition. Where it has finalizers, or a grace period in seconds, it is only
   * marked: whoever holds it has to let it go.
   */
  delete(namespace: string, name: string, uid?: string, grace = 0): Result.Result<StoredObject, Refusal> {
    const current = this.get(namespace, name)
    if (current === undefined) return Result.fail(refusal.notFound(this.#source.resource, name))
    if (uid !== undefined && uid !== current.metadata.uid) {
      return Result.fail(
        refusal.conflict(this.#source.resource, name, `the UID in the precondition (${uid}) does not match`)
      )
    }
    if (grace === 0 && (current.metadata.finalizers ?? []).length === 0) {
      return Result.succeed(this.#commit("DELETED", current))
    }
    if (current.metadata.deletionTimestamp !== undefined) return Result.succeed(current)
    const marks = { deletionTimestamp: this.#source.now(), deletionGracePeriodSeconds: grace }
    return Result.succeed(this.#commit("MODIFIED", { ...current, metadata: { ...current.metadata, ...marks } }))
  }

  /** A name that begins so and that nothing has yet. */
  freshName(prefix: string): string {
    return `${prefix}${this.#source.uid().replaceAll("-", "").slice(-5)}`
  }

  /** Deletes everything that this owner owns: what a cluster does when a pod is gone. */
  deleteOwnedBy(ownerUid: string): void {
    for (const object of this.all()) {
      if (object.metadata.ownerReferences?.some((owner) => owner.uid === ownerUid)) this.#commit("DELETED", object)
    }
  }

  /** The changes after a version, or that they are no longer known. */
  since(version: number): Result.Result<ReadonlyArray<Change>, Refusal> {
    if (version < this.#compactedAt) {
      return Result.fail(refusal.expired(`too old resource version: ${version} (${this.#compactedAt})`))
    }
    return Result.succeed(this.#history.filter((event) => event.version > version))
  }

  /** Forgets history: whoever asks for changes from before this moment is too late. */
  compact(): void {
    // A version of its own, so that even a reader who has seen every change so far is behind.
    this.#version += 1
    this.#history = []
    this.#compactedAt = this.#version
  }

  /** Calls the listener within every change; the answer ends it. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #commit(type: Change["type"], object: StoredObject): StoredObject {
    const { namespace, name } = object.metadata
    const version = ++this.#version
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    const change = { type, version, object: stored, previous: this.get(namespace, name) }
    if (type === "DELETED") this.#objects.delete(namespacedName({ namespace, name }))
    else this.#objects.set(namespacedName({ namespace, name }), stored)
    this.#history.push(change)
    if (this.#history.length > historyWindow) {
      const dropped = this.#history.splice(0, this.#history.length - historyWindow)
      this.#compactedAt = dropped.at(-1)?.version ?? this.#compactedAt
    }
    this.#untold.push(change)
    if (this.#untold.length === 1) this.#tell()
    return stored
  }

  /** A listener may change something itself: everybody hears of every change in the order in which they were made. */
  #tell(): void {
    for (let change = this.#untold[0]; change !== undefined; change = this.#untold[0]) {
      for (const listener of [...this.#listeners]) listener(change)
      this.#untold.shift()
    }
  }
}
