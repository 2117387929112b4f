/**
 * The simulated kubelet, held to what a real one (1.37) was seen to do: when it calls, how it repeats, what it does
 * when it is back. Its certlet answers as each test says.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Driver } from "../../../src/driver/Driver.ts"
import { PublishError, UnknownVolume, UnpublishError } from "../../../src/driver/DriverError.ts"
import { RequestError } from "../../../src/issuance/CertificateRequests.ts"
import { SpecError } from "../../../src/spec/SpecError.ts"
import { type ClusterOptions, type Event, SimCluster } from "../../../src/testing/index.ts"
import { VolumeError } from "../../../src/volume/VolumeFS.ts"

type Answers = Partial<Pick<Driver["Service"], "publish" | "unpublish" | "inspect">>

/** A cluster whose certlet answers like this, and what its kubelets do. */
const watched = Effect.fnUntraced(function* (answers: () => Answers, options: ClusterOptions = {}) {
  const driver = Layer.effect(
    Driver,
    Effect.map(Driver, (real) => ({
      ...real,
      publish: (request) => Effect.suspend(() => (answers().publish ?? real.publish)(request)),
      inspect: (volumeId, path) => Effect.suspend(() => (answers().inspect ?? real.inspect)(volumeId, path)),
      unpublish: (request) => Effect.suspend(() => (answers().unpublish ?? real.unpublish)(request))
    }))
  ).pipe(Layer.provide(Driver.layer))
  // The laws of certlet are not what is judged here: this one breaks them.
  const cluster = yield* SimCluster.make({ seed: "kubelet", ...options, layers: { driver } })
  yield* cluster.advance("1 second")
  const events: Array<Event> = []
  cluster.trace.listen((event) => events.push(event))
  /** The times of events of this kind, in milliseconds. */
  const times = (tag: Event["what"]["_tag"]) => events.filter(({ what }) => what._tag === tag).map(({ at }) => at)
  return { cluster, events, times }
})

const pausesOf = (times: ReadonlyArray<number>) => times.slice(1).map((time, index) => time - (times[index] ?? 0))

const refused: Answers = {
  publish: ({ volumeId }) =>
    Effect.fail(new PublishError({ volumeId, pod: "", reason: new SpecError({ field: "x", rule: "is wrong" }) }))
}
const away: Answers = {
  publish: ({ volumeId }) =>
    Effect.fail(
      new PublishError({
        volumeId,
        pod: "",
        reason: new RequestError({ reason: "Unavailable", action: "create CertificateRequest", detail: "is away" })
      })
    )
}
const busy: Answers = {
  unpublish: ({ target, volumeId }) =>
    Effect.fail(
      new UnpublishError({
        volumeId,
        reason: new VolumeError({ reason: "Busy", action: "unmount", path: target, detail: "busy" })
      })
    )
}

const doubling = [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 122_000, 122_000]

describe("the simulated kubelet", () => {
  it.live(
    "repeats a failed publish after half a second, twice as long each time, two minutes and two seconds at most",
    () =>
      Effect.gen(function* () {
        const { cluster, times } = yield* watched(() => refused)
        const pod = yield* cluster.schedule()
        yield* cluster.advance("7 minutes")
        expect(pausesOf(times("PublishCalled"))).toEqual(doubling)
        expect(pod.phase).toBe("pending")
      }).pipe(Effect.scoped)
  )

  it.live("publishes again 0.4 s after the first success, and then with each look at the pod", () =>
    Effect.gen(function* () {
      const { cluster, times } = yield* watched(() => ({}), { kubelet: { syncFrequency: "2 minutes" } })
      yield* cluster.schedule()
      yield* cluster.advance("1 hour")
      const [first, second = 0, ...later] = times("PublishCalled")
      expect(second - (times("PublishAnswered")[0] ?? 0)).toBe(400)
      expect(first).toBeLessThan(second)
      const pauses = pausesOf([second, ...later])
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(120_000)
      expect(Math.max(...pauses)).toBeLessThanOrEqual(180_100)
      expect(new Set(pauses).size).toBeGreaterThan(3)
    }).pipe(Effect.scoped)
  )

  it.live("publishes once where the CSIDriver object does not ask for more", () =>
    Effect.gen(function* () {
      const { cluster, times } = yield* watched(() => ({}), { kubelet: { requiresRepublish: false } })
      yield* cluster.schedule()
      yield* cluster.advance("1 day")
      expect(times("PublishCalled")).toHaveLength(1)
    }).pipe(Effect.scoped)
  )

  it.live("leaves a pod running whose publish fails again, and repeats it as before", () =>
    Effect.gen(function* () {
      let answers: Answers = {}
      const { cluster, events, times } = yield* watched(() => answers)
      const pod = yield* cluster.schedule()
      yield* cluster.advance("10 seconds")
      expect(pod.phase).toBe("running")
      answers = away
      events.length = 0
      yield* cluster.advance("5 minutes")
      expect(pausesOf(times("PublishCalled")).slice(0, 6)).toEqual(doubling.slice(0, 6))
      expect(pod.phase).toBe("running")
    }).pipe(Effect.scoped)
  )

  it.live("sends no unpublish for a volume whose publish has failed for good", () =>
    Effect.gen(function* () {
      const { cluster, times } = yield* watched(() => refused)
      const pod = yield* cluster.schedule()
      yield* cluster.advance("10 seconds")
      yield* cluster.delete(pod)
      yield* cluster.advance("1 minute")
      yield* cluster.restartKubelet("node-1", "1 minute")
      yield* cluster.advance("5 minutes")
      expect([times("UnpublishCalled"), pod.phase]).toEqual([[], "gone"])
    }).pipe(Effect.scoped)
  )

  it.live("forgets a volume that was uncertain when its next publish fails for good", () =>
    Effect.gen(function* () {
      let answers = away
      const { cluster, times } = yield* watched(() => answers)
      const pod = yield* cluster.schedule()
      yield* cluster.advance("2 seconds")
      answers = refused
      yield* cluster.advance("10 seconds")
      yield* cluster.delete(pod)
      yield* cluster.advance("1 minute")
      expect([times("UnpublishCalled"), pod.phase]).toEqual([[], "gone"])
    }).pipe(Effect.scoped)
  )

  it.live("unpublishes within two seconds of a deletion, once, also what was never published", () =>
    Effect.gen(function* () {
      const { cluster, times } = yield* watched(() => away)
      const pod = yield* cluster.schedule()
      yield* cluster.advance("10 seconds")
      const deleted = cluster.world.now
      yield* cluster.delete(pod)
      yield* cluster.advance("1 minute")
      const [called = 0, ...more] = times("UnpublishCalled")
      expect(more).toEqual([])
      expect(called - deleted).toBeGreaterThan(0)
      expect(called - deleted).toBeLessThanOrEqual(2000)
      expect(pod.phase).toBe("gone")
    }).pipe(Effect.scoped)
  )

  it.live("repeats a failed unpublish with the same pauses until it succeeds", () =>
    Effect.gen(function* () {
      let answers = busy
      const { cluster, times } = yield* watched(() => answers)
      const pod = yield* cluster.schedule()
      yield* cluster.advance("10 seconds")
      yield* cluster.delete(pod)
      yield* cluster.advance("40 seconds")
      expect(pausesOf(times("UnpublishCalled")).slice(0, 5)).toEqual(doubling.slice(0, 5))
      expect(pod.phase).toBe("ending")
      answers = {}
      yield* cluster.advance("2 minutes")
      expect(pod.phase).toBe("gone")
    }).pipe(Effect.scoped)
  )

  it.live("gives a call up after two minutes, and calls again", () =>
    Effect.gen(function* () {
      const { cluster, events, times } = yield* watched(() => ({ publish: () => Effect.never }))
      yield* cluster.freeze("node-1", "10 minutes")
      yield* cluster.schedule()
      yield* cluster.advance("121 seconds")
      const [first = 0, second = 0] = times("PublishCalled")
      expect(second - first).toBe(120_500)
      const answer = events.find(({ what }) => what._tag === "PublishAnswered")?.what
      expect(answer?._tag === "PublishAnswered" && answer.failure?.code).toBe("DEADLINE_EXCEEDED")
    }).pipe(Effect.scoped)
  )

  it.live("publishes each live volume once more within ten seconds of its restart, and no container ends", () =>
    Effect.gen(function* () {
      const { cluster, events, times } = yield* watched(() => ({}), { kubelet: { requiresRepublish: false } })
      const pods = yield* Effect.forEach([1, 2, 3], () => cluster.schedule())
      yield* cluster.advance("1 minute")
      events.length = 0
      yield* cluster.restartKubelet("node-1", "5 minutes")
      yield* cluster.advance("5 minutes")
      expect(times("PublishCalled")).toEqual([])
      const back = cluster.world.now
      yield* cluster.advance("1 minute")
      expect(times("PublishCalled")).toHaveLength(3)
      expect(Math.max(...times("PublishCalled")) - back).toBeLessThanOrEqual(10_000)
      expect(pods.map(({ phase }) => phase)).toEqual(["running", "running", "running"])
    }).pipe(Effect.scoped)
  )

  it.live("calls again while its earlier calls run on, where certlet does not hear that they were cancelled", () =>
    Effect.gen(function* () {
      let running = 0
      const endless = Effect.suspend(() => {
        running += 1
        return Effect.ensuring(
          Effect.never,
          Effect.sync(() => {
            running -= 1
          })
        )
      })
      const { cluster } = yield* watched(() => ({ publish: () => endless }))
      yield* cluster.schedule()
      yield* cluster.advance("10 seconds")
      const counts = [running]
      yield* cluster.restartKubelet("node-1", "1 second", { callsRunOn: "1 minute" })
      for (const time of ["500 millis", "20 seconds", "1 minute"] as const) {
        yield* cluster.advance(time)
        counts.push(running)
      }
      yield* cluster.restartKubelet("node-1", "1 second")
      yield* cluster.advance("500 millis")
      expect([...counts, running]).toEqual([1, 1, 2, 1, 0])
      yield* cluster.advance("20 seconds")
      yield* cluster.restartKubelet("node-1", "1 second", { callsRunOn: "1 day" })
      yield* cluster.advance("20 seconds")
      expect(running).toBe(2)
      yield* Effect.ignore(cluster.settle())
      // The kubelet may be between two tries.
      expect(running).toBeLessThanOrEqual(1)
    }).pipe(Effect.scoped)
  )

  it.live("finds the volume of a pod that was deleted while it was away, and unpublishes it", () =>
    Effect.gen(function* () {
      const { cluster, times } = yield* watched(() => ({}))
      const pod = yield* cluster.schedule()
      yield* cluster.advance("1 minute")
      yield* cluster.restartKubelet("node-1", "5 minutes")
      yield* cluster.delete(pod)
      yield* cluster.advance("4 minutes")
      expect([times("UnpublishCalled"), pod.phase]).toEqual([[], "ending"])
      yield* cluster.advance("2 minutes")
      expect([times("UnpublishCalled").length, pod.phase]).toEqual([1, "gone"])
    }).pipe(Effect.scoped)
  )

  it.live("asks how a volume is as often as it is told to, while its pod runs", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const { cluster } = yield* watched(
        () => ({
          inspect: (volumeId, path) =>
            Effect.suspend(() => {
              asked.push(`${volumeId} ${Option.getOrElse(path, () => "")}`)
              return new UnknownVolume({ volumeId })
            })
        }),
        { kubelet: { statsFrequency: "1 minute" } }
      )
      const pod = yield* cluster.schedule()
      const volume = pod.volumes.get("tls")
      yield* cluster.advance("5 minutes")
      expect(asked).toEqual(Array.from({ length: 4 }, () => `${volume?.volumeId} ${volume?.target}`))
      yield* cluster.delete(pod)
      yield* cluster.advance("5 minutes")
      expect(asked).toHaveLength(4)
    }).pipe(Effect.scoped)
  )

  it.live("calls the certlet that is registered, and is refused where there is none", () =>
    Effect.gen(function* () {
      const { cluster, events } = yield* watched(() => ({}))
      yield* cluster.kill("node-1", { downtime: "10 seconds" })
      const pod = yield* cluster.schedule()
      yield* cluster.advance("1 second")
      const answer = events.find(({ what }) => what._tag === "PublishAnswered")?.what
      expect(answer?._tag === "PublishAnswered" && answer.failure?.code).toBe("UNAVAILABLE")
      yield* cluster.advance("1 minute")
      expect(pod.phase).toBe("running")
    }).pipe(Effect.scoped)
  )

  it.live(
    "sends tokens that live for an hour where the settings ask for them, and the same one for four fifths of it",
    () =>
      Effect.gen(function* () {
        const sent: Array<{ readonly token: string; readonly expirationTimestamp: string }> = []
        const { cluster } = yield* watched(
          () => ({
            publish: ({ context }) =>
              Effect.sync(() => {
                const text = context["csi.storage.k8s.io/serviceAccount.tokens"] ?? ""
                sent.push(JSON.parse(text)[""])
              })
          }),
          { settings: { useTokenRequest: true, continueOnNotReady: true } }
        )
        yield* cluster.schedule()
        yield* cluster.advance("45 minutes")
        expect(new Set(sent.map(({ token }) => token)).size).toBe(1)
        yield* cluster.advance("10 minutes")
        expect(new Set(sent.map(({ token }) => token)).size).toBe(2)
      }).pipe(Effect.scoped)
  )
})
