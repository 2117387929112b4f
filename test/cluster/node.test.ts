// Real pods on a real node: kubelet, containerd and runc, with certlet registered through the kubelet's plugin watcher. What a
// pod asks for is what its containers find: files, owners, modes; renewed while they run, and gone with the pod, however it
// goes. Afterwards the node's mount table is what it was before.
import { X509Certificate } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { NodeCertlet } from "./NodeCertlet.ts"
import { certificateVolume, type NodePod } from "./NodePod.ts"
import { judge } from "./volumeFiles.ts"
import type { WorkerNode } from "./WorkerNode.ts"
import { type Stage, World, worldLimitMilliseconds } from "./World.ts"

let world: World
let node: WorkerNode
let certlet: NodeCertlet
let stage: Stage
let before: string

beforeAll(async () => {
  world = await World.start()
  node = await world.node()
  stage = await world.stage("real")
  certlet = await world.install(node)
  before = node.machine.mountTable()
}, worldLimitMilliseconds)

afterAll(() => world?.stop())

const volume = (attributes: Readonly<Record<string, string>> = {}, more: Readonly<Record<string, unknown>> = {}) =>
  certificateVolume(stage.issuer.ref, attributes, more)

/** openssl's verdict on what a container finds in a volume. */
const judged = async (pod: NodePod, path = "/tls", name = "main") =>
  judge(await pod.path(path, name), stage.issuer.caFile)

describe("a pod on a real node", { timeout: 120_000 }, () => {
  it("finds its certificate, read-only, and takes it along when it goes", async () => {
    const pod = await node.run({ namespace: "real", name: "web", volumes: { tls: volume() } })
    await pod.running()
    const { certificate } = await judged(pod)
    expect(new X509Certificate(certificate).subjectAltName).toBe("DNS:web.example.com")
    expect(await pod.exec(["cat", "/tls/tls.crt"])).toBe(certificate)
    await expect(pod.exec(["touch", "/tls/mine"])).rejects.toThrow("Read-only file system")
    await expect(pod.exec(["touch", "/tls/..data/mine"])).rejects.toThrow("Read-only file system")
    await pod.delete()
    expect(node.machine.mountTable()).toBe(before)
    expect(certlet.log()).not.toContain('"level":"error"')
  })
})
