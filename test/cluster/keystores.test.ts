// Keystores from the real cert-manager, under a password from a real Secret: the kubelet's part, which is to read the
// Secret and hand it over, is played here with the API server's answer. OpenSSL opens what certlet writes. The password
// is looked for where it must not be: in the records, the requests and the log. Then, what other issuers and
// usages bring.
import { readdirSync, readFileSync, statSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DateTime } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { rfc3339 } from "../../src/spec/rfc3339.ts"
import type { Certlet } from "./Certlet.ts"
import { makeAuthority, openssl } from "./certificates.ts"
import { textAt } from "./objects.ts"
import type { PodVolume } from "./PodVolume.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { describeCertificate, judge, readIssue } from "./volumeFiles.ts"

let cluster: RealCluster
let certlet: Certlet
let stage: Stage

beforeAll(async () => {
  cluster = await RealCluster.start()
  certlet = await cluster.certlet()
  stage = await cluster.stage("keystores")
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const limit = { timeout: 120_000 }
const quick = { "key-algorithm": "ECDSA", "dns-names": "web.example.com" }

const secretOf = (password: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "keystore", namespace: "keystores" },
  data: { password: Buffer.from(password).toString("base64") }
})

/** The volume as a kubelet publishes it that has read the Secret. */
const withSecret = async (volume: PodVolume): Promise<PodVolume> => {
  const reference = { apiVersion: "v1", kind: "Secret", namespace: stage.namespace, name: "keystore" }
  const encoded = textAt(await cluster.plane.api.get(reference), "data", "password") ?? ""
  return { ...volume, secrets: { password: Buffer.from(encoded, "base64").toString() } }
}

/** The leaf that OpenSSL finds in the keystore, once it is sure that its key fits. */
const opened = async (volume: PodVolume, passwordFile: string): Promise<string> => {
  const open = (...what: ReadonlyArray<string>) =>
    openssl("pkcs12", "-in", join(volume.target, "keystore.p12"), "-passin", `file:${passwordFile}`, ...what)
  const leaf = (await open("-nokeys", "-clcerts")).match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/)
  expect(await open("-nocerts", "-noenc")).toContain("BEGIN PRIVATE KEY")
  return leaf?.[0] ?? ""
}

/** Everything that certlet has under its data root, as text. */
const recorded = (folder: string): string =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "utf8"))
    .join("\n")

describe("a keystore", limit, () => {
  const attributes = {
    ...quick,
    "pkcs12-enable": "true",
    "pkcs12-profile": "Modern2023",
    "pkcs12-password-from": "secret:password"
  }

  it("opens with the Secret's password, follows it, and outlives a crash of certlet", async () => {
    const password = join(certlet.folder, "password")
    const set = async (text: string) => {
      await cluster.plane.api.apply(secretOf(text))
      await writeFile(password, text)
    }
    await set("hush-one")
    const volume = await stage.volume(certlet, "secret", { attributes: { ...attributes, duration: "1m" } })
    await certlet.publish(await withSecret(volume))
    const first = await opened(volume, password)
    expect((await readIssue(volume.target)).certificate).toContain(first)

    await set("hush-two")
    await certlet.publish(await withSecret(volume))
    expect(await opened(volume, password)).toBe(first)

    const said = certlet.log()
    await certlet.end("SIGKILL")
    await certlet.startAgain()
    // Nobody publishes any more: what the renewal knows is what the seal holds.
    await certlet.until("the renewal", 60_000, async () =>
      (await readIssue(volume.target)).certificate.includes(first) ? undefined : true
    )
    const renewed = await opened(volume, password)
    expect((await readIssue(volume.target)).certificate).toContain(renewed)

    const requests = JSON.stringify(await cluster.requests(stage.namespace, volume))
    for (const text of [recorded(certlet.dataRoot), requests, said, certlet.log()]) {
      expect(text).not.toMatch(/hush|aHVzaC/)
    }
    expect(recorded(certlet.dataRoot)).toContain("sealed")
    await certlet.unpublish(volume)
  })

  it("says what is missing where the Secret has no such key, and leaves nothing behind", async () => {
    const volume = await stage.volume(certlet, "missing", { attributes })
    const refused = await certlet.refusal(volume)
    expect(refused.code).toBe("INVALID_ARGUMENT")
    expect(refused.sentence).toContain("csi.cert-manager.io/pkcs12-password-from")
    expect(refused.sentence).toContain("nodePublishSecretRef")
    expect(await cluster.requests(stage.namespace, volume)).toEqual([])
  })
})

describe("cert-manager", limit, () => {
  it("signs for any purpose, and for several, as the list says", async () => {
    const volume = await stage.volume(certlet, "any", {
      attributes: { ...quick, "key-usages": "any, server auth,client auth,digital signature,key agreement" }
    })
    await certlet.publish(volume)
    await judge(volume.target, stage.issuer.caFile)
    const text = await describeCertificate(volume.target)
    expect(text).toContain("Any Extended Key Usage, TLS Web Server Authentication, TLS Web Client Authentication")
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Key Agreement/)
  })

  it("signs a CA that may sign for some names only, and openssl holds what it signs to them", async () => {
    const volume = await stage.volume(certlet, "bound", {
      attributes: {
        "key-algorithm": "ECDSA",
        "common-name": "bound",
        "is-ca": "true",
        "key-usages": "digital signature,cert sign",
        "permitted-dns-domains": "${POD_NAMESPACE}.svc",
        "excluded-ip-ranges": "0.0.0.0/0,::/0"
      }
    })
    await certlet.publish(volume)
    await judge(volume.target, stage.issuer.caFile)
    const text = await describeCertificate(volume.target)
    expect(text).toMatch(/Name Constraints: critical\s+Permitted:\s+DNS:keystores.svc\s+Excluded:/)
    const file = (name: string) => join(certlet.folder, name)
    const verdict = async (names: string) => {
      const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", file("leaf.key")]
      const authority = ["-CA", join(volume.target, "tls.crt"), "-CAkey", join(volume.target, "tls.key")]
      const subject = ["-subj", "/O=leaf", "-addext", `subjectAltName=${names}`]
      await openssl("req", "-x509", ...key, ...authority, ...subject, "-days", "1", "-out", file("leaf.pem"))
      const chain = ["-CAfile", stage.issuer.caFile, "-untrusted", join(volume.target, "tls.crt"), file("leaf.pem")]
      return openssl("verify", ...chain).catch(String)
    }
    expect(await verdict("DNS:web.keystores.svc")).toContain("OK")
    expect(await verdict("DNS:web.other.svc")).toContain("permitted subtree violation")
    expect(await verdict("DNS:web.keystores.svc,IP:10.0.0.1")).toContain("excluded subtree violation")
    await certlet.unpublish(volume)
  })

  it("leaves a request of another group to that group's own controller, whose answer certlet takes", async () => {
    const outside = await makeAuthority(certlet.folder, "outside", { commonName: "outside" })
    const volume = await stage.volume(certlet, "outside", {
      issuer: { name: "manual", kind: "OutsideIssuer", group: "issuers.example.com" },
      attributes: quick
    })
    const published = certlet.publish(volume)
    const name = await cluster.requestName(certlet, volume)
    await cluster.plane.approve(stage.namespace, name)
    const reference = { apiVersion: "cert-manager.io/v1", kind: "CertificateRequest", namespace: stage.namespace, name }
    const request = await cluster.plane.api.get(reference)
    expect(request?.spec).toMatchObject({
      issuerRef: { name: "manual", kind: "OutsideIssuer", group: "issuers.example.com" }
    })
    const file = (name: string) => join(certlet.folder, name)
    await writeFile(file("outside.csr"), Buffer.from(textAt(request, "spec", "request") ?? "", "base64"))
    const issuer = ["-CA", outside.certFile, "-CAkey", outside.keyFile, "-days", "1", "-copy_extensions", "copyall"]
    await openssl("x509", "-req", "-in", file("outside.csr"), ...issuer, "-out", file("outside.pem"))
    const encoded = async (path: string) => (await readFile(path)).toString("base64")
    const signed = { type: "Ready", status: "True", reason: "Issued", message: "signed by a test" }
    const conditions = [{ ...signed, lastTransitionTime: rfc3339(DateTime.nowUnsafe()) }]
    const status = { certificate: await encoded(file("outside.pem")), ca: await encoded(outside.certFile), conditions }
    const { apiVersion, kind } = reference
    await cluster.plane.api.apply(
      { apiVersion, kind, metadata: { namespace: stage.namespace, name }, status },
      { subresource: "status", fieldManager: "certlet-test-signer" }
    )
    await published
    await judge(volume.target, outside.certFile)
  })
})
