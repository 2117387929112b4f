// A node that never comes to rest: pods come and go, a third of them before their volume is ready, and then volumes
// renew without end. What certlet holds (descriptors, timers, memory, mounts, records, requests) is printed before and
// after, and at the end it holds what it held at the start. CHURN=5000 makes the coming and going long, SOAK_MINUTES=10
// the renewing, SOAK_VOLUMES=300 the crowd that renews; each publish is judged by what the pod finds.
import { X509Certificate } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import { inParallel } from "./inParallel.ts"
import { CallError } from "./KubeletClient.ts"
import { mountsUnder } from "./mounts.ts"
import { type PodVolume, quick } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage, volumeOf } from "./RealCluster.ts"
import { fits, readIssue, serialOf } from "./volumeFiles.ts"

const churn = Number(process.env.CHURN ?? 300)
const atOnce = 20
const soakSeconds = Number(process.env.SOAK_MINUTES ?? 0.75) * 60
const soakVolumes = Number(process.env.SOAK_VOLUMES ?? 30)
/** As much as a start and the first hundred publishes move the heap by themselves; what leaks goes on growing. */
const memorySlack = 64 * 1024 * 1024

let cluster: RealCluster
let certlet: Certlet
let stage: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  certlet = await cluster.certlet({ verbosity: "2", countTimers: true })
  stage = await cluster.stage("churn")
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

interface Held {
  readonly descriptors: number
  readonly timers: number
  readonly residentBytes: number
  readonly mounts: number
  readonly records: number
}

const look = async (when: string): Promise<Held> => {
  const { residentBytes } = await certlet.usage()
  const descriptors = await certlet.descriptors()
  const [mounts, records] = [await mountsUnder(certlet.folder), await certlet.records()]
  const timers = await certlet.timers()
  const held = { descriptors, timers, residentBytes, mounts: mounts.length, records: records.length }
  const megabytes = (residentBytes / 1024 / 1024).toFixed(0)
  console.log(
    `${when}: ${descriptors} descriptors, ${timers} timers, ${megabytes} MiB, ${held.mounts} mounts, ${held.records} records`
  )
  return held
}

/** What a burst has left behind goes back once certlet is quiet; what leaks stays. */
const memoryGivenBack = (before: Held) =>
  certlet.until("the memory of a burst to go back", 300_000, async () =>
    (await certlet.usage()).residentBytes < before.residentBytes + memorySlack ? true : undefined
  )

/** Connections to the API server stay open for a while after their last call, so many at once and no more. */
const expectNoMoreThan = (before: Held, after: Held) => {
  expect({ mounts: after.mounts, records: after.records }).toEqual({ mounts: before.mounts, records: before.records })
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + atOnce)
  // A call has some while it is on its way, and a connection to the API server one while it stays open.
  expect(after.timers).toBeLessThanOrEqual(before.timers + atOnce)
}

type Outcome = "published" | "cancelled" | "cancelled too late"

/** One pod's life; the kubelet gives up on every third publish, each time a little later. */
const live = async (_: unknown, index: number): Promise<Outcome> => {
  const volume = await stage.volume(certlet, `pod-${index}`)
  const outcome = index % 3 === 0 ? await cancelAfter(volume, 1 + ((index * 7) % 200)) : "published"
  if (outcome === "published") {
    await certlet.publish(volume)
    expect(fits(await readIssue(volume.target))).toBe(true)
  }
  await certlet.unpublish(volume)
  expect((await mountsUnder(volume.target)).length).toBe(0)
  return outcome
}

const cancelAfter = async (volume: PodVolume, milliseconds: number): Promise<Outcome> => {
  try {
    await certlet.kubelet.publish(volume, milliseconds)
    return "cancelled too late"
  } catch (error) {
    if (error instanceof CallError && error.code === "DEADLINE_EXCEEDED") return "cancelled"
    throw error
  }
}

describe(`${churn} volumes that come and go`, { timeout: 7_200_000 }, () => {
  it("leave nothing behind, also where their publish was cancelled", async () => {
    const warm = await inParallel(Array.from({ length: 60 }), atOnce, (_, index) => live(_, 1_000_000 + index))
    expect(warm).toHaveLength(60)
    const before = await look("before")
    const start = performance.now()
    const outcomes = await inParallel(Array.from({ length: churn }), atOnce, live)
    const seconds = (performance.now() - start) / 1000
    const cancelled = outcomes.filter((outcome) => outcome === "cancelled").length
    console.log(`${churn} volumes, ${cancelled} of them cancelled, in ${seconds.toFixed(1)} s`)
    await memoryGivenBack(before)
    const after = await look("after")
    expect(cancelled).toBeGreaterThan(churn / 10)
    expectNoMoreThan(before, after)
    expect(after.mounts + after.records).toBe(0)
  })
})

/** Due after 15 to 40 s, and good for half a minute more. */
const shortLived = (index: number) => {
  const due = 15 + Math.floor((25 * index) / soakVolumes)
  return { ...quick, duration: `${due + 30}s`, "renew-before": "30s" }
}

/** Reads every volume over and over until the time is up and each has been renewed; their certificates, one by one. */
const soak = async (volumes: ReadonlyArray<PodVolume>): Promise<ReadonlyArray<ReadonlySet<string>>> => {
  const seen = volumes.map(() => new Set<string>())
  const end = performance.now() + soakSeconds * 1000
  const isOver = () => performance.now() > end && seen.every(({ size }) => size > 1)
  while (!isOver()) {
    // Not a probe of `until`: what is read wrong once is an error, however well it is the next time.
    if (performance.now() > end + 180_000) throw new Error(`not every volume was renewed\n${certlet.lastWords()}`)
    for (const [index, { pod, target }] of volumes.entries()) {
      // A swap may take the files away between two reads.
      const issue = await readIssue(target).catch(() => readIssue(target))
      const { validToDate } = new X509Certificate(issue.certificate)
      expect([pod, fits(issue), validToDate.getTime() > Date.now()]).toEqual([pod, true, true])
      seen[index]?.add(serialOf(issue))
    }
    await pause(50)
  }
  return seen
}

/** A connection to the API server that nobody uses is closed after a minute. */
const connectionsClosed = (before: Held) =>
  certlet.until("idle connections to close", 300_000, async () =>
    (await certlet.descriptors()) <= before.descriptors + atOnce ? true : undefined
  )

/** How many requests the volume with the most of them has. */
const mostRequests = async (volumes: ReadonlyArray<PodVolume>): Promise<number> => {
  const owners = (await cluster.requests(stage.namespace)).map(volumeOf)
  return Math.max(...volumes.map(({ id }) => owners.filter((owner) => owner === id).length))
}

describe(`${soakVolumes} volumes that renew all the time`, { timeout: 7_200_000 }, () => {
  it("take no more after a while than at its start, and leave nothing behind", async () => {
    const empty = await look("empty")
    const volumes = await inParallel(
      Array.from({ length: soakVolumes }, (_, index) => index),
      atOnce,
      (index) => stage.volume(certlet, `soak-${index}`, { attributes: shortLived(index) })
    )
    await inParallel(volumes, atOnce, (volume) => certlet.publish(volume))
    const before = await look("before")
    const seen = await soak(volumes)
    await memoryGivenBack(before)
    const after = await look("after")
    const renewals = seen.reduce((sum, { size }) => sum + size - 1, 0)
    console.log(`${renewals} renewals in ${soakSeconds} s`)
    expectNoMoreThan(before, after)
    // One that is being renewed at this moment has two.
    expect(await mostRequests(volumes)).toBeLessThanOrEqual(2)
    await inParallel(volumes, atOnce, (volume) => certlet.unpublish(volume))
    await connectionsClosed(empty)
    await memoryGivenBack(empty)
    expectNoMoreThan(empty, await look("nothing"))
  })
})
