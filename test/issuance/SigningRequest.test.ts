import "reflect-metadata"
import { execFileSync, spawnSync } from "node:child_process"
import { describe, expect, it } from "@effect/vitest"
import * as x509 from "@peculiar/x509"
import { Effect } from "effect"
import * as fc from "fast-check"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import * as NodeKeyGenerator from "../../src/issuance/NodeKeyGenerator.ts"
import { signingRequest } from "../../src/issuance/SigningRequest.ts"
import { extendedKeyUsages, KeyUsage, keyUsageBits } from "../../src/KeyUsage.ts"
import * as SimKeyGenerator from "../../src/testing/SimKeyGenerator.ts"
import { decodeVolumeSpec, type VolumeSpec } from "../../src/VolumeSpec.ts"
import { publishRequest } from "../driver/World.ts"

const specOf = (attributes: Readonly<Record<string, string>>) =>
  decodeVolumeSpec(
    publishRequest(
      "web",
      Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`csi.cert-manager.io/${key}`, value]))
    ).attributes
  )

const requestFor = (spec: VolumeSpec) =>
  Effect.flatMap(KeyGenerator, (keys) => Effect.flatMap(keys.generate(spec.key), (key) => signingRequest(spec, key)))

const opensslIsPresent = spawnSync("openssl", ["version"]).status === 0

const openssl = (pem: string) =>
  execFileSync("openssl", ["req", "-verify", "-noout", "-subject", "-text"], {
    input: pem,
    encoding: "utf8",
    stdio: "pipe"
  })

describe.skipIf(!opensslIsPresent)(
  `openssl reads the signing request${opensslIsPresent ? "" : " (left out: no openssl)"}`,
  () => {
    it.live.each([
      [{ "key-algorithm": "RSA" }, "sha256WithRSAEncryption"],
      [{ "key-algorithm": "ECDSA" }, "ecdsa-with-SHA256"],
      [{ "key-algorithm": "ECDSA", "key-size": "384" }, "ecdsa-with-SHA384"],
      [{ "key-algorithm": "ECDSA", "key-size": "521" }, "ecdsa-with-SHA512"],
      [{ "key-algorithm": "Ed25519" }, "ED25519"]
    ] as const)("of %j, signed by %s", ([attributes, signature]) =>
      Effect.gen(function* () {
        const names = { "dns-names": "a.example,b.example", "ip-sans": "10.0.0.1,fe80::1", "uri-sans": "spiffe://x/y" }
        const usages = { "key-usages": "digital signature,server auth,client auth" }
        const subject = { "literal-subject": "CN=x\\, y+OU=z,O=Ümlaut,DC=example" }
        const text = openssl(yield* requestFor(yield* specOf({ ...attributes, ...names, ...usages, ...subject })))
        expect(text).toContain(`Signature Algorithm: ${signature}`)
        expect(text).toContain(
          "DNS:a.example, DNS:b.example, IP Address:10.0.0.1, IP Address:FE80:0:0:0:0:0:0:1, URI:spiffe://x/y"
        )
        expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/)
        expect(text).toContain("TLS Web Server Authentication, TLS Web Client Authentication")
        expect(text).toMatch(/subject=DC = example, O = \S+mlaut, OU = z \+ CN = "x, y"|DC=example/)
      }).pipe(Effect.provide(NodeKeyGenerator.layer))
    )

    it.live("of a CA", () =>
      Effect.gen(function* () {
        const ca = { "is-ca": "true", "common-name": "ca", "key-algorithm": "ECDSA", "key-usages": "cert sign" }
        const text = openssl(yield* requestFor(yield* specOf(ca)))
        expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE/)
        expect(text).toMatch(/Key Usage: critical\s+Certificate Sign\n/)
      }).pipe(Effect.provide(NodeKeyGenerator.layer))
    )
  }
)

describe("whatever a spec asks for", () => {
  const usages = fc.uniqueArray(fc.constantFrom(...KeyUsage.literals), { minLength: 1, maxLength: 6 })
  const names = fc.uniqueArray(fc.domain(), { maxLength: 4 })
  const common = fc.stringMatching(/^[A-Za-z0-9 ,+=öß"\\-]{1,20}$/).filter((text) => text.trim() !== "")

  it("stands in the signing request, and no more", async () => {
    await fc.assert(
      fc.asyncProperty(usages, names, common, fc.boolean(), async (wanted, dnsNames, commonName, isCA) => {
        const [spec, pem] = await Effect.runPromise(
          Effect.gen(function* () {
            const base = yield* specOf({ "key-algorithm": "ECDSA" })
            const subject = [[{ type: "2.5.4.3", value: commonName }]]
            const spec: VolumeSpec = { ...base, usages: wanted, dnsNames, subject, isCA }
            return [spec, yield* requestFor(spec)] as const
          }).pipe(Effect.provide(SimKeyGenerator.layer))
        )
        const request = new x509.Pkcs10CertificateRequest(pem)
        expect(request.subjectName.getField("2.5.4.3")).toEqual([commonName])
        const san = request.extensions.find((_) => _.type === "2.5.29.17")
        const found = san === undefined ? [] : new x509.SubjectAlternativeNameExtension(san.rawData).names.items
        expect(found.map(({ value }) => value)).toEqual(spec.dnsNames)
        const bits = wanted.reduce((sum, usage) => sum | (keyUsageBits[usage] ?? 0), isCA ? 1 << 5 : 0)
        const usage = request.extensions.find((_) => _.type === "2.5.29.15")
        expect(usage === undefined ? 0 : new x509.KeyUsagesExtension(usage.rawData).usages).toBe(bits)
        const purposes = request.extensions.find((_) => _.type === "2.5.29.37")
        const asked = wanted.flatMap((usage) => extendedKeyUsages[usage] ?? [])
        const written = purposes === undefined ? [] : new x509.ExtendedKeyUsageExtension(purposes.rawData).usages
        expect(new Set(written)).toEqual(new Set(asked))
      }),
      { numRuns: 60 }
    )
  })
})
