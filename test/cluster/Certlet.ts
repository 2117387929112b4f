// A certlet under test: the shipped bundle as a process, with a socket and a kubelet's folder of pods below one
// temporary folder, its data root in memory, and this test in the kubelet's place. It can be ended and started again in
// the same place, orderly or by SIGKILL, as often as a test likes. `destroy` ends it and takes away what it left,
// mounts first, so that a failed test hurts nobody; whether something was left is for the test to see before that.
import { existsSync } from "node:fs"
import { mkdir, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compileCacheEnvironment } from "../kit/bundle.ts"
import { until } from "../kit/until.ts"
import { Daemon } from "./Daemon.ts"
import { CallError, KubeletClient } from "./KubeletClient.ts"
import { type Mount, mountsUnder, unmountAll } from "./mounts.ts"
import { ownFolder } from "./ownFolder.ts"
import type { PodVolume } from "./PodVolume.ts"
import { type Usage, usageOf } from "./usageOf.ts"

export interface CertletOptions {
  /** The bundle's path. */
  readonly program: string
  readonly kubeconfig: string
  readonly nodeId?: string
  /** The flag `-v`: "1" to "5"; 5, everything, by default. */
  readonly verbosity?: string
  /** Let `timers` be asked; costs the process some memory and some time at its start. */
  readonly countTimers?: true
  /** Further flags, after the ones that every certlet here gets. */
  readonly flags?: ReadonlyArray<string>
}

const startLimitMilliseconds = 20_000

// Records are kept in memory on a node; where a machine has no /dev/shm, certlet warns and its times are the disk's.
const memoryFolder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()

export class Certlet {
  readonly folder: string
  readonly dataRoot: string
  readonly podsFolder: string
  readonly #options: CertletOptions
  #daemon: Daemon | undefined
  #kubelet: KubeletClient | undefined

  /** Starts a certlet in a folder of its own; resolves when it serves. */
  static async start(options: CertletOptions): Promise<Certlet> {
    const folder = await ownFolder("certlet-node-")
    const certlet = new Certlet(folder, await ownFolder("certlet-data-", memoryFolder), options)
    try {
      await mkdir(certlet.podsFolder)
      await certlet.startAgain()
      return certlet
    } catch (error) {
      await certlet.destroy()
      throw error
    }
  }

  private constructor(folder: string, dataRoot: string, options: CertletOptions) {
    this.folder = folder
    this.dataRoot = dataRoot
    this.podsFolder = join(folder, "pods")
    this.#options = options
  }

  get #arguments(): ReadonlyArray<string> {
    const { program, kubeconfig, nodeId = "test-node", verbosity = "5", flags = [] } = this.#options
    return [
      ...[program, "run", "--node-id", nodeId, "--endpoint", `unix://${this.#socket}`],
      ...["--data-root", this.dataRoot, "--kubeconfig", kubeconfig, "--log-format", "json", "-v", verbosity, ...flags]
    ]
  }

  get #socket(): string {
    return join(this.folder, "csi.sock")
  }

  get #timersFile(): string {
    return join(this.folder, "timers")
  }

  get #running(): Daemon {
    if (this.#daemon === undefined) throw new Error("certlet has not been started")
    return this.#daemon
  }

  /** The other end of the CSI socket. */
  get kubelet(): KubeletClient {
    if (this.#kubelet === undefined) throw new Error("certlet has not been started")
    return this.#kubelet
  }

  get pid(): number {
    return this.#running.pid
  }

  /** What this start of it has written. */
  log(): string {
    return this.#running.log()
  }

  /** How it ended ("ended with 0", "ended by SIGKILL"), and the end of its log. */
  lastWords(): string {
    return this.#running.logTail()
  }

  /**
   * Starts the program in its old place, where `under` is given as the arguments of that program; resolves with the
   * milliseconds until it serves.
   */
  async startAgain(under: ReadonlyArray<string> = []): Promise<number> {
    this.#kubelet?.close()
    const start = performance.now()
    const counting = this.#options.countTimers ? ["--import", join(import.meta.dirname, "countTimers.ts")] : []
    const [command = process.execPath, ...args] = [...under, process.execPath, ...counting, ...this.#arguments]
    const daemon = Daemon.start({
      name: "certlet",
      command,
      args,
      environment: { ...compileCacheEnvironment(this.#options.program), CERTLET_TEST_TIMERS: this.#timersFile },
      logFile: join(this.folder, "certlet.log")
    })
    this.#daemon = daemon
    const kubelet = new KubeletClient(this.#socket)
    this.#kubelet = kubelet
    // Served is what is answered: ready it may be later, when the API server is there.
    await daemon.until("certlet to serve", startLimitMilliseconds, () => kubelet.probe())
    return performance.now() - start
  }

  /** Ends the program, with "SIGKILL" abruptly; its volumes stay. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#running.stop(signal)
  }

  /** Whether it still serves: true once it answers, false once it has ended. A process that is dying does neither. */
  async serves(): Promise<boolean> {
    try {
      await this.until("certlet to answer or to end", startLimitMilliseconds, () => this.kubelet.probe())
      return true
    } catch (error) {
      if (this.#running.running) throw error
      return false
    }
  }

  /** Polls while certlet runs; errors carry the end of its log. */
  until<Found>(what: string, deadlineMilliseconds: number, probe: () => Promise<Found | undefined>): Promise<Found> {
    return this.#running.until(what, deadlineMilliseconds, probe)
  }

  /** One NodePublishVolume; a failure that nobody expected carries the end of the log. */
  async publish(volume: PodVolume): Promise<void> {
    try {
      await this.kubelet.publish(volume)
    } catch (error) {
      throw new Error(`publish of ${volume.pod}: ${error}\n${this.#running.logTail()}`, { cause: error })
    }
  }

  /** What a NodePublishVolume that must fail is answered with. */
  async refusal(volume: PodVolume, deadlineMilliseconds?: number): Promise<CallError> {
    try {
      await this.kubelet.publish(volume, deadlineMilliseconds)
    } catch (error) {
      if (error instanceof CallError) return error
      throw error
    }
    throw new Error(`the publish of ${volume.pod} was to fail and succeeded\n${this.#running.logTail()}`)
  }

  /** Publishes as a kubelet does, which calls again after a failure; resolves with the failures on the way. */
  async publishLikeKubelet(volume: PodVolume, deadlineMilliseconds: number): Promise<ReadonlyArray<CallError>> {
    const failures: Array<CallError> = []
    let pause = 500
    let next = 0
    await this.until(`the publish of ${volume.pod}`, deadlineMilliseconds, async () => {
      if (performance.now() < next) return undefined
      try {
        await this.kubelet.publish(volume)
        return true
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        failures.push(error)
        next = performance.now() + pause
        pause *= 2
        throw error
      }
    })
    return failures
  }

  async unpublish(volume: PodVolume): Promise<void> {
    await this.kubelet.unpublish(volume)
  }

  /** Every mount that certlet holds. */
  mounts(): Promise<ReadonlyArray<Mount>> {
    return mountsUnder(this.podsFolder)
  }

  /** The files in which certlet keeps its records. */
  async records(): Promise<ReadonlyArray<string>> {
    const entries = await readdir(this.dataRoot, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  }

  usage(): Promise<Usage> {
    return usageOf(this.pid)
  }

  /** How many files, sockets and whatever else have a number in the process. */
  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length
  }

  /** How many timers the process waits for; it must have been started to count them. */
  async timers(): Promise<number> {
    await rm(this.#timersFile, { force: true })
    process.kill(this.pid, "SIGUSR2")
    return await this.until("the timers to be counted", 30_000, async () =>
      existsSync(this.#timersFile) ? Number(await readFile(this.#timersFile, "utf8")) : undefined
    )
  }

  /** Ends the program and removes everything, whatever state it is in. May be called again. */
  async destroy(): Promise<void> {
    this.#kubelet?.close()
    await this.#daemon?.stop("SIGKILL")
    await unmountAll(this.folder)
    await until("the folder to go", { deadlineMilliseconds: 10_000 }, async () => {
      for (const folder of [this.folder, this.dataRoot]) await rm(folder, { recursive: true, force: true })
      return true
    })
  }
}
