/**
 * The transcript of `certlet cluster` in k8s/README.md, typed again: its commands are run one after the other against a
 * cluster in a folder, with the front page's pod, and print what stands there. Times and folders are masked.
 */
import { execFile, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { certlet, startCommand } from "../kit/certlet.ts"
import { folderOfTests, temporaryFolder } from "../kit/folders.ts"
import { describeWhere } from "../kit/needs.ts"
import { textOf } from "../kit/sources.ts"
import { eventually } from "../kit/until.ts"

const hasPrograms = [
  ["kubectl", "version", "--client"],
  ["openssl", "version"]
].every(([program = "", ...args]) => spawnSync(program, args).status === 0)

const [, shown = ""] = /```console\n(\$ export KUBECONFIG[\s\S]*?)```/.exec(textOf("k8s/README.md")) ?? []
const [, pod = ""] = /## A pod\n\n```yaml\n([\s\S]*?)```/.exec(textOf("README.md")) ?? []
const orders = [...shown.matchAll(/^\$ ((?!export ).*)$/gm)].map(([, order = ""]) => order)

/** What a shell prints for a command. */
const typed = (order: string, cwd: string) =>
  Effect.callback<string>((resume) => {
    const env = { PATH: process.env.PATH, HOME: cwd, KUBECONFIG: join(cwd, "kubeconfig") }
    execFile("sh", ["-c", order], { cwd, env }, (_, stdout, stderr) => resume(Effect.succeed(`${stdout}${stderr}`)))
  })

const masked = (text: string): string =>
  text
    .replace(/\b\d+s\b/g, "#s")
    .replace(/ from apps namespace/g, "")
    .replace(/ +$/gm, "")

describeWhere(hasPrograms, "needs kubectl and openssl")("certlet cluster", () => {
  it.live("does what its transcript shows, and leaves no key behind", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "pod.yaml"), pod)
      const { child, ended, log, output } = yield* startCommand(["cluster", "--folder", folder])
      yield* eventually(
        "the cluster",
        Effect.sync(() => output().includes("export KUBECONFIG="))
      )
      let printed = `$ export KUBECONFIG=/tmp/cluster/kubeconfig\n`
      for (const order of orders) {
        const found = yield* typed(order.replaceAll("/tmp/cluster", folder), folder)
        printed += `$ ${order}\n${found.replaceAll(folder, "/tmp/cluster")}`
      }
      expect(masked(printed)).toBe(masked(shown))
      yield* typed("kubectl apply -f pod.yaml && kubectl wait -n apps --for=condition=Ready pod/web", folder)
      expect(existsSync(join(folder, "apps/web/tls/tls.key"))).toBe(true)
      child.kill("SIGTERM")
      expect([yield* ended, log()]).toEqual([0, ""])
      const left = readdirSync(folder, { recursive: true, encoding: "utf8" })
      expect(left.filter((name) => name.endsWith("tls.key"))).toEqual([])
    })
  )

  it.live("says on a pod what its volume lacks, as a kubelet does", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "pod.yaml"), pod.replace("csi.cert-manager.io/issuer-name: ca, ", ""))
      const { output } = yield* startCommand(["cluster", "--folder", folder])
      yield* eventually(
        "the cluster",
        Effect.sync(() => output().includes("export KUBECONFIG="))
      )
      yield* typed("kubectl apply -f pod.yaml", folder)
      const described = yield* eventually(
        "the Event",
        Effect.map(typed("kubectl describe pod web -n apps", folder), (text) => text.includes("FailedMount") && text)
      )
      expect(described).toMatch(/Warning +FailedMount .*MountVolume.SetUp failed for volume "tls".*issuer-name/)
      expect(yield* typed("kubectl delete pod web -n apps", folder)).toMatch(/^pod "web" deleted/)
    })
  )
})

describe("a folder for certlet cluster", () => {
  const folder = folderOfTests("cluster")

  it.live("that holds somebody's folders is refused, and they stay", () =>
    Effect.gen(function* () {
      mkdirSync(join(folder, "apps"))
      writeFileSync(join(folder, "apps/precious"), "mine")
      const { code, stderr } = yield* certlet(["cluster", "--folder", folder])
      expect(code).toBe(1)
      expect(stderr).toContain(`--folder ${folder}: holds folders that are not a cluster's; name another one`)
      expect(readdirSync(folder, { recursive: true })).toEqual(["apps", "apps/precious"])
    })
  )
})
