// A driver as one process, measured from outside as a node sees it: its processor time, and the memory that a kubelet
// counts, by a cgroup of its own (v1 or v2). It runs in a mount namespace with a ServiceAccount in its usual place, as
// in a pod. The namespace stays when the driver ends, so that its next process finds the volumes mounted; it goes, with
// every mount, when the driver is closed. Any driver with the command line of cert-manager's can take certlet's part.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "../kit/until.ts"

export interface DriverOptions {
  /** The driver's program with its own arguments; certlet's common flags are added. */
  readonly command: ReadonlyArray<string>
  /** Holds everything of this driver: socket, records, log. */
  readonly folder: string
  /** A folder with `token` and `ca.crt`. */
  readonly serviceAccount: string
  /** `https://HOST:PORT`. */
  readonly server: string
  readonly environment: Readonly<Record<string, string>>
}

/** What one look at a process shows. */
export interface Usage {
  /** User and system time since its start. */
  readonly cpuMilliseconds: number
  /** How often its main thread has begun to wait since its start: how often it has woken up, where it is idle. */
  readonly wakeUps: number
  /** What a kubelet counts: all that the cgroup holds without the files that are not in use. */
  readonly workingSetBytes: number
  /** The part that is the process's own and no file's. */
  readonly anonymousBytes: number
}

const root = "/sys/fs/cgroup"
const isVersion2 = existsSync(join(root, "cgroup.controllers"))
const groups = isVersion2 ? root : join(root, "memory")
const mountedAt = "/var/run/secrets/kubernetes.io/serviceaccount"

// USER_HZ, which Linux fixes at 100 for every architecture that matters here (proc(5)).
const millisecondsPerTick = 10

const numberIn = (file: string, pattern: RegExp): number => {
  const [, digits] = pattern.exec(readFileSync(file, "utf8")) ?? []
  if (digits === undefined) throw new Error(`${file} holds nothing like ${pattern}`)
  return Number(digits)
}

/** What holds the namespace: the ServiceAccount in its place, and then nothing until its input ends. */
const hold = 'mkdir -p "$1" && mount --bind "$0" "$1" && echo ready && exec cat'

/** The shell's part: into the cgroup, and then it is the driver. */
const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'

let started = 0

export class MeasuredDriver {
  readonly socket: string
  readonly #options: DriverOptions
  readonly #group = join(groups, `certlet-bench-${process.pid}-${++started}`)
  #namespace: ChildProcess | undefined
  #process: ChildProcess | undefined

  constructor(options: DriverOptions) {
    this.#options = options
    this.socket = join(options.folder, "csi.sock")
  }

  /** Makes the namespace; resolves with its path once the ServiceAccount is in its place. */
  async #namespacePath(): Promise<string> {
    if (this.#namespace === undefined) {
      const args = ["--mount", "sh", "-c", hold, this.#options.serviceAccount, mountedAt]
      const child = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] })
      this.#namespace = child
      await once(child.stdout, "data")
    }
    return `/proc/${this.#namespace.pid}/ns/mnt`
  }

  /** Starts the process; resolves with the milliseconds until `probe` is answered. */
  async start(probe: () => Promise<void>): Promise<number> {
    const { command, environment, folder, server } = this.#options
    const { hostname, port } = new URL(server)
    const namespace = await this.#namespacePath()
    mkdirSync(this.#group)
    const log = openSync(join(folder, "driver.log"), "a")
    const flags = ["--node-id=bench", `--endpoint=unix://${this.socket}`, `--data-root=${join(folder, "data")}`]
    const start = performance.now()
    const child = spawn("nsenter", [`--mount=${namespace}`, "sh", "-c", enter, this.#group, ...command, ...flags], {
      stdio: ["ignore", log, log],
      env: {
        ...{ PATH: process.env.PATH, ...environment },
        ...{ KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }
      }
    })
    this.#process = child
    const hopeless = () => (child.exitCode === null ? undefined : `it ended with ${child.exitCode}`)
    const diagnose = () => readFileSync(join(folder, "driver.log"), "utf8").slice(-4000)
    await until("the driver to serve", { deadlineMilliseconds: 60_000, hopeless, diagnose }, () =>
      probe().then(() => true)
    )
    return performance.now() - start
  }

  usage(): Usage {
    const { pid } = this.#process ?? {}
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The second field is the name in brackets; user and system time are the 14th and 15th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const used = numberIn(join(this.#group, isVersion2 ? "memory.current" : "memory.usage_in_bytes"), /^(\d+)/)
    const idle = numberIn(
      join(this.#group, "memory.stat"),
      isVersion2 ? /^inactive_file (\d+)$/m : /^total_inactive_file (\d+)$/m
    )
    return {
      cpuMilliseconds: (Number(fields[11]) + Number(fields[12])) * millisecondsPerTick,
      wakeUps: numberIn(`/proc/${pid}/status`, /^voluntary_ctxt_switches:\s+(\d+)$/m),
      workingSetBytes: used - idle,
      anonymousBytes: numberIn(`/proc/${pid}/status`, /^RssAnon:\s+(\d+) kB$/m) * 1024
    }
  }

  /** Ends the process; its records and its mounts stay. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await ended
    }
    this.#process = undefined
    await until("the cgroup to empty", { deadlineMilliseconds: 10_000 }, async () => {
      rmdirSync(this.#group)
      return true
    })
  }

  /** Ends the process and takes away its mounts. */
  async close(): Promise<void> {
    await this.stop("SIGKILL")
    this.#namespace?.kill("SIGKILL")
  }
}

/** Lays out a ServiceAccount as the kubelet mounts it. */
export const writeServiceAccount = (folder: string, token: string, authority: string): void => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "token"), token)
  writeFileSync(join(folder, "ca.crt"), authority)
  writeFileSync(join(folder, "namespace"), "cert-manager")
}
