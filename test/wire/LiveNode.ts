/**
 * A node for the wire tests: certlet as a process of its own, with whatever flags and environment a test gives it,
 * before an embedded API server with an approver and a CA. The test plays the kubelet, and runs certlet's other
 * commands beside it, as `kubectl exec` would.
 */
import { execFile, spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schedule } from "effect"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { publishCall } from "../kit/SimulatedNode.ts"
import { temporaryFolder } from "./RecordingDriver.ts"

const main = join(import.meta.dirname, "../../src/main.ts")

type Environment = Readonly<Record<string, string>>

const { NODE_COMPILE_CACHE, PATH } = process.env
const environmentOf = (environment: Environment) => ({ PATH, NODE_COMPILE_CACHE, NO_COLOR: "1", ...environment })

/** Runs one of certlet's commands to its end. */
export const certlet = (args: ReadonlyArray<string>, environment: Environment = {}) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
    const options = { env: environmentOf(environment), encoding: "utf8", timeout: 100_000 } as const
    const child = execFile(process.execPath, [main, ...args], options, (_, stdout, stderr) =>
      resume(Effect.succeed({ code: child.exitCode, stdout, stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const start = (args: ReadonlyArray<string>, environment: Environment) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [main, "run", ...args], {
        env: environmentOf(environment),
        stdio: ["ignore", "ignore", "pipe"]
      })
      let log = ""
      child.stderr.on("data", (bytes: Buffer) => {
        log += bytes.toString()
      })
      const ended = Effect.callback<number | null>((resume) => {
        if (child.exitCode !== null) return resume(Effect.succeed(child.exitCode))
        child.once("close", (code) => resume(Effect.succeed(code)))
      })
      return { child, ended, log: () => log }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

/** A certlet that serves; its folder, its cluster, its kubelet, and its end. */
export const startNode = Effect.fnUntraced(function* (
  flags: ReadonlyArray<string> = [],
  environment: (folder: string) => Environment = () => ({})
) {
  const folder = yield* temporaryFolder
  const cluster = yield* EmbeddedCluster.make()
  yield* cluster.writeKubeconfig(join(folder, "kubeconfig"), "certificate")
  const places = ["--endpoint", join(folder, "csi.sock"), "--data-root", join(folder, "data")]
  const more = ["--kubeconfig", join(folder, "kubeconfig"), "--volume-medium", "directory", "--log-format", "json"]
  const running = yield* start(["--node-id", "node-1", ...places, ...more, ...flags], environment(folder))
  const kubelet = yield* connectKubelet(join(folder, "csi.sock"))
  yield* kubelet.probe.pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.timeout("100 seconds"))
  const request = (pod: string, attributes: Environment = {}) => {
    const volumes = join(folder, "pods", `uid-${pod}`, "volumes", "kubernetes.io~csi", "tls")
    mkdirSync(volumes, { recursive: true })
    return {
      volumeId: `csi-${pod}`,
      target: join(volumes, "mount"),
      context: publishCall(pod, { "csi.cert-manager.io/key-algorithm": "ECDSA", ...attributes }).context
    }
  }
  return {
    ...running,
    folder,
    cluster,
    kubelet,
    request,
    publish: (pod: string, attributes: Environment = {}) => kubelet.publish(request(pod, attributes)),
    /** A command of certlet that is told of the same data root. */
    ask: (...args: ReadonlyArray<string>) => certlet([...args, "--data-root", join(folder, "data")])
  }
})
