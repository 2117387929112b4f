/**
 * A certlet that serves from a folder, as the demo and `certlet cluster` show it: a process of its own, with its
 * socket, its records and its kubeconfig in that folder, whose volumes are plain folders. Whatever is started ends with
 * the scope, and a line about each part says what it does.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Console, Duration, Effect, Option, Schedule } from "effect"
import { paintFor } from "../../observability/NodePaint.ts"
import { connectKubelet } from "./GrpcKubeletClient.ts"
import { ProcessError, startCertlet } from "./NodeCertletProcess.ts"

const paint = paintFor("stdout")

/** A line about one part of what runs. */
export const say = (part: string, text: string) => Console.log(`${paint("bold", part.padEnd(9))} ${text}`)

/** A folder that is gone with the scope. */
export const temporaryFolder = (prefix: string) =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), prefix))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

/** Where certlet keeps what is its own. */
export interface Serving {
  readonly nodeId: string
  readonly socket: string
  readonly records: string
  readonly kubeconfig: string
}

const flagsFor = ({ kubeconfig, nodeId, records, socket }: Serving) => [
  ...["--node-id", nodeId],
  ...["--endpoint", `unix://${socket}`],
  ...["--data-root", records],
  ...["--kubeconfig", kubeconfig],
  ...["--volume-medium", "directory"],
  ...["--log-format", "json"]
]

/** A length of time, as the lines write it. */
export const milliseconds = (duration: Duration.Duration): string => `${Math.round(Duration.toMillis(duration))} ms`

/** Starts certlet and waits until it answers as a driver. */
export const serve = Effect.fnUntraced(function* (layout: Serving) {
  const process = yield* startCertlet(flagsFor(layout))
  const kubelet = yield* connectKubelet(layout.socket)
  const waiting = Effect.flatMap(process.ended, (code) =>
    Option.isNone(code)
      ? kubelet.probe
      : Effect.flatMap(process.log, (log) =>
          Effect.die(new ProcessError({ detail: `certlet ended:\n${log.join("\n")}` }))
        )
  )
  const [took] = yield* Effect.timed(
    waiting.pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.timeout("3 minutes"))
  )
  yield* say("certlet", `process ${process.pid} serves unix://${layout.socket} after ${milliseconds(took)}`)
  return { process, kubelet, took }
})
