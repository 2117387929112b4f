/** Pods with several volumes of certlet's: how their kubelet serves them, how they are looked at and judged. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { Driver } from "../../src/driver/Driver.ts"
import { type Event, invariant, SimCluster, type SimPod, simulated } from "../../src/testing/index.ts"

const volumes = { tls: {}, client: { dnsNames: "client.shop", issuer: "slow" } }

/** When a volume of a pod was called about, in milliseconds. */
const callsAbout = (events: ReadonlyArray<Event>, tag: "PublishCalled" | "UnpublishCalled", volume: string) =>
  events.flatMap(({ at, what }) => (what._tag === tag && what.volume.name === volume ? [at] : []))

describe("a pod with several volumes", () => {
  it("runs when all of them are there, and each holds a certificate of its own", async () => {
    await using cluster = await simulated({ seed: "several" })
    const slow = await cluster.addIssuer({ name: "slow" })
    await slow.stall("10 minutes")
    const pod = await cluster.schedule({ duration: "2 hours", volumes })
    await cluster.advance("9 minutes")
    const { texts } = cluster.node("node-1")
    expect([pod.phase, texts.size]).toEqual(["pending", 2])
    expect((await cluster.status(pod, "tls")).state).toBe("Ready")
    await cluster.advance("5 minutes")
    expect(pod.phase).toBe("running")
    const seen = await Promise.all(["tls", "client"].map((volume) => cluster.exec(pod, volume)))
    expect(seen.map(({ certificate, chains }) => [certificate.names, chains])).toEqual([
      [["DNS:pod-1.apps.svc"], true],
      [["DNS:client.shop"], true]
    ])
    expect(new Set(seen.map(({ files }) => files.get("tls.key")?.text)).size).toBe(2)
    expect(cluster.trace.lines().join("\n")).toContain("apps/pod-1 (client) is published")
    const serials = async () => [
      (await cluster.exec(pod, "tls")).certificate.serialNumber,
      (await cluster.exec(pod, "client")).certificate.serialNumber
    ]
    const [tls, client] = await serials()
    await cluster.renew(pod, "client")
    await cluster.advance("1 minute")
    const [sameTls, nextClient] = await serials()
    expect([sameTls === tls, nextClient === client]).toEqual([true, false])
    await cluster.renew(pod)
    await cluster.advance("1 minute")
    expect((await serials())[0]).not.toBe(tls)
    await cluster.delete(pod)
    await cluster.advance("1 minute")
    expect([pod.phase, texts.size]).toEqual(["gone", 0])
  })

  it.live("has them published and unpublished at once, and each is repeated by itself", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "at once", kubelet: { syncFrequency: "2 minutes" } })
      const events: Array<Event> = []
      cluster.trace.listen((event) => events.push(event))
      yield* cluster.issuer.stall("10 minutes")
      const ready = yield* cluster.addIssuer({ name: "slow" })
      const pod: SimPod = yield* cluster.schedule({ volumes })
      yield* cluster.advance("8 minutes")
      const [tls = [], client = []] = ["tls", "client"].map((name) => callsAbout(events, "PublishCalled", name))
      // The volume that is there is not published again before its pod runs; the other one is repeated.
      expect([client.length, tls[0]]).toEqual([1, client[0]])
      expect(tls.length).toBeGreaterThan(3)
      yield* cluster.advance("10 minutes")
      expect(pod.phase).toBe("running")
      events.length = 0
      yield* cluster.advance("1 hour")
      expect(callsAbout(events, "PublishCalled", "tls")).toEqual(callsAbout(events, "PublishCalled", "client"))
      yield* cluster.disk("node-1").clean(pod, "client")
      expect(cluster.trace.lines(2).join()).toContain("unmounts the volume of apps/pod-1 (client)")
      yield* ready.stall("1 minute")
      yield* cluster.delete(pod)
      yield* cluster.advance("1 minute")
      const ends = ["tls", "client"].map((name) => callsAbout(events, "UnpublishCalled", name))
      expect(ends).toEqual([[expect.any(Number)], ends[0]])
    }).pipe(Effect.scoped)
  )

  it.live("is judged volume by volume: one with the other's certificate is found", () =>
    Effect.gen(function* () {
      const contexts = new Map<string, Readonly<Record<string, string>>>()
      const driver = Layer.effect(
        Driver,
        Effect.map(Driver, (real) => ({
          ...real,
          // The flaw: all volumes of a pod get what its first one asks for.
          publish: (request) => {
            const uid = request.context["csi.storage.k8s.io/pod.uid"] ?? ""
            const context = contexts.get(uid) ?? request.context
            contexts.set(uid, context)
            return real.publish({ ...request, context })
          }
        }))
      ).pipe(Layer.provide(Driver.layer))
      const cluster = yield* SimCluster.make({ seed: "mixed up", layers: { driver } })
      yield* cluster.schedule({ volumes: { tls: {}, client: { dnsNames: "client.shop" } } })
      const broken = yield* Effect.flip(cluster.advance("5 minutes"))
      expect([broken.name, broken.detail]).toEqual([
        "own certificate",
        "apps/pod-1 (client) sees a certificate for DNS:pod-1.apps.svc"
      ])
    }).pipe(Effect.scoped)
  )

  it.live("has to say which volume is looked at", () =>
    Effect.gen(function* () {
      const only = invariant("two", "A pod has two volumes.", (_, world) =>
        world.volumes.length === 2 * world.pods.length ? undefined : "it has not"
      )
      const cluster = yield* SimCluster.make({ seed: "which", invariants: [only] })
      const pod = yield* cluster.schedule({ volumes: { tls: {}, client: {} } })
      yield* cluster.advance("1 minute")
      const said = (act: Effect.Effect<unknown, unknown>) =>
        Effect.map(Effect.exit(act), (exit) => (Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : ""))
      expect(yield* said(cluster.exec(pod))).toContain("apps/pod-1 has the volumes tls, client; name one of them")
      expect(yield* said(cluster.status(pod))).toContain("apps/pod-1 has the volumes tls, client; name one of them")
      expect(yield* said(cluster.exec(pod, "clinet"))).toContain("there is no volume clinet; there are tls, client")
    }).pipe(Effect.scoped)
  )
})
