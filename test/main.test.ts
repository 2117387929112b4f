/** The command line as a process: what it prints where, and with which code it ends. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { version } from "../src/Version.ts"
import { runCertlet as certlet, writeKubeconfigOfNobody } from "./kit/certlet.ts"
import { inFolder } from "./kit/folders.ts"

const required = ["--node-id", "n", "--endpoint", "unix:///nowhere/at/all/csi.sock"]

describe("certlet", () => {
  it("prints its version and its help", () => {
    expect(certlet(["--version"])).toMatchObject({ status: 0, stdout: `certlet v${version}\n` })
    const help = certlet(["run", "--help"])
    expect(help.status).toBe(0)
    for (const flag of ["--node-id", "--endpoint", "--kube-api-qps", "--pod-readiness-gate", "--log-level, -v"]) {
      expect(help.stdout).toContain(flag)
    }
    expect(certlet(["--completions", "bash"]).stdout).toContain("certlet")
  })

  it.each([
    { args: ["--node-id", "n"], names: "--endpoint" },
    { args: [], names: "--node-id" },
    { args: [...required, "--no-such-flag"], names: "--no-such-flag" },
    { args: ["run", "--node-idd"], names: "--node-idd in command certlet run. Did you mean this? --node-id" },
    { args: [...required, "--data-root", "../other"], names: "--data-root" },
    { args: ["--node-id", "n", "--endpoint", `unix:///${"a".repeat(110)}`], names: "--endpoint" },
    { args: [...required, "--volume-medium", "disk"], names: "--volume-medium" },
    { args: [...required, "--publish-timeout", "3m"], names: "--publish-timeout" },
    { args: [...required, "-v", "6"], names: "--log-level" },
    { args: [...required, "--metrics-bind-address", "9402"], names: "--metrics-bind-address" },
    { args: [...required, "--pod-readiness-gate", "pod-ip:6"], names: "--pod-readiness-gate" },
    { args: [...required, "--cluster-domain", "Cluster"], names: "--cluster-domain" },
    { args: [...required, "--default-attribute", "no-such=1"], names: "--default-attribute" },
    { args: ["run", ...required, "--gate-backoff-jitter=2"], names: "--gate-backoff-jitter" }
  ])("refuses by name: $names", ({ args, names }) => {
    const { status, stderr, stdout } = certlet(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" })
    const [error, hint, ...more] = stderr.trimEnd().split("\n")
    expect(error).toMatch(/^certlet: [A-Z]/)
    expect(error).toContain(names)
    expect(hint).toBe(`See certlet${args[0] === "run" ? " run" : ""} --help`)
    expect(more).toEqual([])
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

  it("takes no gate without --continue-on-not-ready, wherever it is given", () => {
    const { status, stderr } = certlet(required, { CERTLET_POD_READINESS_GATE: "pod-ip:any" })
    expect(status).toBe(1)
    expect(stderr).toMatch(/--continue-on-not-ready.*--pod-readiness-gate/)
  })

  it("takes no default attribute that breaks its rule, and says which", () => {
    const { status, stderr } = certlet([...required, "--default-attribute", "duration=1 day"])
    expect(status).toBe(1)
    expect(stderr).toMatch(/--default-attribute.*csi.cert-manager.io\/duration must be a duration/)
  })

  it("ends at once where it can never speak to the API server, and says what is wrong", async () => {
    await inFolder("credentials", (folder) => {
      const kubeconfig = join(folder, "kubeconfig")
      writeKubeconfigOfNobody(folder)
      const run = [...required, "--log-format", "json"]
      for (const [flags, sentence] of [
        [[], "there is no kubeconfig, and this is no pod with a ServiceAccount"],
        [["--kubeconfig", "/nonexistent"], "no such file or directory, stat '/nonexistent'"],
        [["--kubeconfig", kubeconfig, "--context", "prod"], 'no context "prod" (--context); it has "away"'],
        [["--kubeconfig", kubeconfig, "--user", "jane"], 'no user "jane" (--user); it has "nobody"']
      ] as const) {
        const { status, stderr } = certlet([...run, ...flags])
        expect(status).toBe(1)
        const [line, ...more] = stderr.trim().split("\n")
        expect(more).toEqual([])
        expect(JSON.parse(line ?? "")).toMatchObject({ level: "fatal", message: expect.stringContaining(sentence) })
      }
    })
  })

  it("says which API server it speaks to and as whom, or what its credentials wait for, before it serves", async () => {
    await inFolder("identity", (folder) => {
      writeKubeconfigOfNobody(folder)
      const run = [...required, "--log-format", "json", "--kubeconfig", join(folder, "kubeconfig")]
      const token = `x.${Buffer.from('{"sub":"system:serviceaccount:a:b"}').toString("base64url")}.y`
      for (const [flags, sentence] of [
        [[], "the API server is https://127.0.0.1:1, and certlet speaks to it as the owner of a token (bearer token)"],
        [["--token", token], "as system:serviceaccount:a:b (bearer token)"],
        [["--token", token, "--as", "jane"], "as jane, impersonated by system:serviceaccount:a:b (bearer token)"],
        [["--client-certificate", join(folder, "late.pem")], "cannot be used yet: credentials cannot be read: ENOENT"]
      ] as const) {
        const { stderr } = certlet([...run, ...flags])
        const lines = stderr.trim().split("\n")
        expect(lines[0]).toContain(sentence)
        expect(lines.at(-1)).toContain("/nowhere/at/all/csi.sock")
        expect(stderr).not.toContain(token)
      }
    })
  })

  it("waits for a volume's files as long as it is told, and says what is missing", async () => {
    expect(certlet(["wait", "relative"])).toMatchObject({ status: 2, stderr: expect.stringContaining("absolute path") })
    await inFolder("wait", (folder) => {
      const late = certlet(["wait", folder, "--timeout", "10ms"])
      expect(late).toMatchObject({ status: 1, stderr: expect.stringContaining("holds no files after 10ms") })
      mkdirSync(join(folder, "..data"))
      writeFileSync(join(folder, "..data", "tls.key"), "key")
      expect(certlet(["wait", folder, "--file", "tls.key"]).status).toBe(0)
    })
  })

  it.each([
    ["CERTLET_KUBE_API_QPS", "many", "--kube-api-qps"],
    ["CERTLET_USE_TOKEN_REQUEST", "maybe", 'flag --use-token-request: "maybe". Expected: true or false']
  ])("refuses a wrong value of the environment too: %s", (name, value, sentence) => {
    const { status, stderr } = certlet(required, { [name]: value })
    expect(status).toBe(2)
    expect(stderr).toContain(sentence)
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
