// A node under load: 200 volumes, 20 at a time, each with one certificate that openssl accepts and one request; then a
// restart with all of them in place, and their end, after which the machine is as it was. Times are printed, not
// judged: how fast it may be is the business of performance.test.ts.
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import { inParallel } from "./inParallel.ts"
import { mountsUnder } from "./mounts.ts"
import type { PodVolume } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage, volumeOf } from "./RealCluster.ts"
import { judge, readIssue, serialOf } from "./volumeFiles.ts"

const count = 200
const atOnce = 20

let cluster: RealCluster
let certlet: Certlet
let stage: Stage
let volumes: ReadonlyArray<PodVolume>

beforeAll(async () => {
  cluster = await RealCluster.start()
  certlet = await cluster.certlet()
  stage = await cluster.stage("load")
  const names = Array.from({ length: count }, (_, index) => `pod-${index}`)
  volumes = await inParallel(names, atOnce, (name) => stage.volume(certlet, name))
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const timed = async (what: string, act: () => Promise<unknown>) => {
  const start = performance.now()
  await act()
  const seconds = (performance.now() - start) / 1000
  console.log(`${what}: ${seconds.toFixed(2)} s (${(count / seconds).toFixed(0)} per second)`)
}

/** How many requests the volume with the most of them has. */
const mostRequests = async (): Promise<number> => {
  const counts = new Map<string, number>()
  for (const request of await cluster.requests(stage.namespace)) {
    const id = volumeOf(request) ?? ""
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return Math.max(0, ...counts.values())
}

const serials = () => inParallel(volumes, 8, async (volume) => serialOf(await readIssue(volume.target)))

describe(`${count} volumes`, { timeout: 180_000 }, () => {
  let before: ReadonlyArray<string>

  it("get one certificate and one request each", async () => {
    let looking = true
    const looks = (async () => {
      let most = 0
      while (looking) {
        most = Math.max(most, await mostRequests())
        // Looking without a pause would be most of the API server's load.
        await pause(200)
      }
      return most
    })()
    try {
      await timed(`${count} publishes, ${atOnce} at a time`, () =>
        inParallel(volumes, atOnce, (volume) => certlet.publish(volume))
      )
    } finally {
      looking = false
    }
    expect(await looks).toBeLessThanOrEqual(1)
    expect(await cluster.requests(stage.namespace)).toHaveLength(count)
    expect(await mostRequests()).toBe(1)
    expect(await certlet.mounts()).toHaveLength(count)
  })

  it("hold certificates that openssl accepts, all different", async () => {
    const issues = await inParallel(volumes, 2, (volume) => judge(volume.target, stage.issuer.caFile))
    expect(new Set(issues.map(serialOf)).size).toBe(count)
    expect(new Set(issues.map((issue) => issue.privateKey)).size).toBe(count)
    before = issues.map(serialOf)
  })

  it("are republished without a change", async () => {
    await timed(`${count} republishes, ${atOnce} at a time`, () =>
      inParallel(volumes, atOnce, (volume) => certlet.publish(volume))
    )
    expect(await serials()).toEqual(before)
    expect(await cluster.requests(stage.namespace)).toHaveLength(count)
  })

  it.each(["SIGTERM", "SIGKILL"] as const)("are there after %s and a restart", async (signal) => {
    await certlet.end(signal)
    const milliseconds = await certlet.startAgain()
    console.log(`start to serving with ${count} volumes, after ${signal}: ${milliseconds.toFixed(0)} ms`)
    expect(await serials()).toEqual(before)
    expect(await certlet.mounts()).toHaveLength(count)
  })

  it("leave nothing behind when they go", async () => {
    await timed(`${count} unpublishes, ${atOnce} at a time`, () =>
      inParallel(volumes, atOnce, (volume) => certlet.unpublish(volume))
    )
    expect(await mountsUnder(certlet.folder)).toEqual([])
    expect(await certlet.records()).toEqual([])
  })
})
