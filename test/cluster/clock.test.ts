// A node's clock jumps by a day, ahead or back, and is set right again, while the rest of the cluster keeps its time.
// Running pods keep their files, the API server is not stormed (the requests are counted), and renewals come back by
// themselves. A new pod is refused while the clock is ahead, and starts when it is right again; while the clock is
// behind it starts at once. Timers are the machine's own all the time, as they are where somebody sets the clock.
import { X509Certificate } from "node:crypto"
import { readdir } from "node:fs/promises"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import { FakeClock } from "./FakeClock.ts"
import { inParallel } from "./inParallel.ts"
import { type PodVolume, quick } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage, volumeOf } from "./RealCluster.ts"
import { fits, judge, readIssue, serialOf } from "./volumeFiles.ts"

let cluster: RealCluster
let stage: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  stage = await cluster.stage("clock")
}, clusterLimitMilliseconds)

/** The processes that were given a clock. */
const pids: Array<number> = []

afterAll(async () => {
  await cluster?.stop()
  for (const pid of pids) await FakeClock.forget(pid)
  const left = (await readdir("/dev/shm")).filter((name) => pids.some((pid) => name.endsWith(`faketime_shm_${pid}`)))
  expect(left).toEqual([])
})

interface Node {
  readonly certlet: Certlet
  readonly clock: FakeClock
}

/** A node with a clock that can be set. */
const makeNode = async (nodeId: string): Promise<Node> => {
  const certlet = await cluster.certlet({ nodeId })
  const clock = await FakeClock.make(certlet.folder)
  await certlet.end()
  await certlet.startAgain(clock.under)
  pids.push(certlet.pid)
  return { certlet, clock }
}

/** Three volumes that have plenty of time, and two that are renewed within the test. */
const publishVolumes = async ({ certlet }: Node, name: string, shortLived: Readonly<Record<string, string>>) => {
  const make = (kind: string, count: number, attributes: Readonly<Record<string, string>>) =>
    inParallel(Array.from({ length: count }), 3, async (_, index) => {
      const volume = await stage.volume(certlet, `${name}-${kind}-${index}`, {
        attributes: { ...quick, ...attributes }
      })
      await certlet.publish(volume)
      return volume
    })
  return { long: await make("long", 3, { duration: "2160h" }), short: await make("short", 2, shortLived) }
}

const serialsOf = (volumes: ReadonlyArray<PodVolume>) =>
  inParallel(volumes, 3, async ({ target }) => serialOf(await readIssue(target)))

/** Every name under which a request of these volumes was ever seen: those that failed are deleted soon. */
const watchRequests = (volumes: ReadonlyArray<PodVolume>) => {
  const ids = new Set(volumes.map(({ id }) => id))
  const names = new Set<string>()
  let looking = true
  const looks = (async () => {
    while (looking) {
      for (const one of await cluster.requests(stage.namespace)) {
        if (ids.has(volumeOf(one) ?? "")) names.add(one.metadata.name)
      }
      await pause(100)
    }
  })()
  return {
    names,
    end: () => {
      looking = false
      return looks
    }
  }
}

/** Resolves when each has another certificate than before. */
const renewed = ({ certlet }: Node, volumes: ReadonlyArray<PodVolume>, before: ReadonlyArray<string>) =>
  certlet.until("the renewals", 240_000, async () =>
    (await serialsOf(volumes)).every((serial, index) => serial !== before[index]) ? true : undefined
  )

const expectSound = async (volumes: ReadonlyArray<PodVolume>) => {
  for (const { target } of volumes) expect(fits(await readIssue(target))).toBe(true)
}

const halfADay = 12 * 3_600_000

/** How far the clock of certlet's last log line is ahead of the machine's, in milliseconds. */
const aheadBy = (certlet: Certlet): number => {
  const times = [...certlet.log().matchAll(/"timestamp":"([^"]+)"/g)].map(([, time = ""]) => Date.parse(time))
  return (times.at(-1) ?? Number.NaN) - Date.now()
}

/** Sets the clock; resolves when certlet writes log lines by it, here at the renewals that are due by it. */
const jump = async ({ certlet, clock }: Node, offset: string, published: ReadonlyArray<PodVolume>): Promise<void> => {
  await clock.set(offset)
  await certlet.until(`the clock to jump by ${offset}`, 180_000, async () => {
    for (const volume of published) await certlet.publish(volume)
    return Math.abs(aheadBy(certlet)) > halfADay ? true : undefined
  })
}

describe("a clock that jumps", { timeout: 600_000 }, () => {
  it("a day ahead makes few requests, costs no files, and renewals come when it is right again", async () => {
    const node = await makeNode("ahead")
    const { certlet, clock } = node
    // Due after 67 s at the earliest: what is requested before that is the clock's doing.
    const { long, short } = await publishVolumes(node, "ahead", { duration: "150s", "renew-before": "75s" })
    const [longBefore, shortBefore] = [await serialsOf(long), await serialsOf(short)]
    const requests = watchRequests([...long, ...short])
    await jump(node, "+1d", long)
    // By that clock everything of two minutes has expired, also what the issuer signs now.
    await certlet.until("the answers to be refused", 120_000, async () =>
      certlet.log().split("the certificate expired at").length > 2 * short.length ? true : undefined
    )
    const pod = await stage.volume(certlet, "ahead-new", { attributes: { ...quick, duration: "150s" } })
    const refusals = [await certlet.refusal(pod), await certlet.refusal(pod)]
    expect(refusals.map(({ sentence }) => sentence.includes("expired at"))).toEqual([true, true])
    expect(await serialsOf([...long, ...short])).toEqual([...longBefore, ...shortBefore])
    await clock.set("+0")
    await certlet.publishLikeKubelet(pod, 240_000)
    await judge(pod.target, stage.issuer.caFile)
    await renewed(node, short, shortBefore)
    await requests.end()
    console.log(
      `a day ahead: ${requests.names.size} requests for ${long.length} long and ${short.length} short volumes`
    )
    // The first, two that were refused before the pause, the one after it, and perhaps the next.
    expect(requests.names.size).toBeLessThanOrEqual(long.length + 5 * short.length)
    expect(await serialsOf(long)).toEqual(longBefore)
    await expectSound([...long, ...short, pod])
  })

  it("a day back costs no certificate and no processor time, and a pod that starts meanwhile gets its own", async () => {
    const node = await makeNode("back")
    const { certlet, clock } = node
    // Due after two minutes at the earliest, and good for another two and a half.
    const { long, short } = await publishVolumes(node, "back", { duration: "300s", "renew-before": "150s" })
    const [longBefore, shortBefore] = [await serialsOf(long), await serialsOf(short)]
    const requests = watchRequests([...long, ...short])
    await clock.set("-1d")
    const pods: Array<PodVolume> = []
    while (!(aheadBy(certlet) < -halfADay)) {
      const pod = await stage.volume(certlet, `back-new-${pods.length}`, { attributes: { ...quick, duration: "300s" } })
      await certlet.publish(pod)
      pods.push(pod)
      expect(pods.length).toBeLessThan(60)
    }
    for (const { target } of pods) await judge(target, stage.issuer.caFile)
    const before = (await certlet.usage()).cpuMilliseconds
    await pause(15_000)
    const spent = (await certlet.usage()).cpuMilliseconds - before
    await clock.set("+0")
    const all = [...long, ...short, ...pods]
    await certlet.until("the renewals", 400_000, async () => {
      for (const { pod, target } of all) {
        const { validToDate } = new X509Certificate((await readIssue(target)).certificate)
        if (validToDate.getTime() < Date.now()) throw new Error(`the certificate of ${pod} has expired`)
      }
      return (await serialsOf(short)).every((serial, index) => serial !== shortBefore[index]) ? true : undefined
    })
    await requests.end()
    console.log(`a day back: ${requests.names.size} requests, ${spent} ms of processor time in 15 s`)
    expect(spent).toBeLessThan(3000)
    expect(requests.names.size).toBeLessThanOrEqual(long.length + 3 * short.length)
    expect(await serialsOf(long)).toEqual(longBefore)
    await expectSound(all)
  })
})
