import { it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted } from "effect"
import { describe, expect } from "vitest"
import type { StoredObject } from "../../src/embedded/ObjectStore.ts"
import { fnv1, hashIdentifier } from "../../src/issuance/RequestLabels.ts"
import { connect, draft, expectEvent, liveClient, nodeId, record, signingRequest, spec } from "../kit/LiveClient.ts"

const limit = 20_000

/** Two ids of one hash, found by trying: with 32 bits a hundred thousand tries are nearly always enough. */
const collision = (): readonly [string, string] => {
  const seen = new Map<number, string>()
  for (let i = 0; ; i++) {
    const id = `csi-${i}`
    const hash = fnv1(id)
    const other = seen.get(hash)
    if (other !== undefined) return [other, id]
    seen.set(hash, id)
  }
}

const names = (objects: ReadonlyArray<StoredObject>) => objects.map((object) => object.metadata.name).sort()

describe("ApiCertificateRequests: submit", () => {
  it.live(
    "creates the request, owned by the pod, labelled with node and volume",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.behave({ approval: "hold" })
        const wanted = yield* draft({ spec: spec({ annotations: { "example.com/a": "b" } }) })
        const request = yield* requests.submit(wanted)
        expect(request).toEqual({ namespace: "shop", name: wanted.name })
        const object = cluster.store.get("shop", wanted.name)
        expect(object?.metadata).toMatchObject({
          labels: {
            "csi.cert-manager.io/node-id-hash": hashIdentifier(nodeId),
            "csi.cert-manager.io/volume-id-hash": hashIdentifier("csi-volume-1")
          },
          annotations: { "example.com/a": "b", "csi.cert-manager.io/volume-id": "csi-volume-1" },
          ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "web", uid: wanted.spec.pod.uid }]
        })
        expect(object?.spec).toMatchObject({
          request: btoa(wanted.signingRequest),
          issuerRef: { name: "ca", kind: "Issuer", group: "cert-manager.io" },
          duration: "1h0m0s",
          isCA: false,
          usages: ["digital signature", "key encipherment"]
        })
        expect(yield* requests.state(request)).toEqual({ _tag: "AwaitingApproval" })
      }),
    limit
  )

  it.live(
    "submitting one draft twice gives one request",
    () =>
      Effect.gen(function* () {
        const { cluster, kubeconfig, requests } = yield* liveClient()
        const wanted = yield* draft()
        const first = yield* requests.submit(wanted)
        expect(yield* requests.submit(wanted)).toEqual(first)
        // Another process, whose watch has not shown it anything yet, finds it by its name.
        yield* cluster.trouble({ count: 1000, status: 503, verbs: ["watch"] })
        const successor = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        expect(yield* successor.submit(wanted)).toEqual(first)
        expect(yield* Effect.all([requests.submit(wanted), successor.submit(wanted)], { concurrency: 2 })).toEqual([
          first,
          first
        ])
        expect(cluster.store.all()).toHaveLength(1)
      }),
    limit
  )

  it.live(
    "leaves a server alone for as long as it asks, also where it refuses to say whose a request is",
    () =>
      Effect.gen(function* () {
        const { cluster, kubeconfig, requests } = yield* liveClient()
        const wanted = yield* draft()
        yield* requests.submit(wanted)
        yield* cluster.trouble({ count: 1000, status: 503, verbs: ["watch"] })
        const successor = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        yield* cluster.trouble({ count: 1000, status: 429, retryAfter: "30", verbs: ["list"] })
        const error = yield* Effect.flip(successor.submit(wanted))
        expect([error.reason, error.retryAfterMillis]).toEqual(["Unavailable", 30_000])
      }),
    limit
  )

  it.live(
    "is a Conflict where the name belongs to somebody else",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        const wanted = yield* draft()
        cluster.store.create({
          apiVersion: "cert-manager.io/v1",
          kind: "CertificateRequest",
          metadata: { name: wanted.name, namespace: "shop" },
          spec: { request: btoa(yield* signingRequest), issuerRef: { name: "ca" } }
        })
        expect((yield* Effect.flip(requests.submit(wanted))).reason).toBe("Conflict")
        const ours = yield* draft({ volumeId: "one" })
        yield* requests.submit(ours)
        const thief = { ...ours, volumeId: "two" }
        expect((yield* Effect.flip(requests.submit(thief))).reason).toBe("Conflict")
      }),
    limit
  )

  it.live(
    "creates in the name of the pod where a token is given, also with a client certificate of our own",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient("certificate")
        const token = Redacted.make(yield* cluster.podToken("shop", "web"))
        const wanted = yield* draft({ token })
        const request = yield* requests.submit(wanted)
        expect(cluster.store.get("shop", wanted.name)?.spec).toMatchObject({
          username: "system:serviceaccount:shop:web"
        })
        expect((yield* requests.await(request))._tag).toBe("Ready")
        const elsewhere = yield* draft({ token, spec: spec({ pod: { ...spec().pod, namespace: "bank" } }) })
        expect((yield* Effect.flip(requests.submit(elsewhere))).reason).toBe("Forbidden")
        const unknown = yield* draft({ token: Redacted.make("nobody") })
        expect((yield* Effect.flip(requests.submit(unknown))).reason).toBe("Unauthorized")
      }),
    limit
  )
})

describe("ApiCertificateRequests: await", () => {
  it.live(
    "returns what was signed for exactly this request, whenever it was signed",
    () =>
      Effect.gen(function* () {
        const { cluster, kubeconfig, requests } = yield* liveClient()
        const request = yield* requests.submit(yield* draft())
        const ended = yield* requests.await(request)
        const text = cluster.store.get("shop", request.name)?.status
        expect(ended).toMatchObject({ _tag: "Ready", signed: { ca: cluster.issuer } })
        expect(text).toMatchObject({ certificate: ended._tag === "Ready" ? btoa(ended.signed.certificate) : "" })
        expect(yield* requests.await(request)).toEqual(ended)
        expect(yield* requests.state(request)).toEqual(ended)
        // A certlet that has been restarted since finds it too.
        const successor = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        expect(yield* successor.await(request)).toEqual(ended)
      }),
    limit
  )

  it.live(
    "a state that ends the wait without a certificate is returned",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.behave({ approval: { deny: "not on a Friday" } })
        const denied = yield* requests.submit(yield* draft())
        expect(yield* requests.await(denied)).toEqual({ _tag: "Denied", message: "not on a Friday" })
        yield* cluster.behave({ approval: "approve" })
        yield* cluster.behave({ issuer: { fail: "out of ink" } })
        const failed = yield* requests.submit(yield* draft())
        expect(yield* requests.await(failed)).toEqual({ _tag: "Failed", message: "out of ink" })
        yield* cluster.behave({ issuer: { invalid: "no such usage" } })
        const invalid = yield* requests.submit(yield* draft())
        expect(yield* requests.await(invalid)).toEqual({ _tag: "InvalidRequest", message: "no such usage" })
      }),
    limit
  )

  it.live(
    "waits for approval and signature as long as it takes",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.behave({ approval: "hold" })
        yield* cluster.behave({ issuer: "hold" })
        const request = yield* requests.submit(yield* draft())
        const waiting = yield* Effect.forkChild(requests.await(request), { startImmediately: true })
        yield* cluster.approve(request)
        yield* cluster.behave({ issuer: "sign" })
        expect((yield* Fiber.join(waiting))._tag).toBe("Ready")
      }),
    limit
  )

  it.live(
    "a request that is deleted while it is awaited is Gone, and so is one that was never there",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.behave({ issuer: "hold" })
        const request = yield* requests.submit(yield* draft())
        const waiting = yield* Effect.forkChild(requests.await(request), { startImmediately: true })
        yield* cluster.podGone(spec().pod.uid)
        expect((yield* Effect.flip(Fiber.join(waiting))).reason).toBe("Gone")
        expect((yield* Effect.flip(requests.await(request))).reason).toBe("Gone")
        const never = { namespace: "shop", name: "never" }
        expect((yield* Effect.flip(requests.await(never))).reason).toBe("Gone")
        expect(yield* requests.state(never)).toEqual({ _tag: "Unseen" })
      }),
    limit
  )
})

describe("ApiCertificateRequests: discard", () => {
  it.live(
    "deletes every request of the volume but the one to keep, and none of another volume, be their hashes equal",
    () =>
      Effect.gen(function* () {
        const { cluster, kubeconfig, requests } = yield* liveClient()
        const [one, two] = collision()
        expect(hashIdentifier(one)).toBe(hashIdentifier(two))
        for (const volumeId of [one, two, one, two, one]) {
          yield* requests.await(
            yield* requests.submit(yield* draft({ volumeId, name: `${volumeId}.${crypto.randomUUID()}` }))
          )
        }
        const held = (volumeId: string) => names(cluster.store.all()).filter((name) => name.startsWith(`${volumeId}.`))
        const others = held(two)
        const [keep = ""] = held(one)
        yield* requests.discard({ volumeId: one, namespace: "shop", isDoomed: (name) => name !== keep })
        expect(held(one)).toEqual([keep])
        // Another process, which asks the server because its own watch has not come up.
        yield* cluster.trouble({ count: 1000, status: 503, verbs: ["watch"] })
        const successor = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        yield* successor.discard({ volumeId: one, namespace: "shop", isDoomed: () => true })
        expect(names(cluster.store.all())).toEqual(others)
      }),
    limit
  )

  it.live(
    "discarding what is not there succeeds, and asks nobody",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        const request = yield* requests.submit(yield* draft())
        yield* requests.await(request)
        yield* cluster.pause()
        // The watch is gone, and with it the knowledge that the request was deleted meanwhile.
        cluster.store.delete("shop", request.name)
        yield* cluster.reopen()
        const volume = { volumeId: "csi-volume-1", namespace: "shop", isDoomed: () => true }
        yield* requests.discard(volume)
        const events = record(cluster)
        yield* requests.discard(volume)
        yield* requests.discard({ ...volume, volumeId: "never seen" })
        expect(events.filter((event) => event._tag === "Request" && event.verb === "delete")).toEqual([])
      }),
    limit
  )

  it.live(
    "never deletes another object that has the name by now",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        const request = yield* requests.submit(yield* draft())
        yield* requests.await(request)
        const old = cluster.store.get("shop", request.name)
        yield* cluster.pause()
        cluster.store.delete("shop", request.name)
        if (old !== undefined) {
          const { uid: _, ...metadata } = old.metadata
          cluster.store.create({ ...old, metadata, status: undefined })
        }
        yield* cluster.trouble({ count: 1000, status: 503, verbs: ["watch", "list"] })
        yield* cluster.reopen()
        yield* requests.discard({ volumeId: "csi-volume-1", namespace: "shop", isDoomed: () => true })
        expect(cluster.store.all()).toHaveLength(1)
      }),
    limit
  )

  it.live(
    "also deletes a request of which nobody knew whether it had been made",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.dropWatches()
        yield* cluster.trouble({ count: 1000, status: 503, verbs: ["watch", "list"] })
        // The server is so slow that its answer comes when nobody waits for it any more.
        const asked = yield* expectEvent(cluster, (event) => event._tag === "Response" && event.verb === "create")
        yield* cluster.latency("300 millis")
        const submitting = yield* Effect.forkChild(requests.submit(yield* draft()), { startImmediately: true })
        yield* asked
        yield* Fiber.interrupt(submitting)
        yield* cluster.latency(0)
        expect(cluster.store.all()).toHaveLength(1)
        yield* requests.discard({ volumeId: "csi-volume-1", namespace: "shop", isDoomed: () => true })
        expect(cluster.store.all()).toEqual([])
      }),
    limit
  )
})
