/**
 * certlet as a process of its own, as it ships: a command that is run to its end, and a `run` that serves. It gets no
 * environment but what a test gives it, and its compile cache. A process that a test started ends with the test.
 */
import { execFile, spawn } from "node:child_process"
import { existsSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schedule } from "effect"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import { bundle, compileCacheEnvironment } from "./bundle.ts"

/** Variables of a process by name. */
export type Environment = Readonly<Record<string, string>>

const { PATH } = process.env
const environmentOf = (program: string, environment: Environment) => ({
  PATH,
  NO_COLOR: "1",
  ...compileCacheEnvironment(program),
  ...environment
})

/** How a command is run to its end. */
interface Run {
  readonly environment?: Environment
  /** In milliseconds; without it more than a command takes on a busy machine. */
  readonly timeout?: number
  readonly cwd?: string
  /** Another name for the program. */
  readonly link?: string
}

/** Runs one of certlet's commands to its end. */
export const certlet = Effect.fnUntraced(function* (args: ReadonlyArray<string>, run: Run = {}) {
  const { cwd, environment = {}, link, timeout = 100_000 } = run
  const program = yield* Effect.promise(bundle)
  if (link !== undefined && !existsSync(link)) symlinkSync(program, link)
  const options = { cwd, env: environmentOf(program, environment), encoding: "utf8", timeout } as const
  return yield* Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>(
    (resume) => {
      const child = execFile(process.execPath, [link ?? program, ...args], options, (_, stdout, stderr) =>
        resume(Effect.succeed({ code: child.exitCode, stdout, stderr }))
      )
      return Effect.sync(() => child.kill("SIGKILL"))
    }
  )
})

/** The same under the name by which kubectl knows its plugin, for which a link is laid into a folder. */
export const kubectlCertlet = (folder: string, args: ReadonlyArray<string>, environment: Environment = {}) =>
  certlet(args, { environment, link: join(folder, "kubectl-certlet") })

/** Starts `certlet run`. `ended` waits for its end, and `log` is what it has logged so far. */
export const startCertlet = (flags: ReadonlyArray<string>, environment: Environment = {}) =>
  startCommand(["run", ...flags], environment)

/** Starts one of certlet's commands. `output` and `log` are what it has written to the two streams so far. */
export const startCommand = (args: ReadonlyArray<string>, environment: Environment = {}) =>
  Effect.acquireRelease(
    Effect.map(Effect.promise(bundle), (program) => {
      const child = spawn(process.execPath, [program, ...args], {
        env: environmentOf(program, environment),
        stdio: ["ignore", "pipe", "pipe"]
      })
      let output = ""
      let log = ""
      child.stdout.on("data", (bytes: Buffer) => {
        output += bytes.toString()
      })
      child.stderr.on("data", (bytes: Buffer) => {
        log += bytes.toString()
      })
      const ended = Effect.callback<number | null>((resume) => {
        if (child.exitCode !== null) return resume(Effect.succeed(child.exitCode))
        child.once("close", (code) => resume(Effect.succeed(code)))
      })
      return { child, ended, log: () => log, output: () => output }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

/** The flags of a certlet that keeps everything in a folder and needs no root; its kubeconfig lies there too. */
export const flagsIn = (folder: string, nodeId = "node-1"): ReadonlyArray<string> => [
  ...["--node-id", nodeId, "--endpoint", join(folder, "csi.sock"), "--data-root", join(folder, "data")],
  ...["--kubeconfig", join(folder, "kubeconfig"), "--volume-medium", "directory", "--log-format", "json"]
]

/** A kubelet that is connected to the certlet in a folder, as soon as that serves. */
export const kubeletIn = (folder: string) =>
  Effect.tap(connectKubelet(join(folder, "csi.sock")), ({ probe }) =>
    probe.pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.timeout("100 seconds"))
  )

/** Writes the kubeconfig of an API server that is not there. */
export const writeKubeconfigOfNobody = (folder: string): void =>
  writeFileSync(
    join(folder, "kubeconfig"),
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "away", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "nobody", user: { token: "none" } }],
      contexts: [{ name: "away", context: { cluster: "away", user: "nobody" } }],
      "current-context": "away"
    })
  )
