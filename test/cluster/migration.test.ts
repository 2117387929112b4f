// A node changes its driver while pods run: from one that works as cert-manager's csi-driver does to certlet, and back.
// Nobody's files change under a running pod, its containers may restart, and whichever driver is there when a pod goes
// leaves nothing at its target. What each leaves elsewhere is as k8s/README.md says.
import { copyFile, mkdir, readdir } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeAuthority, makeServerCertificate } from "./certificates.ts"
import { certletImage } from "./certletImage.ts"
import type { Daemon } from "./Daemon.ts"
import { DaemonSetPod } from "./DaemonSetPod.ts"
import { certificateVolume, type NodePod } from "./NodePod.ts"
import { kubeletRoot } from "./nodeConfiguration.ts"
import { predecessorDataRoot } from "./predecessor.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { judge, readIssue, serialOf } from "./volumeFiles.ts"
import type { WorkerNode } from "./WorkerNode.ts"

let cluster: RealCluster
let node: WorkerNode
let stage: Stage
/** What the other driver hands out, and who signed it. */
let files: string
let otherAuthority: string

beforeAll(async () => {
  cluster = await RealCluster.start()
  node = await cluster.node()
  stage = await cluster.stage("migration")
  await node.load(await certletImage(cluster.program))
  files = join(cluster.plane.dir, "handed-out")
  await mkdir(files)
  const authority = await makeAuthority(cluster.plane.dir, "other", { commonName: "other" })
  const { certFile, keyFile } = await makeServerCertificate(cluster.plane.dir, "handed", {
    authority,
    alternativeNames: ["DNS:handed.example.com"]
  })
  otherAuthority = authority.certFile
  const handedOut = { "tls.crt": certFile, "tls.key": keyFile, "ca.crt": otherAuthority }
  for (const [name, file] of Object.entries(handedOut)) await copyFile(file, join(files, name))
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

// Due after 20 s less a tenth at most.
const shortLived = { duration: "60s", "renew-before": "40s" }

const startPredecessor = async (): Promise<Daemon> => {
  const predecessor = node.machine.daemon({
    name: "predecessor",
    command: process.execPath,
    args: [join(import.meta.dirname, "predecessor.ts"), node.name, files]
  })
  await predecessor.until("the registration", 60_000, async () => predecessor.log().includes("registered") || undefined)
  return predecessor
}

const run = async (name: string, attributes: Readonly<Record<string, string>> = {}): Promise<NodePod> =>
  (
    await node.run({
      namespace: stage.namespace,
      name,
      volumes: { tls: certificateVolume(stage.issuer.ref, attributes) }
    })
  ).running()

/** What is mounted at the target of a pod's volume: one word for each mount. */
const mountedAt = (pod: NodePod): ReadonlyArray<string> =>
  node.machine
    .mountTable()
    .split("\n")
    .filter((line) => line.split(" ")[4] === `${kubeletRoot}/pods/${pod.uid}/volumes/kubernetes.io~csi/tls/mount`)
    .map((line) => (line.split(" - ")[1]?.startsWith("tmpfs certlet ") ? "certlet" : "other"))

const restartContainer = async (pod: NodePod): Promise<void> => {
  const before = await pod.containerId()
  process.kill(await pod.pid(), "SIGKILL")
  await pod.startedAnew(before)
}

/** The volumes whose files the other driver still has in its memory. */
const held = async (): Promise<number> => (await readdir(node.machine.path(`${predecessorDataRoot}/inmemfs`))).length

describe("a change of drivers", { timeout: 240_000 }, () => {
  it("to certlet leaves running pods their files, and clears the other driver's mounts when they go", async () => {
    const before = node.machine.mountTable()
    const predecessor = await startPredecessor()
    const [stays, goes] = await Promise.all([run("stays"), run("goes")])
    await predecessor.stop()
    const certlet = await DaemonSetPod.start(node)
    for (const pod of [stays, goes]) {
      await node.until(
        "a word to the pod's owner",
        60_000,
        async () => /VolumeInherited: .*restart the pod/.test((await pod.events()).join("\n")) || undefined
      )
    }
    expect(await cluster.requests(stage.namespace)).toEqual([])
    expect(await certlet.get("metrics", "/metrics")).toMatch(/^certlet_volumes\{.*state="Inherited".*\} 2$/m)

    await goes.delete()
    await restartContainer(stays)
    await node.stopKubelet()
    await node.startKubelet()
    await restartContainer(stays)
    await judge(await stays.path("/tls"), otherAuthority)
    expect(mountedAt(stays)).toEqual(["other"])

    const fresh = await run("fresh")
    await judge(await fresh.path("/tls"), stage.issuer.caFile)
    expect(mountedAt(fresh)).toEqual(["certlet"])
    await Promise.all([stays.delete(), fresh.delete()])
    await certlet.remove()
    // The other driver's copies of the keys stay where they were, until its memory is given back.
    expect(await held()).toBe(2)
    await node.machine.run("umount", `${predecessorDataRoot}/inmemfs`)
    expect(node.machine.mountTable()).toBe(before)
  })

  it("back from certlet leaves running pods their files too, and certlet takes up what still stands when it returns", async () => {
    const before = node.machine.mountTable()
    const certlet = await DaemonSetPod.start(node)
    const [goes, stays] = await Promise.all([run("back-goes"), run("back-stays", shortLived)])
    const serial = serialOf(await readIssue(await stays.path("/tls")))
    await certlet.remove()
    const predecessor = await startPredecessor()
    await node.stopKubelet()
    await node.startKubelet()
    // The other driver hands out files that no pod sees: something is mounted there already.
    await node.until("both volumes to be published again", 60_000, async () =>
      (await held()) === 2 ? true : undefined
    )
    await restartContainer(goes)
    await judge(await goes.path("/tls"), stage.issuer.caFile)
    expect([mountedAt(goes), mountedAt(stays)]).toEqual([["certlet"], ["certlet"]])

    await goes.delete()
    await predecessor.stop()
    await certlet.create()
    await certlet.until("a renewal", 90_000, async () =>
      serialOf(await readIssue(await stays.path("/tls"))) === serial ? undefined : true
    )
    await judge(await stays.path("/tls"), stage.issuer.caFile)
    // Of the one that the other driver has ended nothing is known any more.
    expect(await certlet.get("metrics", "/metrics")).toMatch(/^certmanager_csi_managed_volume_count\{.*\} 1$/m)
    await stays.delete()
    await certlet.remove()
    await node.machine.run("umount", `${predecessorDataRoot}/inmemfs`)
    expect(node.machine.mountTable()).toBe(before)
  })
})
