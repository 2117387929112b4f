// A long-running program that a test has started: etcd, the API server, cert-manager's controllers, a driver. Its
// output goes to a log file, and every error about it carries the end of that log. It never outlives the process that
// started it: that process kills it on exit, and if it is itself killed without a chance to do so, the kernel does
// (PR_SET_PDEATHSIG, through util-linux's setpriv, which replaces itself with the program, so that the pid is the
// program's own). A daemon may also run in the namespaces of another process (`Machine`): then nsenter stands between,
// and pid and signals are still the program's. Daemons are ended by their pid, never by name.
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs"
import { until } from "../kit/until.ts"

/** What to run. Standard output and standard error are both appended to `logFile`. */
export interface DaemonOptions {
  /** For messages: "etcd", "kube-apiserver" ... */
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly logFile: string
  /** Added to the environment of the test. */
  readonly environment?: Readonly<Record<string, string>>
  /** The working directory; the test's own by default. */
  readonly folder?: string
  /** The process whose mounts and processes the program is to see; the test's own by default. */
  readonly within?: number
}

const tailLines = 25
const alive = new Set<Daemon>()

process.on("exit", () => {
  for (const daemon of alive) daemon.signal("SIGKILL")
})

export class Daemon {
  readonly name: string
  readonly logFile: string
  readonly #child: ChildProcess
  readonly #within: number | undefined
  readonly #logStart: number
  readonly #ended: Promise<void>
  #end: string | undefined

  /** Starts the program. It may still fail at once: wait for a condition with `until`. */
  static start(options: DaemonOptions): Daemon {
    return new Daemon(options)
  }

  private constructor(options: DaemonOptions) {
    this.name = options.name
    this.logFile = options.logFile
    this.#within = options.within
    this.#logStart = existsSync(options.logFile) ? statSync(options.logFile).size : 0
    const log = openSync(options.logFile, "a")
    const enter =
      options.within === undefined ? [] : ["nsenter", "--target", `${options.within}`, "--mount", "--pid", "--"]
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...enter, options.command, ...options.args], {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...options.environment },
      ...(options.folder === undefined ? {} : { cwd: options.folder })
    })
    closeSync(log)
    // A forgotten daemon must not keep the test process alive; its exit handler ends the daemon.
    this.#child.unref()
    alive.add(this)
    this.#ended = new Promise((resolve) => {
      const settle = (how: string) => {
        this.#end = how
        alive.delete(this)
        resolve()
      }
      this.#child.once("error", (error) => settle(`could not be started: ${error.message}`))
      this.#child.once("exit", (code, signal) => settle(signal === null ? `ended with ${code}` : `ended by ${signal}`))
    })
  }

  /** The program's process id; -1 if it could not be started. */
  get pid(): number {
    return (this.#within === undefined ? this.#child.pid : this.childPid()) ?? -1
  }

  /** The first process that the started one has started. */
  childPid(): number | undefined {
    const pid = this.#child.pid
    if (pid === undefined || !existsSync(`/proc/${pid}`)) return undefined
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")
    return first ? Number(first) : undefined
  }

  get running(): boolean {
    return this.#end === undefined
  }

  /** What the program has written since this start of it. */
  log(): string {
    return readFileSync(this.logFile).subarray(this.#logStart).toString("utf8")
  }

  /** The end of the log, with a heading, for an error message. */
  logTail(): string {
    const lines = this.log().trimEnd().split("\n").slice(-tailLines)
    const state = this.#end ?? "is running"
    return `--- ${this.name} (pid ${this.pid}) ${state}; the end of its log:\n${lines.join("\n")}`
  }

  /** Polls until the probe has an answer; fails at once when the program has ended, with the tail of its log. */
  until<Found>(what: string, deadlineMilliseconds: number, probe: () => Promise<Found | undefined>): Promise<Found> {
    return until(
      what,
      {
        deadlineMilliseconds,
        hopeless: () => (this.running ? undefined : this.logTail()),
        diagnose: () => this.logTail()
      },
      probe
    )
  }

  /** Sends a signal (SIGSTOP and SIGCONT freeze and thaw); nothing happens if the program has ended. */
  signal(signal: NodeJS.Signals): void {
    if (!this.running) return
    const inner = this.#within === undefined ? undefined : this.childPid()
    if (inner !== undefined) process.kill(inner, signal)
    // nsenter stops with its program, and has to be woken with it; it ends by itself.
    if (inner === undefined || signal === "SIGCONT") this.#child.kill(signal)
  }

  /** Ends the program and waits for it; what SIGTERM has not ended within the grace is killed. */
  async stop(signal: NodeJS.Signals = "SIGTERM", graceMilliseconds = 10_000): Promise<void> {
    if (!this.running) return
    this.#child.ref()
    this.signal(signal)
    // A frozen program acts on a signal only once it is thawed.
    this.signal("SIGCONT")
    const killer = setTimeout(() => this.signal("SIGKILL"), graceMilliseconds)
    await this.#ended
    clearTimeout(killer)
  }
}
