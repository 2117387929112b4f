/**
 * TLS between programs that hold nothing but certlet's files: Java with its keystores, and Go, Python and Node with the
 * PEM and the combined files. Each shows its certificate, with the intermediate that its chain needs, and checks the
 * other's.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:tls"
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { FileSet } from "../../src/volume/FileSet.ts"
import { describeWhere } from "../kit/needs.ts"
import { makeAuthority } from "./authority.ts"
import { type Kind, keys } from "./keys.ts"
import { filesFor, layOut } from "./layOut.ts"
import { buildGoPair, consumers, isPresent, run } from "./programs.ts"

type Texts = Readonly<Record<string, string>>
type Authority = Awaited<ReturnType<typeof makeAuthority>>

let authority: Authority
beforeAll(async () => {
  authority = await makeAuthority()
})

const kinds: ReadonlyArray<Kind> = ["RSA", "P-256", "P-384", "Ed25519"]

const filesOf = async (kind: Kind, attributes: Texts, secrets: Texts = {}): Promise<FileSet> =>
  Effect.runSync(filesFor({ ...keys[kind][1], ...attributes }, await authority.leaf(keys[kind][0]), secrets))

const combined = { "combined-file": "combined.pem" }

describe("Node", () => {
  it.each(kinds)("serves and asks with a key of %s", async (kind) => {
    await layOut(await filesOf(kind, combined), async (path) => {
      const ca = readFileSync(path("ca.crt"))
      const both = readFileSync(path("combined.pem"))
      const server = createServer({
        key: readFileSync(path("tls.key")),
        cert: readFileSync(path("tls.crt")),
        ca,
        requestCert: true
      })
      const seen = new Promise<string>((resolve, reject) => {
        server.on("secureConnection", (socket) => socket.end(socket.getPeerCertificate().subjectaltname ?? ""))
        server.on("tlsClientError", reject)
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          const client = connect({ port, host: "127.0.0.1", servername: "localhost", ca, key: both, cert: both })
          client.on("error", reject).on("data", (data) => resolve(String(data)))
        })
      })
      expect(await seen).toBe("DNS:localhost")
      server.close()
    })
  })
})

/** Server and client in one program, once with two files and once with the combined one on either side. */
const pairs = async (files: FileSet, program: (...args: ReadonlyArray<string>) => Promise<string>) =>
  layOut(files, async (path) => {
    const apart = `${path("tls.crt")},${path("tls.key")}`
    const together = path("combined.pem")
    return [await program(apart, together, path("ca.crt")), await program(together, apart, path("ca.crt"))]
  })

describeWhere(isPresent("python3", "-c", "import ssl"), "needs Python with TLS")("Python", () => {
  it.each(kinds)("serves and asks with a key of %s", async (kind) => {
    const said = await pairs(await filesOf(kind, combined), (...args) =>
      run("python3", `${consumers}/tls_pair.py`, ...args)
    )
    for (const line of said) expect(line.trim()).toBe("localhost TLSv1.3")
  })
})

describeWhere(isPresent("go", "version"), "needs Go")("Go", () => {
  let program = ""
  beforeAll(async () => {
    program = await buildGoPair()
  }, 180_000)

  it.each(kinds)("serves and asks with a key of %s", async (kind) => {
    const said = await pairs(await filesOf(kind, combined), (...args) => run(program, ...args))
    for (const line of said) expect(line.trim()).toBe("localhost TLS 1.3")
  })
})

const javaIsPresent = isPresent("javac", "-version") && isPresent("keytool", "-help")

describeWhere(javaIsPresent, "needs a JDK")("Java", () => {
  const stores = {
    "pkcs12-enable": "true",
    "pkcs12-password-from": "secret:p",
    "jks-enable": "true",
    "jks-password-from": "generate",
    "truststore-enable": "true"
  }

  it("serves and asks with every kind of keystore and key", { timeout: 120_000 }, async () => {
    const profiles = ["LegacyRC2", "LegacyDES", "Modern2023"] as const
    const all: Array<readonly [string, FileSet]> = []
    for (const kind of kinds) {
      // Every profile with one kind of key: the key's kind is nothing to a profile.
      for (const profile of kind === "RSA" ? profiles : profiles.slice(2)) {
        const named = profile === "LegacyDES" ? { "pkcs12-alias": "Web", "jks-alias": "Web" } : {}
        all.push([
          `${kind}-${profile}`,
          await filesOf(kind, { ...stores, ...named, "pkcs12-profile": profile }, { p: "a Secret's" })
        ])
      }
    }
    const whole = all.flatMap(([name, files]) => files.map((file) => ({ ...file, name: `${name}-${file.name}` })))
    await layOut(whole, async (path) => {
      writeFileSync(path("password"), "a Secret's")
      const lines = all.flatMap(([name]) => [
        `PKCS12 ${path(`${name}-keystore.p12`)} ${path(`${name}-truststore.p12`)} ${path("password")}`,
        `JKS ${path(`${name}-keystore.jks`)} ${path(`${name}-truststore.jks`)} ${path(`${name}-keystore.jks.password`)}`
      ])
      writeFileSync(path("list"), lines.join("\n"))
      const said = (await run("java", `${consumers}/TlsPair.java`, path("list"))).trim().split("\n")
      const algorithms = { RSA: "RSA", "P-256": "EC", "P-384": "EC", "P-521": "EC", Ed25519: "EdDSA" }
      const expected = all.flatMap(([name]) => {
        const kind = kinds.find((kind) => name.startsWith(kind)) ?? "RSA"
        const web = name.endsWith("LegacyDES")
        const entry = (alias: string, length: number) => `${alias}=${algorithms[kind]}/${length}`
        // Java finds the CA of a PKCS#12 chain among the trusted certificates; a JKS chain is as it is written.
        const p12 = web ? `ca=trusted/1,${entry("web", 3)}` : `${entry("1", 3)},ca=trusted/1`
        const jks = web ? `ca=trusted/1,${entry("web", 2)}` : `ca=trusted/1,${entry("certificate", 2)}`
        return [p12, jks].map((keys) => `${keys} ca=trusted/1 42 CN=web CN=web`)
      })
      expect(said).toEqual(expected)
    })
  })

  it("lists them and takes their entries over with keytool", { timeout: 120_000 }, async () => {
    const attributes = { ...stores, "pkcs12-profile": "Modern2023" }
    await layOut(await filesOf("RSA", attributes, { p: "a Secret's" }), async (path) => {
      writeFileSync(path("password"), "a Secret's")
      const list = (store: string, password: string) =>
        run("keytool", "-list", "-v", "-keystore", path(store), "-storepass:file", path(password))
      const [p12, jks] = await Promise.all([
        list("keystore.p12", "password"),
        list("keystore.jks", "keystore.jks.password")
      ])
      expect(p12).toContain("Keystore type: PKCS12")
      expect(jks).toContain("Keystore type: JKS")
      for (const listed of [p12, jks]) {
        expect(listed).toContain("Your keystore contains 2 entries")
        expect(listed.match(/Entry type: PrivateKeyEntry/g)?.length).toBe(1)
        expect(listed.match(/Entry type: trustedCertEntry/g)?.length).toBe(1)
      }
      expect(jks).toContain("Alias name: certificate")
      await run(
        "keytool",
        "-importkeystore",
        "-noprompt",
        "-srckeystore",
        path("keystore.jks"),
        "-srcstorepass:file",
        path("keystore.jks.password"),
        "-destkeystore",
        path("taken.p12"),
        "-deststoretype",
        "PKCS12",
        "-deststorepass:file",
        path("password")
      )
      expect(await list("taken.p12", "password")).toContain("Alias name: certificate")
    })
  })
})
