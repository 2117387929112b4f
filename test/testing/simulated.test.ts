/** A simulated cluster with promises: what it answers, how it meets the virtual clock, and how it fails. */
import { setTimeout as realTime } from "node:timers/promises"
import { describe, expect, expectTypeOf, it } from "vitest"
import {
  CannotSee,
  InvariantBroken,
  invariant,
  Misuse,
  type PromisedHand,
  type Sight,
  type SimPod,
  simulated
} from "../../src/testing/index.ts"

/** What a promise was rejected with. */
const failureOf = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => "nothing",
    (error: unknown) => error
  )

describe("a simulated cluster with promises", () => {
  it("has every verb and every lever of the one with Effects", async () => {
    await using cluster = await simulated({ seed: 1, nodes: 2 })
    expectTypeOf(cluster.schedule).returns.toEqualTypeOf<Promise<SimPod>>()
    expectTypeOf(cluster.exec).returns.toEqualTypeOf<Promise<Sight>>()
    expectTypeOf(cluster.issuer.stall).returns.toEqualTypeOf<Promise<void>>()
    expectTypeOf(cluster.disk("node-1").fill).returns.toEqualTypeOf<Promise<void>>()
    expectTypeOf(cluster.seed).toEqualTypeOf<string>()
    const pod = await cluster.schedule({ duration: "1 hour" })
    await cluster.issuer.stall("5 minutes")
    await cluster.disk("node-2").fill("1 hour")
    await cluster.advance("4 minutes")
    expect(pod.phase).toBe("pending")
    await cluster.settle()
    const { certificate, chains } = await cluster.exec(pod)
    expect([certificate.names, chains, cluster.world.pods]).toEqual([["DNS:pod-1.apps.svc"], true, [pod]])
    await cluster.delete(pod)
    await cluster.advance("1 minute")
    expect(pod.phase).toBe("gone")
  })

  /** A story with everything in it, which waits between its verbs as it is told to. */
  const story = async (pause: () => Promise<unknown>): Promise<string> => {
    await using cluster = await simulated({ seed: 7, nodes: 2 })
    await pause()
    await cluster.run(async ({ sleep, watch }) => {
      const pod = await watch(({ pods }) => pods.find(({ phase }) => phase === "running"))
      for (const _ of Array.from({ length: 20 })) await Promise.resolve()
      await Promise.all([sleep("10 minutes"), sleep("20 minutes"), cluster.kill("node-1")])
      await cluster.delete(pod)
      await cluster.schedule({ name: "successor" })
    })
    await pause()
    await cluster.schedule({ duration: "1 hour" })
    await pause()
    await cluster.kill("node-2")
    await cluster.advance("2 hours")
    await pause()
    await cluster.settle()
    expect(cluster.world.pods.map(({ name }) => name)).toEqual(["successor"])
    return cluster.trace.digest
  }

  it("does the same however much real time passes between two calls", async () => {
    const swift = await story(async () => undefined)
    expect(await story(() => realTime(20))).toBe(swift)
    expect(await story(() => Promise.resolve())).toBe(swift)
  })

  it("does what is called at once in the order of the calls", async () => {
    await using cluster = await simulated({ seed: 2 })
    const order: Array<string> = []
    const calls = { schedule: cluster.schedule(), advance: cluster.advance("1 hour"), kill: cluster.kill("node-1") }
    await Promise.all(Object.entries(calls).map(([verb, call]) => call.then(() => order.push(verb))))
    expect([order, (await calls.schedule).phase]).toEqual([["schedule", "advance", "kill"], "running"])
  })
})

describe("a controller of one's own", () => {
  it("has the clock wait until it waits itself", async () => {
    await using cluster = await simulated({ seed: 3 })
    const seen: Array<number> = []
    const began = cluster.world.now
    await cluster.run(async ({ sleep }) => {
      for (;;) {
        await sleep("1 minute")
        for (const _ of Array.from({ length: 50 })) await undefined
        seen.push((cluster.world.now - began) / 60_000)
      }
    })
    await cluster.advance("5 minutes")
    expect(seen).toEqual([1, 2, 3, 4, 5])
  })

  it("ends the time that passes with what it throws", async () => {
    await using cluster = await simulated({ seed: 4 })
    const wrong = new Error("the replicas are gone")
    const began = cluster.world.now
    await cluster.run(async ({ sleep }) => {
      await sleep("1 minute")
      throw wrong
    })
    expect(await failureOf(cluster.advance("30 days"))).toBe(wrong)
    expect(cluster.world.now - began).toBeLessThan(86_400_000)
  })

  it("may not wait for what is not the cluster's", async () => {
    await using cluster = await simulated({ seed: 5 })
    await cluster.run(async ({ sleep }) => {
      await sleep("1 minute")
      // So long that on no machine, however busy, it is over within the turn.
      await realTime(60_000, undefined, { ref: false })
    })
    const error = await failureOf(cluster.advance("1 hour"))
    expect(error).toBeInstanceOf(Misuse)
    expect(String(error)).toContain("a controller waits for something that is not of the cluster")
  })

  it("may not come back at another time than the cluster's", async () => {
    await using cluster = await simulated({ seed: 6 })
    const hands: Array<PromisedHand> = []
    await cluster.run(async (hand) => {
      hands.push(hand)
      await hand.sleep("1 day")
    })
    await realTime(1)
    const errors = await Promise.all(hands.map(({ sleep }) => failureOf(sleep("1 second"))))
    expect(errors.join()).toContain("this comes from outside the cluster's time")
  })

  it("lets no time pass by itself", async () => {
    await using cluster = await simulated({ seed: 8 })
    await cluster.run(async ({ sleep }) => {
      await sleep("1 minute")
      await cluster.advance("1 minute")
    })
    const error = await failureOf(cluster.advance("1 hour"))
    expect(String(error)).toContain("time passes already; a controller waits with its `sleep`")
  })
})

describe("a verb that fails", () => {
  const strict = invariant("strict", "No pod runs.", (_, { pods }) =>
    pods.some(({ phase }) => phase === "running") ? "one runs" : undefined
  )

  it("is rejected with its own error, the seed and the line of the test", async () => {
    await using cluster = await simulated({ seed: "blue", invariants: [strict] })
    const pod = await cluster.schedule()
    const unseen = await failureOf(cluster.exec(pod))
    expect(unseen).toBeInstanceOf(CannotSee)
    expect(String(unseen)).toContain("no container runs, the pod is pending\nthe seed is blue")
    const broken = await failureOf(cluster.advance("1 hour"))
    expect(broken).toBeInstanceOf(InvariantBroken)
    expect(String(broken)).toMatch(
      /strict does not hold[\s\S]*the seed is blue; a cluster with that seed does the same/
    )
    const [, first] = (broken instanceof Error ? (broken.stack ?? "") : "").split(/\n {4}at /)
    expect(first).toContain("simulated.test.ts")
  })

  it("says so after the cluster's end", async () => {
    const cluster = await simulated({ seed: 9 })
    const { stall } = cluster.issuer
    await cluster[Symbol.asyncDispose]()
    await cluster[Symbol.asyncDispose]()
    for (const call of [() => cluster.schedule(), () => cluster.advance("1 hour"), () => stall("1 hour")]) {
      const error = await failureOf(call())
      expect(error).toBeInstanceOf(Misuse)
      expect(String(error)).toContain("this cluster has ended")
    }
  })
})
