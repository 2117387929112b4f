import { it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { describe, expect } from "vitest"
import type { CertificateRequest } from "../../src/issuance/CertificateRequest.ts"
import { requestLabels, volumeAnnotation } from "../../src/issuance/RequestLabels.ts"
import { RequestStore } from "../../src/issuance/RequestStore.ts"

const reference = { namespace: "ns", name: "r" }

const object = (
  version: number,
  change: { uid?: string; ready?: boolean; approved?: boolean; name?: string } = {}
): CertificateRequest => ({
  metadata: {
    name: change.name ?? "r",
    namespace: "ns",
    uid: change.uid ?? "u",
    resourceVersion: String(version),
    labels: requestLabels("node", "v"),
    annotations: { [volumeAnnotation]: "v" },
    ownerReferences: [{ uid: "pod" }]
  },
  status: change.ready
    ? {
        conditions: [
          { type: "Approved", status: "True" },
          { type: "Ready", status: "True", reason: "Issued" }
        ],
        certificate: btoa("leaf"),
        ca: btoa("root")
      }
    : change.approved
      ? { conditions: [{ type: "Approved", status: "True" }] }
      : {}
})

const ready = { _tag: "Ready", signed: { certificate: "leaf", ca: "root" } }

/** A store that has seen an empty list, of version 10. */
const synced = () => {
  const store = new RequestStore()
  store.listing().finish("10")
  return store
}

const reason = (fiber: Fiber.Fiber<unknown, { readonly reason: string }>) =>
  Effect.map(Effect.flip(Fiber.join(fiber)), (error) => error.reason)

describe("the store of requests", () => {
  it.effect("wakes who waits for the approval when it comes, and not before", () =>
    Effect.gen(function* () {
      const store = synced()
      store.submitting(reference, "v").succeeded(object(11))
      const fiber = yield* Effect.forkChild(store.awaitApproval(reference), { startImmediately: true })
      store.seen(object(12))
      yield* Effect.yieldNow
      expect(fiber.pollUnsafe()).toBeUndefined()
      store.seen(object(13, { approved: true }))
      yield* Fiber.join(fiber)
      expect(store.waiting).toBe(0)
      yield* store.awaitApproval(reference)
    })
  )

  it.effect("wakes who waits for an approval that can never come, and keeps an interrupted wait no longer", () =>
    Effect.gen(function* () {
      const store = synced()
      store.submitting(reference, "v").succeeded(object(11))
      const [first, second] = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(store.awaitApproval(reference), { startImmediately: true })
      )
      if (first === undefined || second === undefined) throw new Error("two were forked")
      yield* Fiber.interrupt(first)
      expect(store.waiting).toBe(1)
      store.gone(reference)
      yield* Fiber.join(second)
      yield* store.awaitApproval(reference)
      expect(store.waiting).toBe(0)
    })
  )

  it.effect("wakes all who wait, and forgets them", () =>
    Effect.gen(function* () {
      const store = synced()
      store.submitting(reference, "v").succeeded(object(11))
      const fibers = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(store.await(reference), { startImmediately: true })
      )
      expect(store.waiting).toBe(3)
      store.seen(object(12, { ready: true }))
      expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual([ready, ready, ready])
      expect(store.waiting).toBe(0)
      expect(yield* store.await(reference)).toEqual(ready)
    })
  )

  it.effect("keeps no waiter that was interrupted", () =>
    Effect.gen(function* () {
      const store = new RequestStore()
      const fiber = yield* Effect.forkChild(store.await(reference), { startImmediately: true })
      expect(store.waiting).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect(store.waiting).toBe(0)
    })
  )

  it.effect("takes the watch's word before an answer that comes late", () =>
    Effect.gen(function* () {
      const store = synced()
      const submission = store.submitting(reference, "v")
      store.seen(object(11))
      store.seen(object(12, { ready: true }))
      submission.succeeded(object(11))
      expect(yield* store.await(reference)).toEqual(ready)
    })
  )

  it.effect("does not revive what was deleted before its create was answered", () =>
    Effect.gen(function* () {
      const store = synced()
      const submission = store.submitting(reference, "v")
      store.seen(object(11))
      store.gone(object(12).metadata, "u")
      submission.succeeded(object(11))
      expect(store.size).toBe(0)
      expect(Exit.isFailure(yield* Effect.exit(store.await(reference)))).toBe(true)
    })
  )

  it.effect("keeps what was submitted while an older list was being read", () =>
    Effect.gen(function* () {
      const store = synced()
      const list = store.listing()
      store.submitting(reference, "v").succeeded(object(21))
      const waiting = yield* Effect.forkChild(store.await(reference), { startImmediately: true })
      list.finish("20")
      expect(store.waiting).toBe(1)
      store.seen(object(22, { ready: true }))
      expect(yield* Fiber.join(waiting)).toEqual(ready)
    })
  )

  it.effect("drops what a younger list does not show", () =>
    Effect.gen(function* () {
      const store = synced()
      const during = store.listing()
      store.submitting(reference, "v").succeeded(object(15))
      const waiting = yield* Effect.forkChild(store.await(reference), { startImmediately: true })
      during.finish("20")
      expect(yield* reason(waiting)).toBe("Gone")
      store.submitting(reference, "v").succeeded(object(21))
      const again = yield* Effect.forkChild(store.await(reference), { startImmediately: true })
      store.listing().finish("30")
      expect(yield* reason(again)).toBe("Gone")
    })
  )

  it.effect("waits for the first list before it calls anything gone", () =>
    Effect.gen(function* () {
      const store = new RequestStore()
      const lost = yield* Effect.forkChild(store.await({ namespace: "ns", name: "lost" }), { startImmediately: true })
      const there = yield* Effect.forkChild(store.await(reference), { startImmediately: true })
      const list = store.listing()
      list.add(object(5, { ready: true }))
      expect(yield* Fiber.join(there)).toEqual(ready)
      expect(store.waiting).toBe(1)
      list.finish("9")
      expect(yield* reason(lost)).toBe("Gone")
    })
  )

  it.each([
    ["without the annotation", { annotations: {} }],
    ["with the hash of another id", { labels: requestLabels("node", "w") }],
    ["with an id longer than a volume's", { annotations: { [volumeAnnotation]: "v".repeat(129) } }],
    ["without an owner", { ownerReferences: [] }]
  ])("does not keep a request that others gave the node's label: %s", (_, change) => {
    const store = synced()
    const { metadata } = object(11)
    store.seen({ metadata: { ...metadata, ...change } })
    expect(store.size).toBe(0)
  })

  it("keeps nothing of a certificate that is longer than certlet reads", () => {
    const store = synced()
    const long = object(11, { ready: true })
    store.seen({ ...long, status: { ...long.status, certificate: btoa("x".repeat(600_000)) } })
    const state = store.get(reference)?.state
    expect(state?._tag === "Ready" && state.signed.certificate.trim()).toBe("")
  })

  it.effect("does not take another object of the same name for the one awaited", () =>
    Effect.gen(function* () {
      const store = synced()
      store.seen(object(11))
      const waiting = yield* Effect.forkChild(store.await(reference), { startImmediately: true })
      store.seen(object(14, { uid: "other", ready: true }))
      expect(yield* reason(waiting)).toBe("Gone")
      store.gone(object(15).metadata, "u")
      expect(store.get(reference)?.uid).toBe("other")
    })
  )

  it.effect("remembers a create of uncertain end until it is known", () =>
    Effect.sync(() => {
      const store = synced()
      store.submitting(reference, "v").uncertain()
      expect(store.uncertainOf("ns", "v")).toEqual([reference])
      expect(store.uncertainOf("ns", "w")).toEqual([])
      store.seen(object(12))
      expect(store.uncertainOf("ns", "v")).toEqual([])
      expect(store.ofVolume("ns", "v").map((request) => request.name)).toEqual(["r"])
    })
  )

  it("does not take the refusal of a second create for an answer to the first", () => {
    const store = synced()
    store.submitting(reference, "v").uncertain()
    store.submitting(reference, "v").refused()
    expect([store.isUncertain(reference), store.uncertainOf("ns", "v")]).toEqual([true, [reference]])
    store.submitting(reference, "v").taken()
    expect(store.isUncertain(reference)).toBe(false)
    // What was refused at once was never uncertain.
    store.submitting(reference, "v").refused()
    expect(store.isUncertain(reference)).toBe(false)
  })

  it("knows of an uncertain create once a list that was begun after it has ended", () => {
    const store = synced()
    const during = store.listing()
    store.submitting(reference, "v").uncertain()
    during.finish("20")
    expect(store.isUncertain(reference)).toBe(true)
    store.listing().finish("30")
    expect(store.isUncertain(reference)).toBe(false)
  })
})
