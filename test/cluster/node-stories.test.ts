// certlet, the kubelet and the whole node are ended, killed, replaced and rebooted under a crowd of real pods: no pod
// loses its files, what was to happen meanwhile happens afterwards, and in the end the node's mount table is what it
// was before certlet came. The stories are the simulation's. They are told one after the other, to the same crowd.
import { readFile } from "node:fs/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stories, type Told } from "../kit/stories.ts"
import { Crowd } from "./Crowd.ts"
import { certletImage } from "./certletImage.ts"
import { DaemonSetPod } from "./DaemonSetPod.ts"
import { certificateVolume } from "./NodePod.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { judge } from "./volumeFiles.ts"
import type { WorkerNode } from "./WorkerNode.ts"

let cluster: RealCluster
let node: WorkerNode
let certlet: DaemonSetPod
let stage: Stage
let manual: Stage
let crowd: Crowd
let before: string

beforeAll(async () => {
  cluster = await RealCluster.start()
  node = await cluster.node()
  stage = await cluster.stage("stories")
  manual = await cluster.stage("stories-manual", "manual")
  await node.load(await certletImage(cluster.program))
  before = node.machine.mountTable()
  // A kubelet does not take a volume away while its publish is under way, and some pods here go before it can succeed.
  certlet = await DaemonSetPod.start(node, { flags: ["--publish-timeout=10s"] })
  crowd = await Crowd.gather(node, stage, 30)
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const registrations = () => certlet.log().split("the kubelet has registered this driver").length - 1

const run = (name: string) =>
  node.run({ namespace: stage.namespace, name, volumes: { tls: certificateVolume(stage.issuer.ref) } })

const told: Told<() => Promise<void>> = {
  "certlet is killed while thirty pods run": async () => {
    await crowd.whileWatched(() => certlet.kill())
    await crowd.judge()
  },

  "certlet is upgraded while thirty pods run": async () => {
    await node.load(await certletImage(cluster.program, "next"))
    await crowd.whileWatched(() => certlet.replace())
    expect(await readFile(`/proc/${await certlet.pod.pid("certlet")}/environ`, "utf8")).toContain("RELEASE=next")
    const serials = await crowd.serials()
    await certlet.until("a renewal by the new certlet", 60_000, async () => {
      const now = await crowd.serials()
      return [...now].some(([pod, serial]) => serials.get(pod) !== serial) || undefined
    })
    await crowd.judge()
  },

  "the kubelet restarts while thirty pods run": async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const count = registrations()
      const containers = await crowd.containers()
      await crowd.whileWatched(async () => {
        await node.stopKubelet(signal)
        await node.startKubelet()
        await certlet.until("the registration", 60_000, async () => registrations() > count || undefined)
        const pod = await run(`after-${signal.toLowerCase()}`)
        await pod.running()
        await pod.delete()
      })
      expect(await crowd.containers()).toEqual(containers)
    }
  },

  "a pod that comes while certlet is away is served when it is back": async () => {
    await certlet.remove()
    const pod = await run("early")
    await node.until(
      "the kubelet to miss certlet",
      60_000,
      async () => /FailedMount.*csi\.cert-manager\.io/.test((await pod.events()).join("\n")) || undefined
    )
    await certlet.create()
    await pod.running()
    await judge(await pod.path("/tls"), stage.issuer.caFile)
    await pod.delete()
  },

  "a pod that goes while certlet is away leaves nothing when it is back": async () => {
    const mounts = node.mounts(`/var/lib/kubelet/pods`).length
    const pod = await run("leaving")
    await pod.running()
    await certlet.remove()
    const going = pod.delete()
    await node.until("its container's end", 60_000, async () => ((await pod.lives()) ? undefined : true))
    await certlet.create()
    await going
    expect(node.mounts(`/var/lib/kubelet/pods`).length).toBe(mounts)
  },

  "a pod goes while its request waits for approval": async () => {
    const tls = certificateVolume(manual.issuer.ref)
    const pod = await node.run({ namespace: manual.namespace, name: "never", volumes: { tls } })
    await node.until("its request", 60_000, async () =>
      (await cluster.requests(manual.namespace)).length === 1 ? true : undefined
    )
    await pod.delete()
    await node.until("its request to be withdrawn", 30_000, async () =>
      (await cluster.requests(manual.namespace)).length === 0 ? true : undefined
    )
  },

  "the node reboots, and its pods come back": async () => {
    await crowd.shrinkTo(6)
    const [containers, serials, own] = await Promise.all([
      crowd.containers(),
      crowd.serials(),
      certlet.pod.containerId("certlet")
    ])
    await node.reboot()
    await certlet.pod.startedAnew(own, "certlet")
    await certlet.ready()
    await crowd.startedAnew(containers)
    await crowd.judge()
    const now = await crowd.serials()
    for (const [pod, serial] of serials) expect(now.get(pod)).not.toBe(serial)
  },

  "all pods go, and nothing is left of them": async () => {
    await crowd.shrinkTo(0)
    await certlet.remove()
    // A rebooted machine has the same mounts under other numbers.
    const shown = (table: string) =>
      table.split("\n").map((line) =>
        line
          .split(" ")
          .slice(3)
          .join(" ")
          .replace(/ (shared|master):\d+/g, "")
      )
    expect(shown(node.machine.mountTable()).sort()).toEqual(shown(before).sort())
    expect(await node.machine.run("ls", "-A", "/run/certlet/volumes")).toBe("")
  }
}

describe("on a real node", { timeout: 300_000 }, () => {
  for (const story of stories) it(story, told[story])
})
