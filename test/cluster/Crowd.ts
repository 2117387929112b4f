// Many real pods on one node, each with a certificate of its own; some are short-lived and are renewed all the time. A
// crowd can be watched while something is done to certlet or to the kubelet: then every pod's files are looked at over
// and over, and the first pod that misses them, or finds a key that does not fit, or an expired certificate, ends the
// watch with an error.
import { X509Certificate } from "node:crypto"
import { readlink } from "node:fs/promises"
import { join } from "node:path"
import { setImmediate as breath } from "node:timers/promises"
import { inParallel } from "./inParallel.ts"
import { certificateVolume, type NodePod } from "./NodePod.ts"
import type { Stage } from "./RealCluster.ts"
import { fits, type Issue, judge, readIssue } from "./volumeFiles.ts"
import type { WorkerNode } from "./WorkerNode.ts"

// Due after 20 s less a tenth at most, and good for another 40 s.
const shortLived = { duration: "60s", "renew-before": "40s" }
/** Every so many pods one is short-lived. */
const oneIn = 6

interface Member {
  readonly pod: NodePod
  /** The volume as the pod's container has it. */
  readonly path: string
}

export class Crowd {
  readonly #stage: Stage
  readonly #members: Array<Member>

  /** Starts so many pods; resolves when all of them run. */
  static async gather(node: WorkerNode, stage: Stage, count: number): Promise<Crowd> {
    const members = await inParallel(
      Array.from({ length: count }, (_, i) => i),
      10,
      async (i): Promise<Member> => {
        const tls = certificateVolume(stage.issuer.ref, i % oneIn === 0 ? shortLived : {})
        const pod = await node.run({ namespace: stage.namespace, name: `crowd-${i}`, volumes: { tls } })
        await pod.running()
        return { pod, path: await pod.path("/tls") }
      }
    )
    return new Crowd(stage, [...members])
  }

  private constructor(stage: Stage, members: Array<Member>) {
    this.#stage = stage
    this.#members = members
  }

  get pods(): ReadonlyArray<NodePod> {
    return this.#members.map(({ pod }) => pod)
  }

  /** Does something and looks at every pod's files meanwhile. */
  async whileWatched(act: () => Promise<void>): Promise<void> {
    let done = false
    const acting = act().finally(() => {
      done = true
    })
    const watching = async () => {
      do {
        for (const member of this.#members) checkIssue(member.pod.name, await look(member.path))
        await breath()
      } while (!done)
    }
    await Promise.all([acting, watching()])
  }

  /** openssl's verdict on every pod's files. */
  async judge(): Promise<void> {
    await inParallel(this.#members, 4, ({ path }) => judgeAcrossSwaps(path, this.#stage.issuer.caFile))
  }

  /** The serial numbers of all certificates, by pod. */
  async serials(): Promise<ReadonlyMap<string, string>> {
    const entries = this.#members.map(async ({ pod, path }) => {
      const { certificate } = await look(path)
      return [pod.name, new X509Certificate(certificate).serialNumber] as const
    })
    return new Map(await Promise.all(entries))
  }

  /** Deletes pods until only so many are left; resolves when they are gone. */
  async shrinkTo(count: number): Promise<void> {
    const going = this.#members.splice(count)
    await inParallel(going, going.length, ({ pod }) => pod.delete())
  }

  /** The containers of all pods. */
  containers(): Promise<ReadonlyArray<string>> {
    return Promise.all(this.pods.map((pod) => pod.containerId()))
  }

  /** Resolves when every pod has another container than the one of this list. */
  async startedAnew(containers: ReadonlyArray<string>): Promise<void> {
    await inParallel(this.#members, this.#members.length, async ({ pod }, i) => {
      await pod.startedAnew(containers[i] ?? "")
      this.#members[i] = { pod, path: await pod.path("/tls") }
    })
  }
}

/** The files of a pod; where a swap takes them away between two reads, those of the next set. */
const look = (path: string): Promise<Issue> => readIssue(path).catch(() => readIssue(path))

/** openssl reads the files one after the other; where a renewal has swapped them meanwhile, it looks again. */
const judgeAcrossSwaps = async (path: string, caFile: string): Promise<void> => {
  const set = () => readlink(join(path, "..data"))
  const before = await set()
  try {
    await judge(path, caFile)
  } catch (error) {
    if ((await set()) === before) throw error
    await judgeAcrossSwaps(path, caFile)
  }
}

const checkIssue = (name: string, issue: Issue): void => {
  if (!fits(issue)) throw new Error(`pod ${name} finds a key that is not its certificate's`)
  const { validTo } = new X509Certificate(issue.certificate)
  if (Date.parse(validTo) < Date.now()) throw new Error(`pod ${name} finds a certificate that ended at ${validTo}`)
}
