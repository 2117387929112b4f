/**
 * What OpenSSL says of certlet's files: every form of the key, the chain, the DER files, and PKCS#12 in every profile;
 * and, for whatever attributes a pod may combine, that either all of its files are read or an attribute is blamed.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { beforeAll, expect, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { attributeNames } from "../../src/spec/Attributes.ts"
import type { FileSet, Material } from "../../src/volume/FileSet.ts"
import { describeWhere } from "../kit/needs.ts"
import { makeAuthority } from "./authority.ts"
import { type Kind, keys } from "./keys.ts"
import { filesFor, layOut } from "./layOut.ts"
import { isPresent } from "./programs.ts"

type Texts = Readonly<Record<string, string>>

const here = isPresent("openssl", "version")

const allKinds: ReadonlyArray<Kind> = ["RSA", "P-256", "P-384", "P-521", "Ed25519"]

const materials = new Map<Kind, Material>()
beforeAll(async () => {
  const { leaf } = await makeAuthority()
  for (const kind of allKinds) materials.set(kind, await leaf(keys[kind][0]))
})

const materialOf = (kind: Kind): Material => {
  const material = materials.get(kind)
  if (material === undefined) throw new Error("no material")
  return material
}

const certificates = (text: string) => text.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0
const openssl = (script: string) =>
  execFileSync("bash", ["-ec", script], { encoding: "utf8", stdio: "pipe", timeout: 60_000 })

const everything: Texts = {
  "combined-file": "combined.pem",
  "chain-file": "chain.pem",
  "fullchain-file": "fullchain.pem",
  "ca-der-file": "ca.der",
  "certificate-der-file": "tls.der",
  "privatekey-der-file": "key.der"
}

describeWhere(here, "needs OpenSSL")("openssl", () => {
  it.each(allKinds)("reads every PEM and DER file of a key of %s, and they belong together", async (kind) => {
    const files = Effect.runSync(filesFor({ ...keys[kind][1], ...everything }, materialOf(kind)))
    await layOut(files, async (path) => {
      const spki = openssl(`
        cd "$(dirname ${path("ca.crt")})"
        openssl verify -CAfile ca.crt -untrusted tls.crt tls.crt >&2
        openssl verify -CAfile ca.crt -untrusted chain.pem tls.crt >&2
        openssl x509 -in tls.crt -noout -pubkey
        openssl pkey -in tls.key -pubout
        openssl pkey -in combined.pem -pubout
        openssl x509 -in combined.pem -noout -pubkey
        openssl x509 -in tls.der -inform der -noout -pubkey
        openssl pkey -in key.der -inform der -pubout
        [ "$(openssl x509 -in ca.der -inform der)" = "$(openssl x509 -in ca.crt)" ]
      `)
      expect(new Set(spki.split(/(?<=-----END PUBLIC KEY-----\n)/)).size).toBe(1)
      const count = (name: string) => certificates(readFileSync(path(name), "utf8"))
      expect(["tls.crt", "chain.pem", "fullchain.pem", "combined.pem", "ca.crt"].map(count)).toEqual([2, 1, 3, 2, 1])
    })
  })

  it.each(
    allKinds.flatMap((kind) =>
      (["LegacyRC2", "LegacyDES", "Modern2023"] as const).map((profile) => [kind, profile] as const)
    )
  )("opens a keystore with a key of %s under %s, and only with its password", async (kind, profile) => {
    const password = "pass word: ä€ $HOME"
    const files = Effect.runSync(
      filesFor(
        {
          ...keys[kind][1],
          "pkcs12-enable": "true",
          "pkcs12-profile": profile,
          "pkcs12-alias": "web server",
          "pkcs12-password-from": "secret:p",
          "truststore-enable": "true"
        },
        materialOf(kind),
        { p: password }
      )
    )
    await layOut(files, async (path) => {
      const legacy = profile === "LegacyRC2" ? "-legacy" : ""
      const shown = openssl(`
        cd "$(dirname ${path("ca.crt")})"
        printf '%s' '${password}' > password
        openssl pkcs12 -in keystore.p12 -passin file:password -noenc -info ${legacy} 2>&1
        [ "$(openssl pkcs12 -in keystore.p12 -passin file:password -noenc -nocerts ${legacy} | openssl pkey -pubout)" = "$(openssl x509 -in tls.crt -noout -pubkey)" ]
        [ "$(openssl pkcs12 -in keystore.p12 -passin file:password -nokeys -clcerts ${legacy} | openssl x509)" = "$(openssl x509 -in tls.crt)" ]
        openssl pkcs12 -in truststore.p12 -passin file:password -nokeys ${legacy} > trusted
        [ "$(openssl x509 -in trusted)" = "$(openssl x509 -in ca.crt)" ]
        ! openssl pkcs12 -in keystore.p12 -passin pass:other -noenc ${legacy} 2> refused
        grep -q 'invalid password' refused
      `)
      const scheme = {
        LegacyRC2: /pbeWithSHA1And40BitRC2-CBC, Iteration 2048/,
        LegacyDES: /PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048/,
        Modern2023: /PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256/
      }
      expect(shown).toMatch(scheme[profile])
      expect(shown).toMatch(profile === "Modern2023" ? /MAC: sha256, Iteration 2048/ : /MAC: sha1, Iteration 2048/)
      expect(shown.match(/friendlyName: web server/g)?.length).toBe(2)
      expect(shown).toContain("friendlyName: ca")
      expect(certificates(shown)).toBe(3)
    })
  })
})

describeWhere(here, "needs OpenSSL")("a truststore without a password", () => {
  it("is read by openssl without one, and the keystore next to it is not", async () => {
    const attributes = {
      "pkcs12-enable": "true",
      "pkcs12-password": "changeit",
      "pkcs12-profile": "Modern2023",
      "truststore-enable": "true",
      "truststore-passwordless": "true"
    }
    const files = Effect.runSync(filesFor(attributes, materialOf("P-256"), {}))
    await layOut(files, async (path) => {
      openssl(`
        cd "$(dirname ${path("ca.crt")})"
        openssl pkcs12 -in truststore.p12 -nomacver -passin pass: -nokeys > trusted
        [ "$(openssl x509 -in trusted)" = "$(openssl x509 -in ca.crt)" ]
        ! openssl pkcs12 -in keystore.p12 -passin pass: -noenc 2> refused
        openssl pkcs12 -in keystore.p12 -passin pass:changeit -noenc > opened
      `)
    })
  })
})

describeWhere(here, "needs OpenSSL")("a keystore of the profile Modern2026", () => {
  it("is read by openssl from version 3.4 on, and refused by name before it", async () => {
    const attributes = { "pkcs12-enable": "true", "pkcs12-password": "changeit", "pkcs12-profile": "Modern2026" }
    const files = Effect.runSync(filesFor(attributes, materialOf("P-256"), {}))
    await layOut(files, async (path) => {
      const [, major, minor] = /^OpenSSL (\d+)\.(\d+)/.exec(openssl("openssl version")) ?? []
      const isNew = Number(major) * 100 + Number(minor) >= 304
      const said = openssl(
        `openssl pkcs12 -in ${path("keystore.p12")} -passin pass:changeit -noenc 2>&1 || echo refused`
      )
      expect([certificates(said) > 0, said.endsWith("refused\n")]).toEqual([isNew, !isNew])
    })
  })
})

/** Values that an attribute of a file or a keystore may well have. */
const plausible: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "key-encoding": fc.constantFrom("PKCS1", "PKCS8"),
  "file-mode": fc.constantFrom("0400", "0440", "644", "0777"),
  "file-owner": fc.constantFrom("0", "1000"),
  "pkcs12-profile": fc.constantFrom("LegacyRC2", "LegacyDES", "Modern2023"),
  "pkcs12-alias": fc.constantFrom("web", "ca", "My Key"),
  "jks-alias": fc.constantFrom("web", "CA1", "My Key")
}
const booleans: ReadonlyArray<string> = ["pkcs12-enable", "jks-enable", "truststore-enable"]
const about = attributeNames.filter((name) =>
  /-(file|filename|enable|password|from|profile|alias|owner|mode|encoding)$/.test(name)
)

const wordFor = (name: string): fc.Arbitrary<string> => {
  if (booleans.includes(name)) return fc.constantFrom("true", "true", "true", "false")
  if (name.endsWith("password-from")) return fc.constantFrom("generate", "secret:p", "secret:missing")
  if (name.endsWith("-password")) return fc.string({ minLength: 1, maxLength: 12 })
  return plausible[name] ?? fc.constantFrom(`${name}.out`, `${name}.pem`, "tls.crt", "keystore.p12", "same")
}

const combination = fc
  .tuple(
    fc.constantFrom(...allKinds),
    fc.subarray(
      about.filter((name) => !booleans.includes(name)),
      { maxLength: 6 }
    ),
    fc.subarray([...booleans])
  )
  .chain(([kind, names, enabled]) => {
    const chosen = [...names, ...enabled]
    return fc.tuple(fc.constant(kind), fc.tuple(...chosen.map((name) => wordFor(name).map((value) => [name, value]))))
  })
  .map(([kind, pairs]) => [kind, Object.fromEntries(pairs) as Texts] as const)

/** A shell command that fails where OpenSSL cannot read the file. */
const judged = (files: FileSet, attributes: Texts): ReadonlyArray<string> => {
  const reads = (name: string) => `-in '${name}'`
  const named = (attribute: string) => attributes[attribute]
  const store = named("pkcs12-enable") === "true" ? (named("pkcs12-filename") ?? "keystore.p12") : undefined
  const commands: Array<string | undefined> = [
    `openssl verify -CAfile '${named("ca-file") ?? "ca.crt"}' -untrusted '${named("certificate-file") ?? "tls.crt"}' '${named("certificate-file") ?? "tls.crt"}'`,
    `openssl pkey -noout ${reads(named("privatekey-file") ?? "tls.key")}`,
    named("combined-file") && `openssl pkey -noout ${reads(named("combined-file") ?? "")}`,
    named("chain-file") && `openssl x509 -noout ${reads(named("chain-file") ?? "")}`,
    named("fullchain-file") && `openssl x509 -noout ${reads(named("fullchain-file") ?? "")}`,
    named("ca-der-file") && `openssl x509 -noout -inform der ${reads(named("ca-der-file") ?? "")}`,
    named("certificate-der-file") && `openssl x509 -noout -inform der ${reads(named("certificate-der-file") ?? "")}`,
    named("privatekey-der-file") && `openssl pkey -noout -inform der ${reads(named("privatekey-der-file") ?? "")}`,
    store && `openssl pkcs12 -legacy -noout -passin file:..password -in '${store}'`
  ]
  expect(files.map(({ name }) => name).length).toBe(new Set(files.map(({ name }) => name)).size)
  return commands.flatMap((command) => (command === undefined || command === "" ? [] : [command]))
}

describeWhere(here, "needs OpenSSL")("whatever combination a pod asks for", () => {
  it("is either read by openssl, file by file, or refused at an attribute", { timeout: 120_000 }, async () => {
    const secret = "from the Secret"
    let read = 0
    await fc.assert(
      fc.asyncProperty(combination, async ([kind, attributes]) => {
        const result = Effect.runSync(
          Effect.result(filesFor({ ...keys[kind][1], ...attributes }, materialOf(kind), { p: secret }))
        )
        if (Result.isFailure(result)) {
          expect(attributeNames.map((name) => `csi.cert-manager.io/${name}`)).toContain(result.failure.field)
          return
        }
        read += 1
        const generated = result.success.find(
          ({ name }) =>
            name ===
            (attributes["pkcs12-password-file"] ?? `${attributes["pkcs12-filename"] ?? "keystore.p12"}.password`)
        )
        await layOut(result.success, async (path) => {
          const password =
            generated === undefined
              ? (attributes["pkcs12-password"] ?? secret)
              : readFileSync(path(generated.name), "utf8")
          openssl(`
            cd "$(dirname '${path("x")}')"
            printf '%s' "$(printf '${Buffer.from(password).toString("base64")}' | base64 -d)" > ..password
            ${judged(result.success, attributes).join(" >/dev/null\n")}
          `)
        })
      }),
      { numRuns: 40 }
    )
    expect(read).toBeGreaterThan(0)
  })
})
