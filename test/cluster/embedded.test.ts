// Programs of other people, written in Go over client-go, against the embedded API server instead of a real one:
// cert-manager's own controllers, which watch, lead and sign, and a client that creates requests and waits for them.
import { spawn } from "node:child_process"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { cluster, type RunningCluster } from "../../src/embedded/index.ts"
import { condition, textAt } from "../../src/embedded/valueAt.ts"
import { folderOfTests } from "../kit/folders.ts"
import { until } from "../kit/until.ts"
import { buildTools, type Tools } from "./build.ts"
import { makeAuthority, openssl } from "./certificates.ts"
import { measureFloor } from "./measureFloor.ts"

const folder = folderOfTests("embedded")
const kubeconfig = join(folder, "kubeconfig")
const waiting = { deadlineMilliseconds: 60_000 }
let tools: Tools

beforeAll(async () => {
  tools = await buildTools()
})

const issuer = { name: "ca", kind: "Issuer", group: "cert-manager.io" } as const

/** An authority of the test's own, as cert-manager's CA issuer wants it. */
const applyIssuer = async (api: RunningCluster): Promise<string> => {
  await mkdir(folder, { recursive: true })
  const { certFile, keyFile } = await makeAuthority(folder, "authority", { commonName: "an authority of the test" })
  const data = { "tls.crt": await readFile(certFile, "base64"), "tls.key": await readFile(keyFile, "base64") }
  const metadata = { name: "authority", namespace: "apps" }
  api.stores.secrets.put({ apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", data })
  const spec = { ca: { secretName: "authority" } }
  const named = { name: issuer.name, namespace: "apps" }
  api.stores.issuers.put({ apiVersion: "cert-manager.io/v1", kind: "Issuer", metadata: named, spec })
  return certFile
}

describe("the embedded API server", () => {
  it("serves a client in Go, with its own approver and issuer", async () => {
    await using api = await cluster()
    await api.writeKubeconfig(kubeconfig)
    const options = { kubeconfig, namespace: "apps", issuer, count: 20, concurrency: 4 }
    expect((await measureFloor(tools.floor, options)).milliseconds.length).toBe(20)
    expect(api.stores.requests.all()).toEqual([])
  })

  it("serves cert-manager's own controllers, which approve and sign what that client asks for", async () => {
    await using api = await cluster()
    await api.behave({ approval: "hold", issuer: "hold" })
    await api.writeKubeconfig(kubeconfig)
    const authority = await applyIssuer(api)
    const controllers = spawn(tools.certManager, ["--kubeconfig", kubeconfig], { stdio: "ignore" })
    try {
      const isReady = () =>
        textAt(condition(api.stores.issuers.get("apps", issuer.name), "Ready"), "status") === "True" || undefined
      await until("the issuer", waiting, async () => isReady())
      const options = { kubeconfig, namespace: "apps", issuer, count: 5, concurrency: 2, keep: true }
      await measureFloor(tools.floor, options)
      const signed = api.stores.requests.all().map(({ status }) => Object(status).certificate)
      expect(signed.length).toBe(5)
      for (const certificate of signed) {
        const file = join(folder, "signed.pem")
        await writeFile(file, Buffer.from(certificate, "base64"))
        expect(await openssl("verify", "-CAfile", authority, file)).toContain("OK")
      }
    } finally {
      controllers.kill()
    }
  })
})
