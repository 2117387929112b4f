/**
 * A certlet process, started by the demo the way a DaemonSet would: the same program, the same command line, its log
 * on standard error, one JSON object a line. The log is kept line by line, because the demo shows what certlet itself
 * says about its steps. A process can be stopped as the kubelet stops a container (SIGTERM, then a bound), and none
 * outlives the scope.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { Effect, Option, Schema } from "effect"

/** certlet did not start, or did not stop. */
export class ProcessError extends Schema.TaggedError<ProcessError>()("ProcessError", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** A running certlet. */
export interface CertletProcess {
  readonly pid: number
  /** What it has logged so far. */
  readonly log: Effect.Effect<ReadonlyArray<string>>
  /** The exit code, once it has ended. */
  readonly ended: Effect.Effect<Option.Option<number>>
  /** SIGTERM, and its exit code. */
  readonly stop: Effect.Effect<number, ProcessError>
}

const exitOf = (child: ChildProcess): Option.Option<number> =>
  child.exitCode !== null ? Option.some(child.exitCode) : child.signalCode !== null ? Option.some(128) : Option.none()

const waitForExit = (child: ChildProcess): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const finish = () => resume(Effect.succeed(Option.getOrElse(exitOf(child), () => 128)))
    if (Option.isSome(exitOf(child))) return finish()
    child.once("exit", finish)
    return Effect.sync(() => child.off("exit", finish))
  })

const stop = (child: ChildProcess): Effect.Effect<number, ProcessError> =>
  Effect.suspend(() => {
    child.kill("SIGTERM")
    return waitForExit(child)
  }).pipe(
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.fail(new ProcessError({ detail: "certlet did not end within 20 s of SIGTERM" }))
    })
  )

/** Starts this very program as `certlet run` with the given flags; the scope's end ends it. */
export const startCertlet = (flags: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly child: ChildProcess; readonly lines: Array<string> }, ProcessError>((resume) => {
      const program = process.argv[1] ?? ""
      const child = spawn(process.execPath, [...process.execArgv, program, "run", ...flags], {
        stdio: ["ignore", "ignore", "pipe"]
      })
      const lines: Array<string> = []
      createInterface({ input: child.stderr }).on("line", (line) => lines.push(line))
      child.once("error", (error) => resume(Effect.fail(new ProcessError({ detail: error.message }))))
      child.once("spawn", () => resume(Effect.succeed({ child, lines })))
    }),
    ({ child }) =>
      Option.isSome(exitOf(child))
        ? Effect.void
        : Effect.ignore(Effect.tapError(stop(child), () => Effect.sync(() => child.kill("SIGKILL"))))
  ).pipe(
    Effect.map(
      ({ child, lines }): CertletProcess => ({
        pid: child.pid ?? 0,
        log: Effect.sync(() => [...lines]),
        ended: Effect.sync(() => exitOf(child)),
        stop: stop(child)
      })
    )
  )
