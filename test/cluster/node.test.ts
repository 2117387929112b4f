// Real pods on a real node: kubelet, containerd and runc, with certlet as the manifest's own pod, registered through
// the kubelet's plugin watcher. What a pod asks for is what its containers find: files, owners, modes; renewed while
// they run, and gone with the pod, however it goes. After each pod the node's mount table is what it was before. The
// process itself has what the manifest gives it, and no more.
import { X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { certletImageName } from "../../k8s/image/certletImage.ts"
import { version } from "../../src/Version.ts"
import { certletImage } from "./certletImage.ts"
import { DaemonSetPod } from "./DaemonSetPod.ts"
import { certificateVolume, container, type NodePod } from "./NodePod.ts"
import { kubeletRoot } from "./nodeConfiguration.ts"
import { at, listAt, textAt } from "./objects.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { fits, judge, readIssue, serialOf } from "./volumeFiles.ts"
import type { WorkerNode } from "./WorkerNode.ts"

let cluster: RealCluster
let node: WorkerNode
let certlet: DaemonSetPod
let stage: Stage
let before: string

beforeAll(async () => {
  cluster = await RealCluster.start()
  node = await cluster.node()
  stage = await cluster.stage("real")
  await node.load(await certletImage(cluster.program))
  certlet = await DaemonSetPod.start(node)
  before = node.machine.mountTable()
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

afterEach(() => {
  expect(node.machine.mountTable()).toBe(before)
  expect(certlet.log()).not.toContain('"level":"error"')
})

const volume = (attributes: Readonly<Record<string, string>> = {}, more: Readonly<Record<string, unknown>> = {}) =>
  certificateVolume(stage.issuer.ref, attributes, more)

/** openssl's verdict on what a container finds in a volume. */
const judged = async (pod: NodePod, path = "/tls", name = "main") =>
  judge(await pod.path(path, name), stage.issuer.caFile)

const run = (name: string, volumes: Readonly<Record<string, unknown>>, spec: Readonly<Record<string, unknown>> = {}) =>
  node.run({ namespace: "real", name, volumes, spec })

// Due after 5 s less a tenth at most.
const shortLived = { duration: "40s", "renew-before": "35s" }

describe("a pod on a real node", { timeout: 240_000 }, () => {
  it("finds its certificate, read-only, and takes it along when it goes", async () => {
    const pod = await run("web", { tls: volume() })
    await pod.running()
    const { certificate } = await judged(pod)
    expect(new X509Certificate(certificate).subjectAltName).toBe("DNS:web.example.com")
    expect(await pod.exec(["cat", "/tls/tls.crt"])).toBe(certificate)
    await expect(pod.exec(["touch", "/tls/mine"])).rejects.toThrow("Read-only file system")
    await expect(pod.exec(["touch", "/tls/..data/mine"])).rejects.toThrow("Read-only file system")
    await pod.delete()
  })

  it("must ask for a volume that is read-only, and its events say so", async () => {
    const pod = await run("writable", { tls: volume({}, { readOnly: false }) })
    await node.until("the sentence in the pod's events", 60_000, async () => {
      const events = (await pod.events()).join("\n")
      return /FailedMount.*readOnly: true/.test(events) || undefined
    })
    await pod.delete()
  })

  it("sees its certificate renewed while it runs, by one swap, and never a key with another's certificate", async () => {
    const pod = await run("renewed", { tls: volume(shortLived) })
    await pod.running()
    const path = await pod.path("/tls")
    const first = await readIssue(path)
    const seen = new Set<string>()
    await certlet.until("two renewals", 90_000, async () => {
      // A set may be swapped away between its three files; then there is nothing to judge.
      const issue = await readIssue(path).catch(() => undefined)
      if (issue === undefined) return undefined
      expect(fits(issue)).toBe(true)
      seen.add(serialOf(issue))
      return seen.size > 2 ? true : undefined
    })
    const { certificate } = await judged(pod)
    expect(certificate).not.toBe(first.certificate)
    expect(await pod.exec(["cat", "/tls/tls.crt"])).toBe((await readIssue(path)).certificate)
    await pod.delete()
  })

  it("that is not root reads its files by its fsGroup, and not without", async () => {
    const securityContext = { runAsUser: 1000, runAsGroup: 1000 }
    const member = await run("member", { tls: volume() }, { securityContext: { ...securityContext, fsGroup: 2000 } })
    const stranger = await run("stranger", { tls: volume() }, { securityContext })
    await Promise.all([member.running(), stranger.running()])
    const { privateKey } = await judged(member)
    expect(await member.exec(["cat", "/tls/tls.key"])).toBe(privateKey)
    expect(await member.exec(["stat", "-L", "-c", "%u:%g %a", "/tls/tls.key"])).toBe("0:2000 440\n")
    await expect(stranger.exec(["cat", "/tls/tls.key"])).rejects.toThrow("Permission denied")
    await Promise.all([member.delete(), stranger.delete()])
  })

  it("may have two volumes, each with its own names, key and files", async () => {
    const server = volume({ "dns-names": "server.example.com" })
    const client = volume({
      "dns-names": "client.example.com",
      "key-algorithm": "Ed25519",
      "combined-file": "both.pem"
    })
    const pod = await run("two", { server, client })
    await pod.running()
    const [one, other] = await Promise.all([judged(pod, "/server"), judged(pod, "/client")])
    expect(new X509Certificate(one.certificate).subjectAltName).toBe("DNS:server.example.com")
    expect(new X509Certificate(other.certificate).subjectAltName).toBe("DNS:client.example.com")
    expect(await pod.exec(["cat", "/client/both.pem"])).toContain(other.privateKey)
    await expect(pod.exec(["cat", "/server/both.pem"])).rejects.toThrow("No such file")
    await pod.delete()
  })

  it("has its files in an init container already", async () => {
    const copy = container("copy", ["tls"], {
      command: ["sh", "-c", "cat /tls/tls.crt > /copy/tls.crt"],
      volumeMounts: [
        { name: "tls", mountPath: "/tls", readOnly: true },
        { name: "copy", mountPath: "/copy" }
      ]
    })
    const pod = await run("init", { tls: volume(), copy: { emptyDir: {} } }, { initContainers: [copy] })
    await pod.running()
    expect(await pod.exec(["cat", "/copy/tls.crt"])).toBe((await judged(pod)).certificate)
    await pod.delete()
  })

  it("gets a certificate for its own address, and `certlet wait` holds its containers back until it is there", async () => {
    const wait = {
      ...container("wait", ["tls"]),
      image: certletImageName,
      command: undefined,
      args: ["wait", "/tls", "--timeout", "1m"],
      securityContext: { runAsUser: 1000, runAsNonRoot: true, capabilities: { drop: ["ALL"] } }
    }
    const tls = volume({ "ip-sans": "$" + "{POD_IPS}", "continue-on-not-ready": "true" })
    const pod = await run("peer", { tls }, { securityContext: { fsGroup: 1000 }, initContainers: [wait] })
    await pod.running()
    const ip = textAt(await pod.object(), "status", "podIP")
    const { certificate } = await judged(pod)
    expect(new X509Certificate(certificate).subjectAltName).toBe(`DNS:peer.example.com, IP Address:${ip}`)
    const [waited] = listAt(await pod.object(), "status", "initContainerStatuses")
    expect(textAt(waited, "state", "terminated", "reason")).toBe("Completed")
    await pod.delete()
  })
})

describe("a pod's end", { timeout: 240_000 }, () => {
  it("with a grace leaves the files to its containers until they have ended", async () => {
    const obstinate = container("main", ["tls"], { command: ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"] })
    const pod = await run("graceful", { tls: volume() }, { containers: [obstinate] })
    await pod.running()
    const path = await pod.path("/tls")
    const going = pod.delete(5)
    await node.until("the pod to be told to end", 30_000, async () =>
      at(await pod.object(), "metadata", "deletionTimestamp") === undefined ? undefined : true
    )
    await judge(path, stage.issuer.caFile)
    await going
  })

  it("without a grace takes everything along too", async () => {
    const pod = await run("forced", { tls: volume() })
    await pod.running()
    await pod.delete(0)
  })
})

/** How many unpublishes certlet has been asked for. */
const unpublishes = async (): Promise<number> => {
  const counts = (await certlet.get("metrics", "/metrics")).matchAll(
    /^certlet_call_duration_seconds_count\{[^}]*call="unpublish"[^}]*\} (\d+)$/gm
  )
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

describe("a pod that goes before it has its volume", { timeout: 240_000 }, () => {
  const failing = async (pod: NodePod, sentence: RegExp) =>
    node.until("the sentence in the pod's events", 90_000, async () =>
      sentence.test((await pod.events()).join("\n")) ? true : undefined
    )

  // Kubernetes: isFinalError and markVolumeErrorState. The simulated kubelet does the same.
  it("is not unpublished where its publish has failed for good", async () => {
    const before = await unpublishes()
    const pod = await run("refused", { tls: volume({}, { readOnly: false }) })
    await failing(pod, /FailedMount.*InvalidArgument/)
    await pod.delete()
    expect(await unpublishes()).toBe(before)
  })

  it("is unpublished where its publish may still be going on", async () => {
    const before = await unpublishes()
    const tls = volume({ "issuer-name": "absent" })
    const pod = await run("waiting", { tls })
    await failing(pod, /FailedMount.*DeadlineExceeded/)
    await pod.delete()
    expect(await unpublishes()).toBeGreaterThan(before)
  })
})

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
    for (const path of ["/livez", "/readyz"]) expect(await certlet.get("health", path)).toContain("ok")
  })

  it("runs what is run in it, as kubectl exec does", async () => {
    expect(await certlet.pod.exec(["certlet", "--version"], "certlet")).toContain(version)
  })
})
