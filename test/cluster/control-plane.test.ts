// Proves the harness of the cluster tier itself, with openssl as the judge: that cert-manager's real controllers sign,
// wait for an approval and obey a denial; that the API server keeps its data across an abrupt end; that access by token
// and by certificate is exactly what RBAC grants; that the floor program measures; and that nothing stays behind. One
// control plane serves all tests; each works in a namespace of its own.
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { until } from "../kit/until.ts"
import { buildTools } from "./build.ts"
import { ControlPlane } from "./ControlPlane.ts"
import { openssl } from "./certificates.ts"
import type { IssuerRef } from "./issuers.ts"
import { ApiError } from "./KubeApi.ts"
import { measureFloor } from "./measureFloor.ts"
import { conditionOf, type KubeObject, type Reference, textAt } from "./objects.ts"

const testLimitMilliseconds = 60_000
const outageLimitMilliseconds = 60_000
// Only the first run on a machine needs it: it builds a kube-apiserver.
const buildLimitMilliseconds = 80 * 60_000

let plane: ControlPlane

beforeAll(async () => {
  await buildTools()
}, buildLimitMilliseconds)

beforeAll(async () => {
  plane = await ControlPlane.start()
}, testLimitMilliseconds)

afterAll(async () => {
  await plane.stop()
  expect(existsSync(plane.dir)).toBe(false)
}, testLimitMilliseconds)

const requestReference = (namespace: string, name: string): Reference => ({
  apiVersion: "cert-manager.io/v1",
  kind: "CertificateRequest",
  namespace,
  name
})

const isReady = (request: KubeObject) => conditionOf(request, "Ready")?.status === "True"

/** Makes an ECDSA key and a signing request with openssl, and sends it as a CertificateRequest. */
const submit = async (namespace: string, name: string, issuer: IssuerRef, annotations = {}): Promise<Reference> => {
  const folder = mkdtempSync(join(plane.dir, "csr-"))
  const csr = join(folder, "csr.pem")
  await openssl(
    ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", join(folder, "key.pem"), "-out", csr, "-subj", `/CN=${name}`],
    ...["-addext", `subjectAltName=DNS:${name}.example.com`]
  )
  await plane.api.create({
    apiVersion: "cert-manager.io/v1",
    kind: "CertificateRequest",
    metadata: { namespace, name, annotations },
    spec: { request: readFileSync(csr, "base64"), issuerRef: issuer, usages: ["digital signature", "server auth"] }
  })
  return requestReference(namespace, name)
}

/** Writes the certificate of a request to a file, for openssl. */
const certificateFile = (request: KubeObject): string => {
  const certificate = textAt(request, "status", "certificate")
  if (certificate === undefined) throw new Error(`no certificate in ${JSON.stringify(request)}`)
  const file = join(mkdtempSync(join(plane.dir, "issued-")), "tls.crt")
  writeFileSync(file, Buffer.from(certificate, "base64"))
  return file
}

describe("cert-manager's controllers", { timeout: testLimitMilliseconds }, () => {
  it.each(["ECDSA", "RSA"] as const)("sign with an %s authority what openssl then verifies", async (algorithm) => {
    const namespace = `ca-${algorithm.toLowerCase()}`
    await plane.createNamespace(namespace)
    const { ref, caFile } = await plane.createCaIssuer({ namespace, name: "ca", algorithm })
    const request = await plane.waitFor(await submit(namespace, "web", ref), "is ready", isReady)
    const certificate = certificateFile(request)
    expect(await openssl("verify", "-CAfile", caFile, certificate)).toContain("OK")
    expect(await openssl("x509", "-in", certificate, "-noout", "-ext", "subjectAltName")).toContain("web.example.com")
    const authority = await openssl("x509", "-in", caFile, "-noout", "-text")
    expect(authority).toContain(algorithm === "RSA" ? "rsaEncryption" : "id-ecPublicKey")
  })

  it("sign for a ClusterIssuer with the secret of the cluster resource namespace", async () => {
    await plane.createNamespace("cluster-issuer")
    const { ref, caFile } = await plane.createCaIssuer({ name: "everybody" })
    const request = await plane.waitFor(await submit("cluster-issuer", "web", ref), "is ready", isReady)
    expect(await openssl("verify", "-CAfile", caFile, certificateFile(request))).toContain("OK")
  })

  it("serve a self-signing issuer", async () => {
    const namespace = "self-signed"
    await plane.createNamespace(namespace)
    const issuer = await plane.createSelfSignedIssuer({ namespace, name: "self" })
    // Without the key's secret it does not sign, and says so: the proof that the real controller looked at it.
    const reference = await submit(namespace, "web", issuer)
    const request = await plane.waitFor(
      reference,
      "has been judged",
      (seen) => conditionOf(seen, "Ready") !== undefined
    )
    expect(conditionOf(request, "Ready")?.message).toContain("cert-manager.io/private-key-secret-name")
  })

  it("leave a request to the issuer `manual` alone until it is approved", async () => {
    const namespace = "approval"
    await plane.createNamespace(namespace)
    const manual = await plane.createCaIssuer({ namespace, name: "manual" })
    const automatic = await plane.createCaIssuer({ namespace, name: "ca" })
    const reference = await submit(namespace, "late", manual.ref)
    // A later request that is already signed shows that the approver has passed over the earlier one.
    await plane.waitFor(await submit(namespace, "other", automatic.ref), "is ready", isReady)
    const pending = await plane.api.get(reference)
    expect(pending && conditionOf(pending, "Approved")).toBeUndefined()
    expect(pending && conditionOf(pending, "Ready")).toBeUndefined()

    await plane.approve(namespace, "late")
    const request = await plane.waitFor(reference, "is ready", isReady)
    expect(await openssl("verify", "-CAfile", manual.caFile, certificateFile(request))).toContain("OK")
  })

  it("obey a denial", async () => {
    const namespace = "denial"
    await plane.createNamespace(namespace)
    const { ref } = await plane.createCaIssuer({ namespace, name: "manual" })
    const reference = await submit(namespace, "refused", ref)
    await plane.deny(namespace, "refused", "Policy", "not on a Friday")
    const request = await plane.waitFor(reference, "is not ready", (seen) => conditionOf(seen, "Ready") !== undefined)
    expect(conditionOf(request, "Denied")).toEqual({ status: "True", reason: "Policy", message: "not on a Friday" })
    expect(conditionOf(request, "Ready")).toMatchObject({ status: "False", reason: "Denied" })
    expect(textAt(request, "status", "certificate")).toBeUndefined()
  })

  it("can be paused and restarted, and then do what was left undone", async () => {
    const namespace = "paused"
    await plane.createNamespace(namespace)
    const { ref } = await plane.createCaIssuer({ namespace, name: "ca" })
    plane.pauseCertManager()
    const first = await submit(namespace, "first", ref)
    plane.resumeCertManager()
    await plane.waitFor(first, "is ready", isReady)
    await plane.stopCertManager()
    const second = await submit(namespace, "second", ref)
    await plane.startCertManager()
    await plane.waitFor(second, "is ready", isReady)
  })
})

describe("the API server", { timeout: testLimitMilliseconds }, () => {
  it("comes back with its data on the same port, and cert-manager goes on signing", { timeout: 180_000 }, async () => {
    const namespace = "restart"
    await plane.createNamespace(namespace)
    const { ref } = await plane.createCaIssuer({ namespace, name: "ca" })
    const uid = await plane.createPod(namespace, "survivor")
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await plane.stopApiServer(signal)
      await expect(plane.api.request("GET", "/readyz")).rejects.toThrow("ECONNREFUSED")
      await plane.startApiServer()
      const pod = await plane.api.get({ apiVersion: "v1", kind: "Pod", namespace, name: "survivor" })
      expect(pod?.metadata.uid).toBe(uid)
      // cert-manager's informers back off while nobody answers, and may come back many seconds after the API server.
      const reference = await submit(namespace, signal.toLowerCase(), ref)
      await plane.waitFor(reference, "is ready", isReady, outageLimitMilliseconds)
    }
    expect(await plane.deletePod(namespace, "survivor")).toBe(true)
    expect(await plane.api.list({ apiVersion: "v1", kind: "Pod", namespace })).toEqual([])
  })

  it("answers nothing while it is paused", async () => {
    plane.pauseApiServer()
    const answer = plane.api.request("GET", "/readyz")
    // That something does not come can only be seen by giving it time.
    const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, "nothing"))])
    expect(first).toBe("nothing")
    plane.resumeApiServer()
    expect(await answer).toBe("ok")
  })

  it("refuses with Kubernetes' own reason", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } }
    const refusal = await plane.api.create(namespace).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ApiError)
    expect(refusal).toMatchObject({ status: 409, reason: "AlreadyExists" })
  })

  it("reports the version it was built from", async () => {
    expect(textAt(await plane.api.request("GET", "/version"), "gitVersion")).toMatch(/^v1\.\d+\.\d+$/)
  })
})

/** The status of a request made by curl with a bearer token, or with a client certificate. */
const curlStatus = (path: string, ...credentials: ReadonlyArray<string>): number =>
  Number(
    execFileSync("curl", [
      ...["--silent", "--max-time", "20", "--output", "/dev/null", "--write-out", "%{http_code}"],
      ...["--cacert", plane.caFile, ...credentials, `${plane.serverUrl}${path}`]
    ]).toString()
  )

describe("access", { timeout: testLimitMilliseconds }, () => {
  const namespace = "access"
  const path = `/apis/cert-manager.io/v1/namespaces/${namespace}/certificaterequests`

  const allow = (subject: Readonly<Record<string, string>>, name: string) =>
    plane.api.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { namespace, name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
      subjects: [subject]
    })

  beforeAll(async () => {
    await plane.createNamespace(namespace)
    await plane.api.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { namespace, name: "reader" },
      rules: [{ apiGroups: ["cert-manager.io"], resources: ["certificaterequests"], verbs: ["list"] }]
    })
  })

  it("by token is what RBAC grants the ServiceAccount, and a rotated token replaces the old one", async () => {
    await plane.createServiceAccount(namespace, "driver")
    const access = await plane.tokenKubeconfig({ namespace, serviceAccount: "driver" })
    const bearer = () => ["--header", `Authorization: Bearer ${readFileSync(access.tokenFile, "utf8")}`]
    expect(curlStatus(path, ...bearer())).toBe(403)
    await allow({ kind: "ServiceAccount", name: "driver", namespace }, "driver")
    const deadlineMilliseconds = 20_000
    const allowed = async () => (curlStatus(path, ...bearer()) === 200 ? true : undefined)
    await until("the token to be allowed", { deadlineMilliseconds }, allowed)
    expect(curlStatus("/api/v1/secrets", ...bearer())).toBe(403)

    const old = bearer()
    await access.rotate()
    expect(bearer()).not.toEqual(old)
    expect(curlStatus(path, ...bearer())).toBe(200)
    const refused = async () => (curlStatus(path, ...old) === 401 ? true : undefined)
    await until("the old token to be refused", { deadlineMilliseconds }, refused)
  })

  it("by certificate is what RBAC grants the user and its groups", async () => {
    const kubeconfig: unknown = JSON.parse(
      readFileSync(await plane.clientCertificateKubeconfig("jane", ["readers", "others"]), "utf8")
    )
    const user = (field: string) => textAt(kubeconfig, "users", 0, "user", field) ?? ""
    const credentials = ["--cert", user("client-certificate"), "--key", user("client-key")]
    expect(curlStatus(path, ...credentials)).toBe(403)
    await allow({ kind: "Group", name: "readers", apiGroup: "rbac.authorization.k8s.io" }, "readers")
    const allowed = async () => (curlStatus(path, ...credentials) === 200 ? true : undefined)
    await until("the group to be allowed", { deadlineMilliseconds: 20_000 }, allowed)
  })
})

describe("the floor program", { timeout: testLimitMilliseconds }, () => {
  it("delivers every certificate in a sensible time, and leaves nothing behind", async () => {
    const namespace = "floor"
    await plane.createNamespace(namespace)
    const { ref: issuer } = await plane.createCaIssuer({ namespace, name: "ca" })
    const common = { kubeconfig: plane.adminKubeconfig, namespace, issuer }
    const alone = await measureFloor(plane.tools.floor, { ...common, count: 50, concurrency: 1 })
    const together = await measureFloor(plane.tools.floor, { ...common, count: 100, concurrency: 10 })
    for (const milliseconds of [...alone.milliseconds, ...together.milliseconds]) {
      expect(milliseconds).toBeGreaterThan(1)
      expect(milliseconds).toBeLessThan(10_000)
    }
    expect(together.perSecond).toBeGreaterThan(alone.perSecond)
    const kind = { apiVersion: "cert-manager.io/v1", kind: "CertificateRequest", namespace }
    expect(await plane.api.list(kind)).toEqual([])
  })

  it("says why when a certificate does not come", async () => {
    await plane.createNamespace("floor-denied")
    const issuer = { name: "ca", kind: "Issuer", group: "cert-manager.io" } as const
    const kubeconfig = await plane.clientCertificateKubeconfig("nobody", [])
    const options = { kubeconfig, namespace: "floor-denied", issuer, count: 1, concurrency: 1 }
    await expect(measureFloor(plane.tools.floor, options)).rejects.toThrow("forbidden")
  })
})

describe("a control plane", { timeout: testLimitMilliseconds }, () => {
  it("that fails to start says why, with the end of the program's log", async () => {
    const tools = { ...plane.tools, etcd: "/bin/false" }
    await expect(ControlPlane.start({ tools })).rejects.toThrow(/etcd to be ready; --- etcd \(pid \d+\) ended with 1/)
  })
})
