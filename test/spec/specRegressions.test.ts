import "reflect-metadata"
import { assert, describe, it } from "@effect/vitest"
import * as x509 from "@peculiar/x509"
import { DateTime, Effect, Option, Redacted, Result } from "effect"
import * as fc from "fast-check"
import { checkSigned } from "../../src/issuance/checkSigned.ts"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import { layer } from "../../src/issuance/NodeKeyGenerator.ts"
import { signingRequest } from "../../src/issuance/SigningRequest.ts"
import { formatDistinguishedName, parseDistinguishedName } from "../../src/spec/DistinguishedName.ts"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { simCrypto, simKeyPair, simSpki } from "../../src/testing/parts/SimCrypto.ts"
import { privateKeyOf } from "../../src/volume/FileSet.ts"
import { settings } from "../kit/settings.ts"

const spec = (attributes: Readonly<Record<string, string>>, others: Readonly<Record<string, string>> = {}) =>
  decodeVolumeSpec(
    {
      "csi.storage.k8s.io/ephemeral": "true",
      "csi.storage.k8s.io/pod.name": "web-0",
      "csi.storage.k8s.io/pod.namespace": "shop",
      "csi.storage.k8s.io/pod.uid": "1",
      "csi.storage.k8s.io/serviceAccount.name": "web",
      "csi.cert-manager.io/issuer-name": "ca",
      "csi.cert-manager.io/key-algorithm": "ECDSA",
      ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`csi.cert-manager.io/${key}`, value])),
      ...others
    },
    settings
  )

const requestFor = Effect.fnUntraced(function* (attributes: Readonly<Record<string, string>>) {
  const decoded = yield* spec(attributes)
  const key = yield* Effect.flatMap(KeyGenerator, (_) => _.generate(decoded.key))
  return new x509.Pkcs10CertificateRequest(yield* signingRequest(decoded, key))
}, Effect.provide(layer))

describe("names", () => {
  it("survive printing and parsing, spaces and backslashes at the end included", () => {
    const value = fc.array(fc.constantFrom("a", " ", "\\", "#", "+", ",", ";", "=", '"', "é", "😀"), { minLength: 1 })
    fc.assert(
      fc.property(value, (characters) => {
        const name = [[{ type: "2.5.4.3", value: characters.join("") }]]
        assert.deepStrictEqual(parseDistinguishedName(formatDistinguishedName(name)), Result.succeed(name))
      })
    )
  })
  for (const oid of ["1.40.1", "0.99", "1.2.99999999999999999999", "3.1"]) {
    it(`refuse the impossible OID ${oid}`, () => assert.isTrue(Result.isFailure(parseDistinguishedName(`${oid}=x`))))
  }
  it.effect("hold every address as it is", () =>
    Effect.gen(function* () {
      const found = yield* spec({ "ip-sans": "FE80::1,::ffff:1.2.3.4,::1.2.3.4,64:ff9b::1.2.3.4,0:0:0:0:0:0:0:0" })
      assert.deepStrictEqual(found.ipAddresses, ["fe80::1", "1.2.3.4", "::102:304", "64:ff9b::102:304", "::"])
    })
  )
  it.effect("refuse an escape that Go cannot read", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* Effect.flip(spec({ "uri-sans": "http://x/%zz" }))).field,
        "csi.cert-manager.io/uri-sans"
      )
    })
  )
  it.effect("of annotations follow Kubernetes", () =>
    Effect.gen(function* () {
      yield* spec({}, { "Example.com/Foo": "v" })
      for (const key of ["a..b/x", "a-.b/x", "a_b/x", "a/b/c"]) {
        assert.strictEqual((yield* Effect.flip(spec({}, { [key]: "v" }))).field, key)
      }
    })
  )
})

describe("the signing request", () => {
  it.effect("repeats a purpose for which cert-manager has two words", () =>
    Effect.gen(function* () {
      const request = yield* requestFor({ "dns-names": "a", "key-usages": "email protection,s/mime" })
      assert.strictEqual(
        new x509.ExtendedKeyUsageExtension(request.getExtension("2.5.29.37")?.rawData ?? new Uint8Array()).usages
          .length,
        2
      )
    })
  )
  it.effect("of a CA without usages holds the default ones", () =>
    Effect.gen(function* () {
      const request = yield* requestFor({ "common-name": "ca", "is-ca": "true", "key-usages": "," })
      assert.strictEqual(
        new x509.KeyUsagesExtension(request.getExtension("2.5.29.15")?.rawData ?? new Uint8Array()).usages,
        1 | 4 | 32
      )
    })
  )
})

describe("damage", () => {
  it.effect("of any byte in a certificate is a Mismatch or harmless, never a defect", () =>
    Effect.gen(function* () {
      const wanted = yield* spec({ "dns-names": "a" })
      const keys = simKeyPair(new Uint8Array(32))
      const good = yield* Effect.promise(() =>
        x509.X509CertificateGenerator.createSelfSigned(
          {
            name: "CN=c",
            keys,
            signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
            extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "a" }])]
          },
          simCrypto
        )
      )
      const now = DateTime.fromDateUnsafe(good.notBefore)
      const check = (certificate: string, ca = "") =>
        Effect.suspend(() =>
          checkSigned({ request: "shop/r", signed: { certificate, ca }, spec: wanted, spki: simSpki(keys), now })
        )
      yield* check(good.toString("pem"))
      const pem = good.toString("pem")
      for (const ca of ["hello", pem.slice(0, 200), pem.replaceAll("CERTIFICATE", "PRIVATE KEY")]) {
        assert.strictEqual((yield* Effect.flip(check(pem, ca))).reason, "Mismatch")
      }
      for (let at = 0; at < good.rawData.byteLength; at++) {
        const bytes = new Uint8Array(good.rawData.slice(0))
        bytes[at] = (bytes[at] ?? 0) ^ 0xff
        yield* Effect.result(check(x509.PemConverter.encode(bytes.buffer, "CERTIFICATE")))
      }
    }).pipe(Effect.provide(layer))
  )
  it.effect("of a kept key means that there is none", () =>
    Effect.gen(function* () {
      const wanted = yield* spec({})
      for (const [label, body] of [
        ["PRIVATE KEY", "="],
        ["RSA PRIVATE KEY", "AAAA"],
        ["CERTIFICATE", "AAAA"]
      ] as const) {
        const text = `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
        const files = new Map([["tls.key", Redacted.make(new TextEncoder().encode(text))]])
        assert.isTrue(Option.isNone(privateKeyOf(wanted, files)))
      }
    })
  )
})
