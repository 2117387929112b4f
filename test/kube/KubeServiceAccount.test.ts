/** The ServiceAccount of certlet's own pod. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { findServiceAccount } from "../../src/kube/KubeServiceAccount.ts"
import { folderOfTests } from "../kit/folders.ts"

const inPod = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" }

const mounted = (token: string): string => {
  const folder = join(folderOfTests("account-"), "serviceaccount")
  mkdirSync(folder)
  writeFileSync(join(folder, "token"), `${token}\n`)
  writeFileSync(join(folder, "ca.crt"), "the CA")
  return folder
}

describe("the pod's ServiceAccount", () => {
  it("says where the API server is, what its CA is, and who certlet is", () => {
    const account = findServiceAccount(inPod, mounted("one"))
    expect(account?.server).toBe("https://10.96.0.1:443")
    expect(account?.options()).toEqual({ ca: Buffer.from("the CA"), headers: { authorization: "Bearer one" } })
  })

  it("is read again each time, because the kubelet rotates the token and the CA", () => {
    const folder = mounted("one")
    const account = findServiceAccount(inPod, folder)
    writeFileSync(join(folder, "token"), "two")
    writeFileSync(join(folder, "ca.crt"), "another CA")
    expect(account?.options()).toEqual({ ca: Buffer.from("another CA"), headers: { authorization: "Bearer two" } })
    rmSync(join(folder, "token"))
    expect(() => account?.options()).toThrow("ENOENT")
  })

  it("has a server with an address of IPv6, in brackets", () => {
    const server = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" }
    expect(findServiceAccount(server, mounted("one"))?.server).toBe("https://[fd00::1]:6443")
  })

  it("is not there outside a cluster, and not in a pod without a token", () => {
    expect(findServiceAccount({}, mounted("one"))).toBeUndefined()
    expect(findServiceAccount({ KUBERNETES_SERVICE_HOST: "10.96.0.1" }, mounted("one"))).toBeUndefined()
    expect(findServiceAccount(inPod, folderOfTests("account-"))).toBeUndefined()
  })
})
