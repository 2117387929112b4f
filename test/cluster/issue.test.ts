// What a pod gets for what it asks, from the real cert-manager and judged by openssl: every kind of key and encoding,
// from an Issuer and from a ClusterIssuer; names, usages and subjects as they were written; files with the modes, the
// group and the mount that were promised. certlet runs with exactly the rights of `k8s/certlet.yaml`. One cluster
// serves all tests.
import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Certlet } from "./Certlet.ts"
import type { CaIssuer } from "./issuers.ts"
import { clusterLimitMilliseconds, RealCluster, type Stage } from "./RealCluster.ts"
import { describeCertificate, judge, listVolume, serialOf } from "./volumeFiles.ts"

let cluster: RealCluster
let certlet: Certlet
let stage: Stage
let everybody: CaIssuer

beforeAll(async () => {
  cluster = await RealCluster.start()
  certlet = await cluster.certlet()
  stage = await cluster.stage("issue")
  everybody = await cluster.plane.createCaIssuer({ name: "everybody", algorithm: "RSA" })
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

const limit = { timeout: 60_000 }

interface Case {
  readonly title: string
  readonly attributes: Readonly<Record<string, string>>
  readonly header: string
  /** In `openssl x509 -text`. */
  readonly key: RegExp
}

const rsaHeader = "-----BEGIN RSA PRIVATE KEY-----"
const header = "-----BEGIN PRIVATE KEY-----"

const cases: ReadonlyArray<Case> = [
  { title: "RSA, which is the default, in PKCS#1", attributes: {}, header: rsaHeader, key: /Public-Key: \(2048 bit\)/ },
  {
    title: "RSA of 3072 bits in PKCS#8",
    attributes: { "key-algorithm": "rsa", "key-size": "3072", "key-encoding": "pkcs8" },
    header,
    key: /Public-Key: \(3072 bit\)/
  },
  { title: "ECDSA on P-256", attributes: { "key-algorithm": "ECDSA" }, header, key: /NIST CURVE: P-256/ },
  {
    title: "ECDSA on P-384",
    attributes: { "key-algorithm": "ECDSA", "key-size": "384" },
    header,
    key: /NIST CURVE: P-384/
  },
  {
    title: "ECDSA on P-521",
    attributes: { "key-algorithm": "ECDSA", "key-size": "521" },
    header,
    key: /NIST CURVE: P-521/
  },
  { title: "Ed25519", attributes: { "key-algorithm": "Ed25519" }, header, key: /ED25519/i }
]

describe("a key", limit, () => {
  it.each(cases)("$title", async ({ title, attributes, header, key }) => {
    const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")
    for (const [kind, issuer] of [
      ["namespaced", stage.issuer],
      ["cluster", everybody]
    ] as const) {
      const volume = await stage.volume(certlet, `${name}-${kind}`, {
        issuer: issuer.ref,
        attributes: { ...attributes, "common-name": "key.example.com" }
      })
      await certlet.publish(volume)
      const issue = await judge(volume.target, issuer.caFile)
      expect(issue.privateKey.split("\n")[0]).toBe(header)
      expect(issue.authority.trim()).toBe((await readFile(issuer.caFile, "utf8")).trim())
      expect(await describeCertificate(volume.target)).toMatch(key)
    }
  })
})

describe("a certificate", limit, () => {
  it("carries the names that were asked for, with the pod's own filled in", async () => {
    const volume = await stage.volume(certlet, "names", {
      attributes: {
        "key-algorithm": "ECDSA",
        "common-name": "$POD_NAME.example.com",
        "dns-names": "${POD_NAME}.${POD_NAMESPACE}.svc, other.example.com",
        "ip-sans": "10.1.2.3,2001:db8::7",
        "uri-sans": "spiffe://example.com/ns/${POD_NAMESPACE}/sa/${SERVICE_ACCOUNT_NAME}",
        "other-names": "upn=$POD_NAME@corp.example.com",
        organizations: "Example,Other"
      }
    })
    await certlet.publish(volume)
    await judge(volume.target, stage.issuer.caFile)
    const text = await describeCertificate(volume.target)
    expect(text).toContain("DNS:names.issue.svc, DNS:other.example.com")
    expect(text).toContain("IP Address:10.1.2.3, IP Address:2001:DB8:0:0:0:0:0:7")
    expect(text).toContain("URI:spiffe://example.com/ns/issue/sa/default")
    expect(text).toMatch(/othername: ?UPN:.*names@corp\.example\.com/)
    const subject = text.match(/Subject: (.*)/)?.[1]
    expect(subject).toContain("CN=names.example.com")
    for (const organization of ["O=Example", "O=Other"]) expect(subject).toContain(organization)
  })

  it("has the usages, the lifetime and the authority's mark that were asked for", async () => {
    const attributes = { "key-algorithm": "ECDSA", "common-name": "sub", duration: "90m" }
    const authority = await stage.volume(certlet, "authority", {
      attributes: { ...attributes, "is-ca": "true", "key-usages": "cert sign, crl sign,digital signature" }
    })
    const server = await stage.volume(certlet, "server", {
      attributes: { ...attributes, "key-usages": "server auth,client auth,digital signature" }
    })
    for (const volume of [authority, server]) {
      await certlet.publish(volume)
      await judge(volume.target, stage.issuer.caFile)
    }
    const text = await describeCertificate(authority.target)
    expect(text).toContain("CA:TRUE")
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Certificate Sign, CRL Sign/)
    const other = await describeCertificate(server.target)
    expect(other).not.toContain("CA:TRUE")
    expect(other).toContain("TLS Web Server Authentication, TLS Web Client Authentication")
    const [from, to] = [/Not Before: (.*)/, /Not After : (.*)/].map((one) => Date.parse(other.match(one)?.[1] ?? ""))
    expect((to ?? 0) - (from ?? 0)).toBe(90 * 60_000)
  })

  it("has the literal subject, with several attributes in one name component", async () => {
    const volume = await stage.volume(certlet, "literal", {
      attributes: {
        "key-algorithm": "ECDSA",
        "literal-subject": "CN=literal+UID=42,OU=Team\\, blue,O=Example,C=DE",
        "dns-names": "literal.example.com"
      }
    })
    await certlet.publish(volume)
    await judge(volume.target, stage.issuer.caFile)
    // The order within a component is the encoding's (DER sorts a SET).
    expect(await describeCertificate(volume.target)).toMatch(
      /Subject: (CN=literal\+UID=42|UID=42\+CN=literal),OU=Team\\, blue,O=Example,C=DE\n/
    )
  })

  it("comes with a request that belongs to its pod and carries the pod's annotations", async () => {
    const volume = await stage.volume(certlet, "owner", { others: { "example.com/team": "blue" } })
    await certlet.publish(volume)
    const requests = await cluster.requests(stage.namespace, volume)
    expect(requests).toHaveLength(1)
    const metadata = requests[0]?.metadata
    expect(metadata?.annotations).toMatchObject({ "example.com/team": "blue" })
    const owner = { apiVersion: "v1", kind: "Pod", name: "owner", uid: volume.context["csi.storage.k8s.io/pod.uid"] }
    expect(metadata?.ownerReferences).toEqual([owner])
  })
})

describe("a volume", limit, () => {
  it("is a small tmpfs of its own, readable by the pod's group only", async () => {
    const volume = await stage.volume(certlet, "modes", { mountGroup: "4711" })
    await certlet.publish(volume)
    const [mount, ...others] = (await certlet.mounts()).filter((one) => one.path === volume.target)
    expect(others).toEqual([])
    expect(mount).toMatchObject({ type: "tmpfs" })
    expect(mount?.options).toEqual(expect.arrayContaining(["nosuid", "nodev", "noexec"]))
    expect(mount?.options.join()).toContain("size=")
    for (const name of ["ca.crt", "tls.crt", "tls.key"]) {
      const { mode, gid, uid } = await stat(join(volume.target, name))
      expect([name, (mode & 0o7777).toString(8), gid, uid]).toEqual([name, "440", 4711, 0])
    }
    const { mode, gid } = await stat(join(volume.target, "..data/"))
    expect([(mode & 0o7777).toString(8), gid]).toEqual(["550", 4711])
  })

  it("prefers fs-group, and has the file names that were asked for", async () => {
    const volume = await stage.volume(certlet, "group", {
      mountGroup: "4711",
      attributes: {
        "key-algorithm": "ECDSA",
        "dns-names": "group.example.com",
        "fs-group": "4712",
        "certificate-file": "site.pem",
        "privatekey-file": "site.key",
        "ca-file": "roots.pem"
      }
    })
    await certlet.publish(volume)
    const visible = (await listVolume(volume.target)).filter((name) => !name.startsWith(".."))
    expect(visible.toSorted()).toEqual(["roots.pem", "site.key", "site.pem"])
    expect((await stat(join(volume.target, "site.key"))).gid).toBe(4712)
  })

  it("is left as it is by another publish, and nothing of it is left after its unpublish", async () => {
    const volume = await stage.volume(certlet, "again")
    await certlet.publish(volume)
    const first = serialOf(await judge(volume.target, stage.issuer.caFile))
    await certlet.publish(volume)
    expect(serialOf(await judge(volume.target, stage.issuer.caFile))).toBe(first)
    expect(await cluster.requests(stage.namespace, volume)).toHaveLength(1)

    const records = (await certlet.records()).length
    for (const _ of ["first", "repeated"]) {
      await certlet.unpublish(volume)
      expect((await certlet.mounts()).filter((one) => one.path === volume.target)).toEqual([])
      await expect(stat(volume.target)).rejects.toThrow("ENOENT")
      expect(await certlet.records()).toHaveLength(records - 1)
    }
  })
})
