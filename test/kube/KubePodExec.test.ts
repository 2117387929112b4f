/**
 * Commands in containers over a real WebSocket: what they say, how they end, and what becomes of a call that is
 * refused, cannot be carried out, or is interrupted.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { makeCredentials } from "../../src/kube/KubeCredentials.ts"
import { makePodExec } from "../../src/kube/KubePodExec.ts"
import { exitCodeIn } from "../../src/kube/PodExec.ts"
import { type Enter, type Entered, openExecDoor } from "../kit/ExecDoor.ts"
import { kubeSettings } from "../kit/settings.ts"

const call = {
  namespace: "cert-manager",
  pod: "certlet-x",
  container: "certlet",
  command: ["certlet", "status", "a b&c"]
}

const execAt = Effect.fnUntraced(function* (enter: Enter) {
  const server = yield* openExecDoor(yield* EmbeddedCluster.make(), enter)
  const settings = { ...kubeSettings, server: Option.some(server), insecureSkipTlsVerify: true }
  return makePodExec(yield* makeCredentials(settings))
})

describe("a command in a container", () => {
  it.live("is run as it is written, and brings both outputs and its exit code", () =>
    Effect.gen(function* () {
      const seen: Array<Entered> = []
      const long = "ü".repeat(5000)
      const { run } = yield* execAt((entered) =>
        Effect.sync(() => {
          seen.push(entered)
          return { exitCode: 3, stdout: long, stderr: "oh" }
        })
      )
      expect(yield* run(call)).toEqual({ exitCode: 3, stdout: long, stderr: "oh" })
      expect(seen).toEqual([call])
    })
  )

  it.live("that is refused, or cannot be run, fails with the server's own words", () =>
    Effect.gen(function* () {
      const refused = yield* execAt(() => Effect.succeed({ refused: 403, message: "pods is forbidden" }))
      expect(yield* Effect.flip(refused.run(call))).toMatchObject({ reason: "Forbidden", detail: "pods is forbidden" })
      const unable = yield* execAt(() => Effect.succeed({ unable: "executable file not found" }))
      expect(yield* Effect.flip(unable.run(call))).toMatchObject({
        reason: "Unavailable",
        message: "exec into pod cert-manager/certlet-x: executable file not found"
      })
    })
  )

  it.live("that nobody waits for any more lets go of its connection, and a server that is gone is told", () =>
    Effect.gen(function* () {
      const { run } = yield* execAt(() => Effect.never)
      expect(yield* Effect.timeoutOption(run(call), "300 millis")).toEqual(Option.none())
      const settings = { ...kubeSettings, server: Option.some("http://127.0.0.1:1"), insecureSkipTlsVerify: true }
      const away = makePodExec(yield* makeCredentials(settings))
      expect((yield* Effect.flip(away.run(call))).message).toContain("ECONNREFUSED")
    })
  )

  it("ends with a code that is read off the server's status", () => {
    const failed = (causes: ReadonlyArray<object>) =>
      JSON.stringify({ status: "Failure", message: "no", details: { causes } })
    expect(exitCodeIn('{"status":"Success"}')).toMatchObject({ success: 0 })
    expect(exitCodeIn(failed([{ reason: "ExitCode", message: "137" }]))).toMatchObject({ success: 137 })
    expect(exitCodeIn(failed([{ reason: "ExitCode", message: "x" }]))).toMatchObject({ failure: "no" })
    expect(exitCodeIn("hello")).toMatchObject({ failure: "the command's end cannot be read" })
  })
})
