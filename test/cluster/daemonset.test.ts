// The DaemonSet's pod as a container of a real node: the security settings of `k8s/certlet.yaml` are what its process has, its
// probes pass, and what an operator runs in it runs.
import { readFile } from "node:fs/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { version } from "../../src/Version.ts"
import { certletImage } from "./certletImage.ts"
import { DaemonSetPod } from "./DaemonSetPod.ts"
import { kubeletRoot } from "./nodeConfiguration.ts"
import { textAt } from "./objects.ts"
import type { WorkerNode } from "./WorkerNode.ts"
import { World, worldLimitMilliseconds } from "./World.ts"

let world: World
let node: WorkerNode
let certlet: DaemonSetPod

beforeAll(async () => {
  world = await World.start()
  node = await world.node()
  await node.load(await certletImage(world.program))
  certlet = await DaemonSetPod.start(node)
}, worldLimitMilliseconds)

afterAll(() => world?.stop())

const proc = async (file: string): Promise<string> =>
  readFile(`/proc/${await certlet.pod.pid("certlet")}/${file}`, "utf8")

/** The numbers of the capabilities in a set of proc_pid_status(5). */
const capabilities = (status: string, set: string): ReadonlyArray<number> => {
  const mask = BigInt(`0x${status.match(new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m"))?.[1]}`)
  return Array.from({ length: 64 }, (_, i) => i).filter((i) => (mask >> BigInt(i)) & 1n)
}

describe("the DaemonSet's container", { timeout: 60_000 }, () => {
  it("has kept the capabilities to mount and to give files away, and can get no others", async () => {
    const status = await proc("status")
    const [chown, dacOverride, fowner, sysAdmin] = [0, 1, 3, 21]
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
      expect(capabilities(status, set)).toEqual([chown, dacOverride, fowner, sysAdmin])
    }
    for (const set of ["CapInh", "CapAmb"]) expect(capabilities(status, set)).toEqual([])
  })

  it("cannot write to its root, and shares no mounts with the node but those of pods", async () => {
    const write = `require("fs").writeFileSync("/mine", "")`
    await expect(certlet.pod.exec(["node", "-e", write], "certlet")).rejects.toThrow("read-only file system")
    const mounts = (await proc("mountinfo")).split("\n").filter((line) => / shared:\d+ /.test(line))
    // A container runtime shares the cgroups with a privileged container by itself.
    const shared = mounts.map((line) => line.split(" ")[4] ?? "").filter((path) => !path.startsWith("/sys/fs/cgroup/"))
    expect(shared).toContain(`${kubeletRoot}/pods`)
    expect(shared.filter((path) => !`${path}/`.startsWith(`${kubeletRoot}/pods/`))).toEqual([])
  })

  it("is well and ready, and its probes say so from within the node", async () => {
    const ip = textAt(await certlet.pod.object(), "status", "podIP")
    for (const path of ["livez", "readyz"]) {
      const answer = await fetch(`http://${ip}:9809/${path}`, { signal: AbortSignal.timeout(10_000) })
      expect([path, answer.status]).toEqual([path, 200])
    }
  })

  it("runs what is run in it, as kubectl exec does", async () => {
    expect(await certlet.pod.exec(["certlet", "--version"], "certlet")).toContain(version)
  })
})
