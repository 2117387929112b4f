/** The command line as a process: what it prints where, and with which code it ends. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { version } from "../src/Version.ts"
import { runCertlet as certlet } from "./kit/certlet.ts"
import { inFolder } from "./kit/folders.ts"

const required = ["--node-id", "n", "--endpoint", "unix:///nowhere/at/all/csi.sock"]

describe("certlet", () => {
  it("prints its version to standard output", () => {
    expect(certlet(["--version"])).toEqual({ status: 0, stdout: `certlet v${version}\n`, stderr: "" })
  })

  it("refuses a wrong command line on standard error, with EX_USAGE", () => {
    const { status, stderr, stdout } = certlet(["run", "--node-id", "n", "--endpoint", "http://csi"])
    expect({ status, stdout }).toEqual({ status: 64, stdout: "" })
    expect(stderr).toBe(
      'certlet: --endpoint is "http://csi", and must be unix:///absolute/path\nSee certlet run --help\n'
    )
  })

  it("reads the environment, and logs one structured line for what stops it", () => {
    const { status, stderr } = certlet([], {
      CERTLET_NODE_ID: "n",
      CERTLET_ENDPOINT: "unix:///nowhere/at/all/csi.sock",
      CERTLET_LOG_FORMAT: "json",
      CERTLET_SERVER: "https://127.0.0.1:1",
      CERTLET_TOKEN: "t"
    })
    expect(status).toBe(1)
    const lines = stderr
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line))
    expect(lines[0]).toMatchObject({ level: "info", message: expect.stringContaining("https://127.0.0.1:1") })
    expect(lines.at(-1)).toMatchObject({ level: "fatal", message: expect.stringContaining("/nowhere/at/all/csi.sock") })
  })

  it("starts with the command line of the driver that it replaces, and says once what of it has no effect", async () => {
    await inFolder("their-flags", (folder) => {
      mkdirSync(join(folder, "plugin"))
      writeFileSync(join(folder, "plugin", "csi.sock"), "in the way, so that certlet ends here")
      const theirs = [
        ...["--log-level=1", "--driver-name=csi.cert-manager.io", "--node-id=n", "--endpoint=unix://plugin/csi.sock"],
        ...[
          "--data-root=csi-data-dir/",
          "--use-token-request=true",
          "--continue-on-not-ready=false",
          "--request-timeout=0"
        ],
        ...[
          "--namespace=apps",
          "-s",
          "https://127.0.0.1:1",
          "--as-uid=7",
          "--as-user-extra=a=b",
          "--disable-compression"
        ],
        ...["--cache-dir=/tmp/x", "--gate-backoff-factor=2", "--token=t"]
      ]
      const { status, stderr } = certlet(theirs, { CERTLET_LOG_FORMAT: "json" }, folder)
      expect(status).toBe(1)
      const said = stderr.split("\n").filter((line) => line.includes("without effect"))
      expect(said).toHaveLength(1)
      expect(said[0]).toMatch(/: --cache-dir, --disable-compression, --namespace, --gate-backoff-factor"/)
      expect(stderr).toContain(join(folder, "plugin/csi.sock"))
    })
  })

  it("ends with one line where it can never speak to the API server", () => {
    const { status, stderr } = certlet([...required, "--log-format", "json", "--kubeconfig", "/nonexistent"])
    expect(status).toBe(1)
    const [line, ...more] = stderr.trim().split("\n")
    expect(more).toEqual([])
    expect(JSON.parse(line ?? "")).toMatchObject({ level: "fatal", message: expect.stringContaining("/nonexistent") })
  })

  it("names variables that no setting is read from, but not those of a Service of its name", () => {
    const { stderr } = certlet(required, {
      CERTLET_NODEID: "n",
      CERTLET_USE_TOKEN_REQUEST: "TRUE",
      CERTLET_SERVER: "https://127.0.0.1:1",
      CERTLET_TOKEN: "t",
      CERTLET_SERVICE_HOST: "10.0.0.1",
      CERTLET_METRICS_PORT_9402_TCP_ADDR: "10.0.0.1"
    })
    const sentence = "no setting is read from the environment's CERTLET_NODEID (did you mean CERTLET_NODE_ID?)"
    const told = stderr.split("\n").filter((line) => line.includes("no setting is read"))
    expect(told).toHaveLength(1)
    expect(told[0]).toContain(sentence)
    expect(told[0]).not.toMatch(/SERVICE|PORT|TOKEN/)
  })
})
