/**
 * A trace is read by people: one event is one sentence, in columns, and what lies on a disk is called by its pod's
 * name.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimCluster } from "../../../src/testing/SimCluster.ts"
import { since, Trace } from "../../../src/testing/story/Trace.ts"

const story = Effect.gen(function* () {
  const cluster = yield* SimCluster.make({ seed: 42, nodes: 2, kubelet: { requiresRepublish: false } })
  const pod = yield* cluster.schedule({ name: "web", node: "node-2" })
  yield* cluster.advance("1 minute")
  yield* cluster.issuer.stall("1 hour")
  yield* cluster.kill("node-2")
  yield* cluster.delete(pod)
  yield* cluster.advance("1 minute")
  return cluster.trace
}).pipe(Effect.scoped)

describe("a trace", () => {
  it.effect("says who did what, where and when", () =>
    Effect.gen(function* () {
      const { lines } = yield* story
      const named = (line: string) => line.replace(/[0-9a-f]{8}…/, "#")
      expect(lines().slice(0, 10).map(named)).toEqual([
        " 1    0d 00:00:00.000  node-1  certlet  starts, life 1",
        " 2                     node-2  certlet  starts, life 1",
        " 3                     node-2  user     schedules apps/web",
        " 4                     node-2  kubelet  publish apps/web",
        " 5                     node-2  disk     the record of apps/web is saved",
        " 6                     node-2  disk     the record of apps/web is saved",
        " 7                             api      request # of apps/web is created",
        " 8                     node-2  disk     the volume of apps/web is mounted",
        " 9    0d 00:00:00.020          issuer   request # of apps/web is approved",
        "10                             issuer   request # of apps/web is signed"
      ])
      const rest = lines().map(named).join("\n")
      expect(rest).toMatch(/node-2 {2}disk {5}the volume of apps\/web shows new files$/m)
      expect(rest).toMatch(/node-2 {2}certlet {2}apps\/web: certificate in place$/m)
      expect(rest).toMatch(/0d 00:01:00\.000 {10}issuer {3}signs nothing for 1h$/m)
      expect(rest).toMatch(/node-2 {2}certlet {2}dies, life 1$/m)
      expect(rest).toMatch(/node-2 {2}certlet {2}apps\/web is unpublished$/m)
      expect(rest).toMatch(/node-2 {2}kubelet {2}apps\/web is gone$/m)
    })
  )

  it.effect("shows the last events, the time of the first of them too, and weighs all of them", () =>
    Effect.gen(function* () {
      const { digest, lines } = yield* story
      expect(lines(3)).toEqual(lines().slice(-3))
      expect(lines(1)[0]).toMatch(/^\d+ +0d 00:0\d:\d\d\.\d{3} {2}/)
      expect((yield* story).digest).toBe(digest)
    })
  )

  it("keeps as many events as it was told to, and a digest over more", () => {
    const [few, many] = [new Trace(() => 0, 2), new Trace(() => 0, 100)]
    for (const sentence of ["one", "two", "three", "four", "five"]) {
      few.record("story", { _tag: "Struck", sentence })
      many.record("story", { _tag: "Struck", sentence })
    }
    expect(few.lines()).toEqual(["4    0d 00:00:00.000    story  four", "5                       story  five"])
    expect([few.steps, few.digest]).toEqual([5, many.digest])
  })

  it("tells time as days and a clock", () => {
    expect(since(12 * 86_400_000 + 3_723_004)).toBe(" 12d 01:02:03.004")
  })
})
