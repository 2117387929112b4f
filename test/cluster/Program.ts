// A daemon of the control plane that can be ended and started again in the same place: same command line, same log
// file, same data. Each start waits until the program does its work, and fails with the end of its log if it does
// not. What is asked of a program that is not running is answered with an error, except to end it.
import { Daemon, type DaemonOptions } from "./Daemon.ts"

export interface ProgramOptions extends DaemonOptions {
  /** Probed after each start until it has an answer. */
  readonly ready: (daemon: Daemon) => Promise<unknown>
}

const readyLimitMilliseconds = 60_000

export class Program {
  readonly #options: ProgramOptions
  #daemon: Daemon | undefined

  constructor(options: ProgramOptions) {
    this.#options = options
  }

  get running(): boolean {
    return this.#daemon?.running === true
  }

  get pid(): number {
    return this.#started().pid
  }

  /** Resolves when the program is ready. */
  async start(): Promise<void> {
    const { name, ready } = this.#options
    if (this.running) throw new Error(`${name} is running already`)
    const daemon = Daemon.start(this.#options)
    this.#daemon = daemon
    await daemon.until(`${name} to be ready`, readyLimitMilliseconds, () => ready(daemon))
  }

  /** Resolves when the program has ended; SIGKILL ends it abruptly, as when its machine dies. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#daemon?.stop(signal)
  }

  /** Freezes the program: its connections stay open and the kernel still accepts new ones, but nothing is answered. */
  pause(): void {
    this.#started().signal("SIGSTOP")
  }

  resume(): void {
    this.#started().signal("SIGCONT")
  }

  /** Polls while the program runs; see `Daemon.until`. */
  until<Found>(what: string, deadlineMilliseconds: number, probe: () => Promise<Found | undefined>): Promise<Found> {
    return this.#started().until(what, deadlineMilliseconds, probe)
  }

  #started(): Daemon {
    if (this.#daemon === undefined) throw new Error(`${this.#options.name} has not been started`)
    return this.#daemon
  }
}
