import "reflect-metadata"
import { spawnSync } from "node:child_process"
import { describe, expect, it, layer } from "@effect/vitest"
import * as x509 from "@peculiar/x509"
import { Context, Effect, Layer } from "effect"
import * as fc from "fast-check"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import * as NodeKeyGenerator from "../../src/issuance/NodeKeyGenerator.ts"
import { signingRequest } from "../../src/issuance/SigningRequest.ts"
import { attributeTypes } from "../../src/spec/DistinguishedName.ts"
import { extendedKeyUsages, KeyUsage, keyUsageBits } from "../../src/spec/KeyUsage.ts"
import type { KeyParameters, VolumeSpec } from "../../src/spec/VolumeSpec.ts"
import * as SimKeyGenerator from "../../src/testing/parts/SimKeyGenerator.ts"
import { spec } from "../kit/LiveClient.ts"
import { named } from "../kit/needs.ts"

const { C, CN, DC, O } = attributeTypes
const email = "1.2.840.113549.1.9.1"

const pemFor = Effect.fnUntraced(function* (wanted: VolumeSpec) {
  const keys = yield* KeyGenerator
  const key = yield* keys.generate({ parameters: wanted.key, pod: wanted.pod.uid, volumeId: "csi-web" })
  return { key, pem: yield* signingRequest(wanted, key) }
})

/** What a request holds, as a reader of its own finds it. */
const read = (pem: string) => {
  const request = new x509.Pkcs10CertificateRequest(pem)
  const extension = <E>(type: new (raw: BufferSource) => E, oid: string) => {
    const raw = request.getExtension(oid)?.rawData
    return raw === undefined ? undefined : new type(raw)
  }
  const names = extension(x509.SubjectAlternativeNameExtension, "2.5.29.17")
  return {
    request,
    names: names?.names.items.map(({ type, value }) => `${type}:${value}`) ?? [],
    namesAreCritical: names?.critical,
    bits: extension(x509.KeyUsagesExtension, "2.5.29.15")?.usages ?? 0,
    purposes: extension(x509.ExtendedKeyUsageExtension, "2.5.29.37")?.usages ?? [],
    constraints: extension(x509.BasicConstraintsExtension, "2.5.29.19")
  }
}

const requestFor = (change: Partial<VolumeSpec>) => Effect.map(pemFor(spec(change)), ({ pem }) => read(pem))

layer(SimKeyGenerator.layer)("a signing request", (it) => {
  it.effect("is PEM with a line's end, signed by the key that it holds", () =>
    Effect.gen(function* () {
      const { key, pem } = yield* pemFor(spec())
      expect(pem).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n[^-]+\n-----END CERTIFICATE REQUEST-----\n$/)
      const { request } = read(pem)
      expect(new Uint8Array(request.publicKey.rawData)).toEqual(key.spki)
      expect(yield* Effect.promise(() => request.verify(globalThis.crypto))).toBe(true)
    })
  )

  it.effect("repeats a purpose for which cert-manager has two words", () =>
    Effect.gen(function* () {
      expect((yield* requestFor({ usages: ["email protection", "s/mime"] })).purposes).toHaveLength(2)
    })
  )

  it.effect("holds the names, and they are critical only where there is no subject", () =>
    Effect.gen(function* () {
      const names = {
        dnsNames: ["a.example", "*.b.example"],
        ipAddresses: ["10.0.0.1", "2001:db8::1"],
        uris: ["urn:a"],
        emails: ["web@shop.example"]
      }
      const bare = yield* requestFor(names)
      expect(bare.names).toEqual([
        "dns:a.example",
        "dns:*.b.example",
        "ip:10.0.0.1",
        "ip:2001:db8::1",
        "url:urn:a",
        "email:web@shop.example"
      ])
      expect(bare.namesAreCritical).toBe(true)
      expect(bare.request.subject).toBe("")
      const named = yield* requestFor({ ...names, subject: [[{ type: CN, value: "a" }]] })
      expect(named.namesAreCritical).toBe(false)
      expect((yield* requestFor({ dnsNames: [] })).request.getExtension("2.5.29.17")).toBeNull()
    })
  )

  it.effect("holds the subject in the spec's order, whatever characters it has", () =>
    Effect.gen(function* () {
      const value = ' a+b,"c";\\<é>= '
      const subject = [
        [{ type: C, value: "DE" }],
        [
          { type: O, value: "One" },
          { type: O, value: "Two, Inc." }
        ],
        [{ type: CN, value }]
      ]
      const { request } = yield* requestFor({ subject })
      expect(request.subjectName.toJSON().map((rdn) => Object.keys(rdn))).toEqual([["C"], ["O"], ["CN"]])
      expect(request.subjectName.getField(CN)).toEqual([value])
      expect(request.subjectName.getField(O)).toEqual(["One", "Two, Inc."])
    })
  )

  it.effect("writes PrintableString, IA5String and UTF8String where RFC 5280 wants them", () =>
    Effect.gen(function* () {
      const tagOf = (type: string, value: string) =>
        Effect.map(requestFor({ subject: [[{ type, value }]] }), ({ request }) => {
          const der = Buffer.from(request.subjectName.toArrayBuffer())
          return der.at(der.indexOf(Buffer.from(value)) - 2)
        })
      const [utf8, printable, ia5] = [0x0c, 0x13, 0x16]
      expect(yield* tagOf(CN, "web-0.shop")).toBe(printable)
      expect(yield* tagOf(CN, "web_0")).toBe(utf8)
      expect(yield* tagOf(CN, "é")).toBe(utf8)
      expect(yield* tagOf(DC, "example")).toBe(ia5)
      expect(yield* tagOf(email, "a@b.example")).toBe(ia5)
      expect(yield* tagOf(email, "é@b.example")).toBe(utf8)
    })
  )

  it.effect("writes a multi-valued RDN in the order of its encodings", () =>
    Effect.gen(function* () {
      const parts = [
        { type: O, value: "b" },
        { type: CN, value: "long" },
        { type: CN, value: "z" },
        { type: O, value: "a" }
      ]
      const one = yield* requestFor({ subject: [parts] })
      const other = yield* requestFor({ subject: [parts.toReversed()] })
      expect(one.request.subject).toBe("CN=z+O=a+O=b+CN=long")
      expect(other.request.subject).toBe(one.request.subject)
    })
  )

  it.effect.each(KeyUsage.literals)("holds the usage %s", (usage) =>
    Effect.gen(function* () {
      const { bits, constraints, purposes } = yield* requestFor({ usages: [usage] })
      expect(bits).toBe(keyUsageBits[usage] ?? 0)
      expect(purposes).toEqual([extendedKeyUsages[usage] ?? []].flat())
      expect(constraints).toBeUndefined()
    })
  )

  it.effect("of a CA says so, and may sign certificates", () =>
    Effect.gen(function* () {
      const { bits, constraints } = yield* requestFor({ isCA: true, usages: ["digital signature"] })
      expect([constraints?.ca, constraints?.critical, constraints?.pathLength]).toEqual([true, true, undefined])
      expect(bits).toBe(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign)
    })
  )
})

describe("for every spec", () => {
  it("the request holds its names, subject and usages, and nothing else", async () => {
    const generator = await Effect.runPromise(Effect.scoped(Layer.build(SimKeyGenerator.layer)))
    const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/)
    const subject = fc.array(
      fc.uniqueArray(
        fc.record({
          type: fc.constantFrom(...Object.values(attributeTypes)),
          value: fc.stringMatching(/^[a-zé@]{1,9}$/)
        }),
        { minLength: 1, maxLength: 3, selector: ({ type }) => type }
      ),
      { maxLength: 4 }
    )
    const change = fc.record({
      subject,
      dnsNames: fc.array(label, { maxLength: 3 }),
      ipAddresses: fc.array(fc.ipV4(), { maxLength: 3 }),
      uris: fc.array(
        label.map((text) => `spiffe://td/${text}`),
        { maxLength: 3 }
      ),
      usages: fc.uniqueArray(fc.constantFrom(...KeyUsage.literals), { minLength: 1 }),
      isCA: fc.boolean()
    })
    await fc.assert(
      fc.asyncProperty(change, async (change) => {
        const { pem } = await Effect.runPromise(
          pemFor(spec(change)).pipe(Effect.provideService(KeyGenerator, Context.get(generator, KeyGenerator)))
        )
        const found = read(pem)
        expect(found.names).toEqual([
          ...change.dnsNames.map((name) => `dns:${name}`),
          ...change.ipAddresses.map((name) => `ip:${name}`),
          ...change.uris.map((name) => `url:${name}`)
        ])
        for (const type of new Set(change.subject.flat().map(({ type }) => type))) {
          const values = change.subject.flat().filter((attribute) => attribute.type === type)
          expect(found.request.subjectName.getField(type)).toEqual(values.map(({ value }) => value))
        }
        expect(found.request.subjectName.toJSON()).toHaveLength(change.subject.length)
        const wanted = change.usages.reduce((bits, usage) => bits | (keyUsageBits[usage] ?? 0), change.isCA ? 32 : 0)
        expect(found.bits).toBe(wanted)
        expect(found.purposes).toEqual(change.usages.flatMap((usage) => extendedKeyUsages[usage] ?? []))
        expect(found.constraints?.ca ?? false).toBe(change.isCA)
      }),
      { numRuns: 60 }
    )
  })
})

const openssl = spawnSync("openssl", ["version"]).status === 0
const verify = (pem: string) =>
  spawnSync("openssl", ["req", "-verify", "-noout", "-subject", "-text", "-nameopt", "RFC2253,-esc_msb,utf8"], {
    input: pem,
    encoding: "utf8"
  })

const parsed = (pem: string, ...options: ReadonlyArray<string>) =>
  spawnSync("openssl", ["asn1parse", ...options], { input: pem, encoding: "utf8" }).stdout

const kinds: ReadonlyArray<[KeyParameters, string, string]> = [
  [{ algorithm: "RSA", size: 2048 }, "sha256WithRSAEncryption", "2048 bit"],
  [{ algorithm: "RSA", size: 3072 }, "sha384WithRSAEncryption", "3072 bit"],
  [{ algorithm: "ECDSA", size: 256 }, "ecdsa-with-SHA256", "NIST CURVE: P-256"],
  [{ algorithm: "ECDSA", size: 384 }, "ecdsa-with-SHA384", "NIST CURVE: P-384"],
  [{ algorithm: "ECDSA", size: 521 }, "ecdsa-with-SHA512", "NIST CURVE: P-521"],
  [{ algorithm: "Ed25519" }, "ED25519", "ED25519 Public-Key"]
]

describe("openssl", () => {
  it.effect.skipIf(!openssl)(
    named(openssl, "needs OpenSSL", "reads, verifies and prints the request of every kind of key"),
    () =>
      Effect.gen(function* () {
        const subject = [
          [{ type: C, value: "DE" }],
          [{ type: O, value: "Käse, Inc." }],
          [
            { type: CN, value: "web" },
            { type: attributeTypes.UID, value: "7" }
          ]
        ]
        for (const [key, algorithm, size] of kinds) {
          const change = { key, subject, isCA: true, ipAddresses: ["10.0.0.1", "2001:db8::1"], uris: ["spiffe://td/a"] }
          const wanted = spec({ ...change, usages: ["digital signature", "crl sign", "server auth", "client auth"] })
          const { pem } = yield* pemFor(wanted)
          const { status, stderr, stdout } = verify(pem)
          expect(stderr).toMatch(/verify OK/i)
          expect(status).toBe(0)
          expect(stdout).toContain("subject=UID=7+CN=web,O=Käse\\, Inc.,C=DE\n")
          expect(stdout).toContain(`Signature Algorithm: ${algorithm}`)
          expect(stdout).toContain(size)
          expect(stdout).toContain(
            "DNS:web.shop.example, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1, URI:spiffe://td/a"
          )
          expect(stdout).toMatch(/Key Usage: critical\n\s+Digital Signature, Certificate Sign, CRL Sign\n/)
          expect(stdout).toMatch(
            /Extended Key Usage: ?\n\s+TLS Web Server Authentication, TLS Web Client Authentication\n/
          )
          expect(stdout).toMatch(/Basic Constraints: critical\n\s+CA:TRUE\n/)
        }
      }).pipe(Effect.provide(NodeKeyGenerator.layer))
  )

  it.effect.skipIf(!openssl)(named(openssl, "needs OpenSSL", "reads names of other kinds as UTF-8 strings"), () =>
    Effect.gen(function* () {
      const otherNames = [
        { oid: "1.3.6.1.4.1.311.20.2.3", value: "wéb@corp.example" },
        { oid: "2.999.2147483567", value: "x".repeat(300) }
      ]
      const { pem } = yield* pemFor(spec({ otherNames }))
      const { stdout } = verify(pem)
      expect(stdout).toContain("DNS:web.shop.example, othername: ")
      const [, offset = ""] =
        /Subject Alternative Name\n(?:.*BOOLEAN.*\n)? *(\d+):.*OCTET STRING/.exec(parsed(pem)) ?? []
      const values = [...parsed(pem, "-strparse", offset).matchAll(/prim: (OBJECT|UTF8STRING) *:(.*)/g)]
      expect(values.map(([, type, value]) => `${type} ${value}`)).toEqual([
        "OBJECT Microsoft User Principal Name",
        "UTF8STRING wéb@corp.example",
        "OBJECT 2.999.2147483567",
        `UTF8STRING ${"x".repeat(300)}`
      ])
    }).pipe(Effect.provide(NodeKeyGenerator.layer))
  )

  it.effect.skipIf(!openssl)(
    named(openssl, "needs OpenSSL", "finds a request without a subject in order, and a damaged one not"),
    () =>
      Effect.gen(function* () {
        const { pem } = yield* pemFor(spec())
        const { status, stdout } = verify(pem)
        expect(status).toBe(0)
        expect(stdout).toMatch(/Subject Alternative Name: critical\n\s+DNS:web.shop.example\n/)
        const der = new Uint8Array(new x509.Pkcs10CertificateRequest(pem).rawData)
        der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
        const damaged = verify(x509.PemConverter.encode(der.buffer, "CERTIFICATE REQUEST"))
        expect(damaged.stderr).not.toMatch(/verify OK/i)
      }).pipe(Effect.provide(NodeKeyGenerator.layer))
  )
})
