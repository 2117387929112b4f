/**
 * The image that the flake builds, as the DaemonSet's container on a real node: a kubelet starts it as
 * `k8s/certlet.yaml` says, a pod gets its certificate from it and takes it along when it goes, and the tools in it run,
 * without a shell and without a library of the host.
 */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { version } from "../../src/Version.ts"
import { DaemonSetPod } from "../cluster/DaemonSetPod.ts"
import { certificateVolume } from "../cluster/NodePod.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "../cluster/RealCluster.ts"
import { judge } from "../cluster/volumeFiles.ts"
import type { WorkerNode } from "../cluster/WorkerNode.ts"
import { Nix } from "./Nix.ts"

let cluster: RealCluster
let node: WorkerNode
let stage: Stage
let certlet: DaemonSetPod

beforeAll(async () => {
  const nix = new Nix(inject("nix"))
  const image = await nix.build(nix.copy("for-a-node"), "path:.#image")
  cluster = await RealCluster.start()
  node = await cluster.node()
  stage = await cluster.stage("flake")
  await node.load(gunzipSync(readFileSync(image)))
  certlet = await DaemonSetPod.start(node)
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const inCertlet = (...command: ReadonlyArray<string>) => certlet.pod.exec(command, "certlet")

describe("the flake's image on a real node", () => {
  it("gives a pod its certificate, says so, and leaves nothing when the pod goes", async () => {
    const before = node.mounts()
    const volumes = { tls: certificateVolume(stage.issuer.ref) }
    const pod = await node.run({ namespace: "flake", name: "web", volumes })
    await pod.running()
    await judge(await pod.path("/tls"), stage.issuer.caFile)
    expect(await inCertlet("certlet", "status")).toMatch(/flake.*web|web.*flake/)
    await pod.delete()
    expect(node.mounts()).toEqual(before)
    expect(certlet.log()).not.toContain('"level":"error"')
  })

  it("has its tools, and no shell", async () => {
    expect(await inCertlet("certlet", "--version")).toContain(version)
    for (const tool of ["mount", "umount", "setpriv", "xargs"]) {
      expect(await inCertlet(tool, "--version")).toMatch(/util-linux|findutils/)
    }
    await expect(inCertlet("sh", "-c", "true")).rejects.toThrow("executable file not found")
  })
})
