/** The command line as a process: what it prints where, and with which code it ends. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { version } from "../src/Version.ts"
import { certlet } from "./kit/certlet.ts"
import { temporaryFolder } from "./kit/folders.ts"

const required = ["--node-id", "n", "--endpoint", "unix:///nowhere/at/all/csi.sock"]

describe("certlet", () => {
  it.live("prints its version to standard output", () =>
    Effect.gen(function* () {
      expect(yield* certlet(["--version"])).toEqual({ code: 0, stdout: `certlet v${version}\n`, stderr: "" })
    })
  )

  it.live("refuses a wrong command line on standard error, with EX_USAGE", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* certlet(["run", "--node-id", "n", "--endpoint", "http://csi"])
      expect({ code, stdout }).toEqual({ code: 64, stdout: "" })
      expect(stderr).toBe(
        'certlet: --endpoint is "http://csi", and must be unix:///absolute/path\nSee certlet run --help\n'
      )
    })
  )

  it.live("reads the environment, and logs one structured line for what stops it", () =>
    Effect.gen(function* () {
      const environment = {
        CERTLET_NODE_ID: "n",
        CERTLET_ENDPOINT: "unix:///nowhere/at/all/csi.sock",
        CERTLET_LOG_FORMAT: "json",
        CERTLET_SERVER: "https://127.0.0.1:1",
        CERTLET_TOKEN: "t"
      }
      const { code, stderr } = yield* certlet([], { environment })
      expect(code).toBe(1)
      const lines = stderr
        .trim()
        .split("\n")
        .map((line): unknown => JSON.parse(line))
      expect(lines[0]).toMatchObject({ level: "info", message: expect.stringContaining("https://127.0.0.1:1") })
      expect(lines.at(-1)).toMatchObject({
        level: "fatal",
        message: expect.stringContaining("/nowhere/at/all/csi.sock")
      })
    })
  )

  it.live("starts with the command line of the driver that it replaces, and says once what of it has no effect", () =>
    Effect.gen(function* () {
      const cwd = yield* temporaryFolder
      mkdirSync(join(cwd, "plugin"))
      writeFileSync(join(cwd, "plugin", "csi.sock"), "in the way, so that certlet ends here")
      const theirs = [
        ...["--log-level=1", "--driver-name=csi.cert-manager.io", "--node-id=n", "--endpoint=unix://plugin/csi.sock"],
        ...["--data-root=csi-data-dir/", "--use-token-request=true", "--continue-on-not-ready=false"],
        ...["--request-timeout=0", "--namespace=apps", "-s", "https://127.0.0.1:1", "--as-uid=7"],
        ...["--as-user-extra=a=b", "--disable-compression", "--cache-dir=/tmp/x", "--gate-backoff-factor=2"],
        "--token=t"
      ]
      const { code, stderr } = yield* certlet(theirs, { environment: { CERTLET_LOG_FORMAT: "json" }, cwd })
      expect(code).toBe(1)
      const said = stderr.split("\n").filter((line) => line.includes("without effect"))
      expect(said).toHaveLength(1)
      expect(said[0]).toMatch(/: --cache-dir, --disable-compression, --namespace, --gate-backoff-factor"/)
      expect(stderr).toContain(join(cwd, "plugin/csi.sock"))
    })
  )

  it.live("ends with one line where it can never speak to the API server", () =>
    Effect.gen(function* () {
      const flags = [...required, "--log-format", "json", "--kubeconfig", "/nonexistent"]
      const { code, stderr } = yield* certlet(flags)
      expect(code).toBe(1)
      const [line, ...more] = stderr.trim().split("\n")
      expect(more).toEqual([])
      expect(JSON.parse(line ?? "")).toMatchObject({ level: "fatal", message: expect.stringContaining("/nonexistent") })
    })
  )

  it.live("names variables that no setting is read from, but not those of a Service of its name", () =>
    Effect.gen(function* () {
      const environment = {
        CERTLET_NODEID: "n",
        CERTLET_USE_TOKEN_REQUEST: "TRUE",
        CERTLET_SERVER: "https://127.0.0.1:1",
        CERTLET_TOKEN: "t",
        CERTLET_SERVICE_HOST: "10.0.0.1",
        CERTLET_METRICS_PORT_9402_TCP_ADDR: "10.0.0.1"
      }
      const { stderr } = yield* certlet(required, { environment })
      const sentence = "no setting is read from the environment's CERTLET_NODEID (did you mean CERTLET_NODE_ID?)"
      const told = stderr.split("\n").filter((line) => line.includes("no setting is read"))
      expect(told).toHaveLength(1)
      expect(told[0]).toContain(sentence)
      expect(told[0]).not.toMatch(/SERVICE|PORT|TOKEN/)
    })
  )
})
