/**
 * What this process knows about its node's CertificateRequests, and who waits for which. The watch writes it, and so
 * does `submit`, whose answer may be here before the watch has heard of the object or long after; everybody else only
 * reads. It is synchronous, so that an event and the waking of its waiters are one step, and it keeps of each object
 * only what is asked for later. It makes no calls, and stands inside `ApiCertificateRequests`. Pure.
 */
import { Effect } from "effect"
import { isNotNewer } from "../kube/isNotNewer.ts"
import { limits } from "../spec/Limits.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import { addWaiter } from "./addWaiter.ts"
import {
  type CertificateRequest,
  type RequestReference,
  type RequestState,
  requestState
} from "./CertificateRequest.ts"
import { type EndedState, RequestError } from "./CertificateRequests.ts"
import { isCertlets, volumeAnnotation } from "./RequestLabels.ts"

/** A request as it is remembered: a kilobyte or two, nearly all of it the certificate. */
export interface KnownRequest {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** The id of the volume it was made for; empty where somebody else made it, who left no annotation. */
  readonly volumeId: string
  /** The uid of its (first) owner, a pod. */
  readonly ownerUid: string
  readonly state: RequestState
}

interface Entry extends KnownRequest {
  readonly resourceVersion: string
  /** The round of listing in which `submit` put it here; -1 where the watch has confirmed it. */
  readonly submittedIn: number
}

/** What a waiter is told: the end of the request, or that it is gone. */
type Waiter = (end: EndedState | "gone") => void

/** A create of which nobody knows whether it has succeeded; a list that was begun in a later round tells. */
interface Uncertain {
  readonly request: RequestReference
  readonly volumeId: string
  readonly round: number
}

/** A create on its way. Exactly one of the four ends it. */
export interface Submission {
  /** The server answered with the object (or it was found there). */
  readonly succeeded: (object: CertificateRequest) => void
  /** The server has refused this create. That tells nothing of an earlier one whose answer was lost. */
  readonly refused: () => void
  /** The name is somebody else's: there is no such object of ours, and whatever has the name is not ours to delete. */
  readonly taken: () => void
  /** Nobody knows whether the server has created it. */
  readonly uncertain: () => void
}

const isEnded = (state: RequestState): state is EndedState =>
  state._tag !== "Unseen" && state._tag !== "AwaitingApproval" && state._tag !== "AwaitingSignature"

const isUndecided = (state: RequestState): boolean => state._tag === "Unseen" || state._tag === "AwaitingApproval"

const authoritiesKept = 16

/** Kept instead of a certificate that is longer than is read: it is refused for its length alone. */
const tooLong = " ".repeat(limits.chain.length + 1)

/** The node's requests. */
export class RequestStore {
  readonly #entries = new Map<string, Entry>()
  /** The keys of each volume's requests: a node has a thousand others that need not be looked at. */
  readonly #volumes = new Map<string, Set<string>>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  /** Who waits for an approval, which an end of any kind makes pointless. */
  readonly #approvalWaiters = new Map<string, Set<() => void>>()
  /** Creates on their way, and whether the watch has seen their object meanwhile. */
  readonly #submissions = new Map<string, { seen: boolean }>()
  /** Creates that may or may not have happened. */
  readonly #uncertain = new Map<string, Uncertain>()
  #round = 0
  #synced = false
  readonly #authorities = new Map<string, string>()

  /** True once a list has been read to its end: from then on, what is not here is not there. */
  get synced(): boolean {
    return this.#synced
  }

  /** How many requests are known. */
  get size(): number {
    return this.#entries.size
  }

  /** How many wait. */
  get waiting(): number {
    const tables = [...this.#waiters.values(), ...this.#approvalWaiters.values()]
    return tables.reduce((sum, waiters) => sum + waiters.size, 0)
  }

  get(request: RequestReference): KnownRequest | undefined {
    return this.#entries.get(namespacedName(request))
  }

  /** The known requests of a volume. */
  ofVolume(namespace: string, volumeId: string): ReadonlyArray<KnownRequest> {
    const entries = [...(this.#volumes.get(volumeId) ?? [])].map((key) => this.#entries.get(key))
    return entries.filter((entry) => entry !== undefined).filter((entry) => entry.namespace === namespace)
  }

  /** The requests of a volume of which nobody knows whether they were made. */
  uncertainOf(namespace: string, volumeId: string): ReadonlyArray<RequestReference> {
    return [...this.#uncertain.values()].flatMap((open) =>
      open.volumeId === volumeId && open.request.namespace === namespace ? [open.request] : []
    )
  }

  /** True while nobody knows whether an earlier create of this request has succeeded. */
  isUncertain(request: RequestReference): boolean {
    return this.#uncertain.has(namespacedName(request))
  }

  /** An object that the watch has added or changed; what others made, and nobody here asks for, is not kept. */
  seen(object: CertificateRequest): void {
    const key = namespacedName(object.metadata)
    if (!isCertlets(object.metadata) && !this.#isAskedFor(key)) return
    const submission = this.#submissions.get(key)
    if (submission !== undefined) submission.seen = true
    this.#put(object, -1)
  }

  /** An object that is no longer there; without a uid, whatever has this name. */
  gone(request: RequestReference, uid?: string): void {
    const key = namespacedName(request)
    const submission = this.#submissions.get(key)
    if (submission !== undefined) submission.seen = true
    this.#uncertain.delete(key)
    const entry = this.#entries.get(key)
    if (uid !== undefined && entry !== undefined && entry.uid !== uid) return
    if (entry !== undefined) this.#drop(key, entry)
    if (!this.#submissions.has(key)) this.#wake(key, "gone")
  }

  /** Begins a create. */
  submitting(request: RequestReference, volumeId: string): Submission {
    const key = namespacedName(request)
    const submission = { seen: false }
    this.#submissions.set(key, submission)
    const end = (act: () => void) => () => {
      if (this.#submissions.get(key) === submission) this.#submissions.delete(key)
      act()
      if (this.#synced && !this.#entries.has(key)) this.#wake(key, "gone")
    }
    return {
      // What the watch has seen since is newer than this answer, be it a change or the end of the object.
      succeeded: (object) => {
        if (!submission.seen) this.#put(object, this.#round)
        this.#uncertain.delete(key)
        end(() => undefined)()
      },
      refused: end(() => undefined),
      taken: end(() => this.#uncertain.delete(key)),
      uncertain: end(() => {
        if (!submission.seen) this.#uncertain.set(key, { request, volumeId, round: this.#round })
      })
    }
  }

  /** Begins a list; `finish` takes the version of the list and drops whatever the list has not shown. */
  listing(): { readonly add: (object: CertificateRequest) => void; readonly finish: (version: string) => void } {
    const round = ++this.#round
    const listed = new Set<string>()
    return {
      add: (object) => {
        listed.add(namespacedName(object.metadata))
        this.seen(object)
      },
      finish: (version) => {
        this.#synced = true
        for (const [key, entry] of this.#entries) {
          // What was submitted while the list was being read may be too new for it, and then the watch will tell of it.
          const younger = entry.submittedIn >= round && !isNotNewer(entry.resourceVersion, version)
          if (!listed.has(key) && !younger) this.gone(entry)
        }
        for (const [key, open] of this.#uncertain) if (open.round < round) this.#uncertain.delete(key)
        for (const key of [...this.#waiters.keys()]) {
          if (!this.#entries.has(key) && !this.#submissions.has(key)) this.#wake(key, "gone")
        }
      }
    }
  }

  /** Waits for the end of a request, for ever if need be. An interrupted wait leaves nothing behind. */
  await(request: RequestReference): Effect.Effect<EndedState, RequestError> {
    return Effect.callback((resume) => {
      const cancel = this.#wait(namespacedName(request), (end) =>
        resume(
          end === "gone"
            ? Effect.fail(
                new RequestError({
                  reason: "Gone",
                  action: `await CertificateRequest ${namespacedName(request)}`,
                  detail: "the request was deleted"
                })
              )
            : Effect.succeed(end)
        )
      )
      return Effect.sync(cancel)
    })
  }

  /** Waits until a request is no longer open for approval: it was approved, has come to an end, or is gone. */
  awaitApproval(request: RequestReference): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const key = namespacedName(request)
      const state = this.#entries.get(key)?.state
      const isOpen = state === undefined ? !this.#synced || this.#submissions.has(key) : isUndecided(state)
      if (!isOpen) return resume(Effect.void)
      return Effect.sync(addWaiter(this.#approvalWaiters, key, () => resume(Effect.void)))
    })
  }

  #wait(key: string, waiter: Waiter): () => void {
    const entry = this.#entries.get(key)
    if (entry !== undefined && isEnded(entry.state)) {
      waiter(entry.state)
      return () => undefined
    }
    if (entry === undefined && this.#synced && !this.#submissions.has(key)) {
      waiter("gone")
      return () => undefined
    }
    return addWaiter(this.#waiters, key, waiter)
  }

  #put(object: CertificateRequest, submittedIn: number): void {
    const { metadata } = object
    const key = namespacedName(metadata)
    const before = this.#entries.get(key)
    // Another object under the same name: the one that was waited for is no more.
    if (before !== undefined && before.uid !== metadata.uid) this.#wake(key, "gone")
    const state = this.#slim(requestState(object))
    this.#uncertain.delete(key)
    if (before !== undefined) this.#drop(key, before)
    const volumeId = metadata.annotations?.[volumeAnnotation] ?? ""
    this.#volumes.set(volumeId, (this.#volumes.get(volumeId) ?? new Set()).add(key))
    this.#entries.set(key, {
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      volumeId,
      ownerUid: metadata.ownerReferences?.[0]?.uid ?? "",
      state,
      submittedIn
    })
    if (isEnded(state)) this.#wake(key, state)
    else if (!isUndecided(state)) this.#wakeApproval(key)
  }

  #isAskedFor(key: string): boolean {
    return [this.#entries, this.#submissions, this.#uncertain, this.#waiters].some((table) => table.has(key))
  }

  #drop(key: string, { volumeId }: Entry): void {
    this.#entries.delete(key)
    const keys = this.#volumes.get(volumeId)
    keys?.delete(key)
    if (keys?.size === 0) this.#volumes.delete(volumeId)
  }

  /** A node's certificates come from few issuers: the text of a CA is kept once, not a thousand times. */
  #slim(state: RequestState): RequestState {
    if (state._tag !== "Ready") return state
    const { certificate, ca } = state.signed
    if (certificate.length > limits.chain.length || ca.length > limits.ca.length) {
      return { _tag: "Ready", signed: { certificate: tooLong, ca: "" } }
    }
    if (this.#authorities.size >= authoritiesKept) this.#authorities.clear()
    const kept = this.#authorities.get(ca) ?? ca
    this.#authorities.set(kept, kept)
    return { _tag: "Ready", signed: { certificate, ca: kept } }
  }

  #wakeApproval(key: string): void {
    const waiters = this.#approvalWaiters.get(key)
    this.#approvalWaiters.delete(key)
    for (const waiter of waiters ?? []) waiter()
  }

  #wake(key: string, end: EndedState | "gone"): void {
    this.#wakeApproval(key)
    const waiters = this.#waiters.get(key)
    this.#waiters.delete(key)
    for (const waiter of waiters ?? []) waiter(end)
  }
}
