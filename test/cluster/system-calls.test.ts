// certlet dies, or is denied by the kernel, at every system call of its main thread in turn: in a publish, an
// unpublish, a renewal and a start. Afterwards it is started again, and a republish gives the pod a whole set, an
// unpublish leaves nothing. The calls are counted first, so the points are known; they are taken in an order that a
// seed decides. Two minutes of them are a sample: SYSTEM_CALLS_MINUTES=60 does all of them, SYSTEM_CALLS_SEED repeats
// an order. The API server is the embedded one: no control plane is needed.
import { randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir, readdir } from "node:fs/promises"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { bundle } from "../kit/bundle.ts"
import { Certlet } from "./Certlet.ts"
import { ownFolder } from "./ownFolder.ts"
import { type PodVolume, quick } from "./PodVolume.ts"
import { countCalls, countingUnder, type Fault, SystemCalls, under } from "./SystemCalls.ts"
import { fits, readIssue } from "./volumeFiles.ts"

const minutes = Number(process.env.SYSTEM_CALLS_MINUTES ?? 2)
const seed = Number(process.env.SYSTEM_CALLS_SEED ?? Math.floor(Math.random() * 1e6))
const errors = ["ENOSPC", "EIO", "EROFS", "EMFILE", "ENOMEM"] as const
const programs = ["publish", "unpublish", "renew", "start"] as const
const leastStrikes = 10
type Program = (typeof programs)[number]

/** A generator of numbers from 0 to 1 (mulberry32), so that an order can be repeated. */
const random = (from: number) => {
  let state = from
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const shuffled = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  const next = random(seed)
  return items
    .map((item) => [next(), item] as const)
    .sort(([one], [other]) => one - other)
    .map(([, item]) => item)
}

const scope = Effect.runSync(Scope.make())
let certlet: Certlet

beforeAll(async () => {
  const cluster = await Effect.runPromise(Effect.provideService(EmbeddedCluster.make(), Scope.Scope, scope))
  const kubeconfig = join(await ownFolder("certlet-calls-", tmpdir()), "kubeconfig")
  await Effect.runPromise(cluster.writeKubeconfig(kubeconfig, "certificate"))
  certlet = await Certlet.start({ program: await bundle(), kubeconfig, verbosity: "2" })
})

afterAll(async () => {
  await certlet?.destroy()
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

/** A pod's volume that nobody has published yet. */
const makeVolume = async (): Promise<PodVolume> => {
  const uid = randomUUID()
  const target = join(certlet.podsFolder, uid, "volumes", "kubernetes.io~csi", "tls", "mount")
  await mkdir(dirname(target), { recursive: true })
  const pod = `pod-${uid}`
  const prefixed = (prefix: string, entries: Readonly<Record<string, string>>) =>
    Object.entries(entries).map(([key, value]) => [`${prefix}/${key}`, value] as const)
  const identity = { ephemeral: "true", "pod.name": pod, "pod.namespace": "apps", "pod.uid": uid }
  const context = Object.fromEntries([
    ...prefixed("csi.storage.k8s.io", { ...identity, "serviceAccount.name": "default" }),
    ...prefixed("csi.cert-manager.io", { "issuer-name": "ca", ...quick })
  ])
  return { id: `csi-${uid}`, target, namespace: "apps", pod, context }
}

/** Asks certlet on its admin socket to renew a volume now; resolves when it has, or could not, or died. */
const renewNow = (volume: PodVolume): Promise<void> =>
  new Promise((resolve) => {
    const path = `/renew?volume=${encodeURIComponent(volume.id)}&patience=5000`
    request({ socketPath: join(certlet.dataRoot, "admin", "certlet.sock"), path, method: "POST", timeout: 10_000 })
      .once("response", (answer) => answer.resume().once("close", resolve))
      .once("error", () => resolve())
      .end()
  })

/** Runs the program's call once, whatever comes of it. */
const run: Readonly<Record<Exclude<Program, "start">, (volume: PodVolume) => Promise<void>>> = {
  publish: (volume) => certlet.kubelet.publish(volume, 10_000).catch(() => undefined),
  unpublish: (volume) => certlet.kubelet.unpublish(volume).catch(() => undefined),
  renew: renewNow
}

/** What a pod would read at this moment is a whole set of one issue, or nothing. */
const expectWhole = async (volume: PodVolume): Promise<void> => {
  if (!existsSync(join(volume.target, "..data"))) return
  expect(fits(await readIssue(volume.target))).toBe(true)
}

/**
 * The volume gets its files, and nothing of another set is left beside them; then it goes, and nothing is left at all.
 */
const expectConvergence = async (volume: PodVolume): Promise<void> => {
  await certlet.publishLikeKubelet(volume, 30_000)
  expect(fits(await readIssue(volume.target))).toBe(true)
  const ownNames = (await readdir(volume.target)).filter((name) => name.startsWith(".."))
  expect(ownNames).toHaveLength(2)
  await certlet.until("the unpublish", 30_000, () => certlet.unpublish(volume).then(() => true))
  expect(await certlet.mounts()).toEqual([])
  expect(await certlet.records()).toEqual([])
  expect(await readdir(dirname(volume.target))).toEqual([])
}

/** Strikes once. A kill ends the process, and so do errors that Node does not bear: it is started again then. */
const strike = async (program: Program, fault: Fault): Promise<void> => {
  const volume = await makeVolume()
  if (program !== "publish") await certlet.publish(volume)
  if (program === "start") {
    await certlet.end("SIGKILL")
    await certlet.startAgain(under(fault)).catch(() => undefined)
  } else {
    const calls = await SystemCalls.inject(certlet.pid, fault)
    await run[program](volume)
    await calls.detach()
  }
  await expectWhole(volume)
  if (program === "start" || !(await certlet.serves())) {
    await certlet.end("SIGKILL")
    await certlet.startAgain()
  }
  await expectConvergence(volume)
}

/** How many calls of each kind the program makes. */
const count = async (program: Program): Promise<ReadonlyMap<string, number>> => {
  const file = join(certlet.folder, "calls")
  const volume = await makeVolume()
  if (program !== "publish") await certlet.publish(volume)
  if (program === "start") {
    await certlet.end("SIGKILL")
    await certlet.startAgain(countingUnder(file))
    await certlet.end("SIGKILL")
    await certlet.startAgain()
  } else {
    const calls = await SystemCalls.count(certlet.pid, file)
    await run[program](volume)
    await calls.detach()
  }
  await expectConvergence(volume)
  return countCalls(file)
}

describe("at every system call", () => {
  it.each([
    ["a death", ["KILL"], minutes * 0.7],
    ["an error of the kernel's", errors, minutes * 0.3]
  ] as const)(
    "%s leaves whole sets, and nothing after the unpublish",
    { timeout: 7_200_000 },
    async (_, blows, minutes) => {
      const points: Array<readonly [Program, Fault]> = []
      for (const program of programs) {
        for (const [kind, calls] of await count(program)) {
          for (let nth = 1; nth <= calls; nth++)
            points.push(...blows.map((blow) => [program, { kind, nth, blow }] as const))
        }
      }
      const end = performance.now() + minutes * 60_000
      const done = new Map<Program, number>()
      let struck = 0
      for (const [program, fault] of shuffled(points)) {
        // However busy the machine is, a few points are taken: otherwise everything would pass.
        if (performance.now() > end && struck > leastStrikes) break
        const where = `${program}, ${fault.kind} ${fault.nth}, ${fault.blow} (SYSTEM_CALLS_SEED=${seed})`
        await strike(program, fault).catch((cause) => {
          throw new Error(`after ${where}: ${cause}`, { cause })
        })
        done.set(program, (done.get(program) ?? 0) + 1)
        struck += 1
      }
      const each = programs.map((program) => `${program} ${done.get(program) ?? 0}`).join(", ")
      console.log(`${blows}: ${struck} of ${points.length} points (${each}), seed ${seed}`)
      // A trace that saw little would let everything pass.
      expect(points.length).toBeGreaterThan(100 * blows.length)
    }
  )
})
