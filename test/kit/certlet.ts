/**
 * certlet as a process of its own, from its sources: a command that is run to its end, and a `run` that serves. It gets
 * no environment but what a test gives it, and Node's compile cache, so that each start after the first is quick. A
 * process that a test started ends with the test.
 */
import { execFile, spawn, spawnSync } from "node:child_process"
import { existsSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schedule } from "effect"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"

const main = join(import.meta.dirname, "../../src/main.ts")

/** Variables of a process by name. */
export type Environment = Readonly<Record<string, string>>

const { NODE_COMPILE_CACHE, PATH } = process.env
const environmentOf = (environment: Environment) => ({ PATH, NODE_COMPILE_CACHE, NO_COLOR: "1", ...environment })

/** More than a command takes on a busy machine, in milliseconds. */
const runLimit = 100_000

/** Runs a command to its end, and waits for it while this process goes on. */
const runToEnd = (program: string, args: ReadonlyArray<string>, environment: Environment, timeout: number) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
    const options = { env: environmentOf(environment), encoding: "utf8", timeout } as const
    const child = execFile(process.execPath, [program, ...args], options, (_, stdout, stderr) =>
      resume(Effect.succeed({ code: child.exitCode, stdout, stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs one of certlet's commands to its end, and waits for it. */
export const runCertlet = (args: ReadonlyArray<string>, environment: Environment = {}, cwd = process.cwd()) => {
  const options = { cwd, env: environmentOf(environment), encoding: "utf8", timeout: runLimit } as const
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], options)
  return { status, stderr, stdout }
}

/** The same while this process goes on, for a command that talks to it. */
export const certlet = (args: ReadonlyArray<string>, environment: Environment = {}, timeout = runLimit) =>
  runToEnd(main, args, environment, timeout)

/** The same under the name by which kubectl knows its plugin, for which a link is laid into a folder. */
export const kubectlCertlet = (folder: string, args: ReadonlyArray<string>, environment: Environment = {}) => {
  const link = join(folder, "kubectl-certlet")
  if (!existsSync(link)) symlinkSync(main, link)
  return runToEnd(link, args, environment, runLimit)
}

/** Starts `certlet run`. `ended` waits for its end, and `log` is what it has logged so far. */
export const startCertlet = (flags: ReadonlyArray<string>, environment: Environment = {}) =>
  startCommand(["run", ...flags], environment)

/** Starts one of certlet's commands. `output` and `log` are what it has written to the two streams so far. */
export const startCommand = (args: ReadonlyArray<string>, environment: Environment = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [main, ...args], {
        env: environmentOf(environment),
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
