import { describe, expect, it, layer } from "@effect/vitest"
import { DateTime, Duration, Effect, Option, Result } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import type { SigningOrder } from "../../src/embedded/Issuer.ts"
import { checkSigned } from "../../src/issuance/checkSigned.ts"
import { IssuanceError } from "../../src/issuance/IssuanceError.ts"
import { KeyGenerator, type PrivateKey } from "../../src/issuance/KeyGenerator.ts"
import { signingRequest } from "../../src/issuance/SigningRequest.ts"
import { writePem } from "../../src/pki/Pem.ts"
import { ipAddresses } from "../../src/spec/AttributeRules.ts"
import { attributeTypes } from "../../src/spec/DistinguishedName.ts"
import type { Keystore } from "../../src/spec/Keystore.ts"
import type { NameConstraint } from "../../src/spec/NameConstraints.ts"
import type { VolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { makeSimIssuer } from "../../src/testing/parts/SimIssuer.ts"
import * as SimKeyGenerator from "../../src/testing/parts/SimKeyGenerator.ts"
import { spec } from "../kit/LiveClient.ts"

const commonName = (...values: ReadonlyArray<string>) => values.map((value) => [{ type: attributeTypes.CN, value }])

const newKey = Effect.flatMap(KeyGenerator, (keys) =>
  keys.generate({ parameters: { algorithm: "ECDSA", size: 256 }, pod: "uid-web", volumeId: "csi-web" })
)

/** What an issuer is asked for on behalf of a spec. */
const orderFor = (asked: VolumeSpec, key: PrivateKey, change: Partial<SigningOrder> = {}) =>
  Effect.map(
    signingRequest(asked, key),
    (signingRequest): SigningOrder => ({
      signingRequest,
      usages: asked.usages,
      isCA: asked.isCA,
      lifetime: Duration.hours(1),
      wrongKey: false,
      ...change
    })
  )

/** A certificate for what `asked` says, and its check against what `wanted` says. */
const issued = Effect.fnUntraced(function* (asked: Partial<VolumeSpec>, duration = Duration.hours(1)) {
  const issuer = yield* makeSimIssuer
  const key = yield* newKey
  const signed = yield* issuer.sign(yield* orderFor(spec(asked), key, { lifetime: duration }))
  const check = Effect.fnUntraced(function* (
    change: { readonly wanted?: Partial<VolumeSpec>; readonly certificate?: string; readonly ca?: string } = {}
  ) {
    return yield* checkSigned({
      request: "shop/r",
      signed: { certificate: change.certificate ?? signed.certificate, ca: change.ca ?? signed.ca },
      spec: spec(change.wanted ?? asked),
      spki: key.spki,
      now: yield* DateTime.now
    })
  })
  return { issuer, key, signed, check }
})

/** Name constraints in a shorthand: "dns a.example, not ip 10.0.0.0/8". */
const constraints = (text: string): ReadonlyArray<NameConstraint> =>
  [...text.matchAll(/(not )?(dns|ip|email|url) ([^,]+)/g)].map(([, not, type, value = ""]) => ({
    side: not === undefined ? "permitted" : "excluded",
    type: type === "dns" || type === "ip" || type === "email" ? type : "url",
    value
  }))

const begin = DateTime.makeUnsafe("2026-01-01T00:00:00Z")

layer(SimKeyGenerator.layer)("an answer", (it) => {
  it.effect("that fits gives the facts of the leaf", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(DateTime.toEpochMillis(begin))
      const names = { ipAddresses: ["10.0.0.1"], uris: ["urn:a"], emails: ["web@shop.example"] }
      const { check } = yield* issued({ subject: commonName("web"), ...names })
      expect(yield* check()).toEqual({
        serialNumber: "02",
        notBefore: begin,
        notAfter: DateTime.addDuration(begin, Duration.hours(1))
      })
    })
  )

  it.effect("may have more names than were asked for, more certificates, and words between them", () =>
    Effect.gen(function* () {
      const dnsNames = ["a.example", "b.example"]
      const { check, signed } = yield* issued({ dnsNames, ipAddresses: ["::1"], subject: commonName("a", "b") })
      yield* check({ wanted: { dnsNames: ["b.example"], subject: commonName("b") } })
      yield* check({ wanted: { dnsNames: [] } })
      yield* check({
        certificate: `leaf:\n${signed.certificate}\nCA:\n${signed.ca}\n`,
        ca: `${signed.ca}\n${signed.ca}`
      })
      yield* check({ certificate: signed.certificate.replaceAll("\n", "\r\n") })
    })
  )

  it.effect("needs no CA", () =>
    Effect.gen(function* () {
      const { check } = yield* issued({})
      for (const ca of ["", "\n"]) yield* check({ ca })
    })
  )

  it.effect("must name the CA where a file or a truststore is to be made of it", () =>
    Effect.gen(function* () {
      const { check } = yield* issued({})
      const truststore: Keystore = {
        kind: "jks",
        file: "keystore.jks",
        truststore: Option.some("truststore.jks"),
        alias: Option.none(),
        profile: "LegacyRC2",
        password: { _tag: "Attribute" }
      }
      const files = { ...spec().files, caDer: "ca.der" }
      for (const [wanted, attribute] of [
        [{ keystores: [truststore] }, "truststore-enable"],
        [{ files }, "ca-der-file"]
      ] as const) {
        yield* check({ wanted })
        const error = yield* Effect.flip(check({ wanted, ca: "\n" }))
        expect(error).toMatchObject({
          reason: "Mismatch",
          detail: `status.ca is empty, and ${attribute} asks for the CA`
        })
      }
      yield* check({ wanted: { keystores: [{ ...truststore, truststore: Option.none() }] }, ca: "" })
      const trustBundle = Option.some({ kind: "ClusterTrustBundle", name: "corp" } as const)
      yield* check({ wanted: { keystores: [truststore], files, trustBundle }, ca: "" })
    })
  )

  it.effect("compares DNS names without regard to letter case", () =>
    Effect.gen(function* () {
      const { check } = yield* issued({ dnsNames: ["Web.SHOP.example"] })
      yield* check({ wanted: { dnsNames: ["wEB.shop.Example"] } })
      const { check: path } = yield* issued({ uris: ["urn:a:B"] })
      expect((yield* Effect.flip(path({ wanted: { uris: ["urn:a:b"] } }))).detail).toContain("urn:a:b")
    })
  )

  it.effect("compares addresses, not their spellings", () =>
    Effect.gen(function* () {
      const { check } = yield* issued({ ipAddresses: ["2001:db8::1"] })
      for (const address of ["2001:DB8::1", "2001:0db8:0:0:0:0:0:0001", "2001:db8:0::0.0.0.1"]) {
        yield* check({ wanted: { ipAddresses: [address] } })
      }
      expect((yield* Effect.flip(check({ wanted: { ipAddresses: ["2001:db8::2"] } }))).detail).toContain("2001:db8::2")
    })
  )

  it.effect("for another key is a Mismatch", () =>
    Effect.gen(function* () {
      const { check, issuer, key } = yield* issued({})
      const { certificate } = yield* issuer.sign(yield* orderFor(spec(), key, { wrongKey: true }))
      const error = yield* Effect.flip(check({ certificate }))
      expect(error).toBeInstanceOf(IssuanceError)
      expect([error.reason, error.request, error.temper]).toEqual(["Mismatch", "shop/r", "transient"])
      expect(error.detail).toBe("the certificate is for another key than the one that asked")
    })
  )

  it.effect("with the CA in the leaf's place is for another key", () =>
    Effect.gen(function* () {
      const { check, signed } = yield* issued({})
      const { detail } = yield* Effect.flip(check({ certificate: `${signed.ca}\n${signed.certificate}` }))
      expect(detail).toContain("for another key")
    })
  )

  it.effect.each<[string, Partial<VolumeSpec>, string]>([
    ["DNS names", { dnsNames: ["web.shop.example", "x.example", "y.example"] }, "x.example, y.example"],
    ["an address", { ipAddresses: ["10.0.0.9"] }, "10.0.0.9"],
    ["a mailbox", { emails: ["web@shop.example"] }, "web@shop.example"],
    ["a URI", { uris: ["urn:missing"] }, "urn:missing"],
    ["the common name", { subject: commonName("Web") }, "Web"],
    ["one of two common names", { subject: commonName("web", "other") }, "other"],
    ["names of several kinds", { uris: ["urn:x"], ipAddresses: ["::9"], subject: commonName("c") }, "::9, urn:x, c"],
    ["a DNS name that is an address", { dnsNames: ["10.0.0.1"] }, "10.0.0.1"]
  ])("that lacks %s is a Mismatch", ([, wanted, missing]) =>
    Effect.gen(function* () {
      const { check } = yield* issued({ subject: commonName("web"), ipAddresses: ["10.0.0.1"] })
      const { detail } = yield* Effect.flip(check({ wanted }))
      expect(detail).toBe(`the certificate lacks what was asked for: ${missing}`)
    })
  )

  it.effect("without any names or subject is a Mismatch", () =>
    Effect.gen(function* () {
      const { check } = yield* issued({ dnsNames: [] })
      const { detail } = yield* Effect.flip(check({ wanted: { subject: commonName("a") } }))
      expect(detail).toBe("the certificate lacks what was asked for: web.shop.example, a")
    })
  )

  it.effect.each<[string, string, string | undefined]>([
    // Asked for, granted, what is wrong with it.
    ["dns a.example", "dns A.example", undefined],
    ["dns a.example", "dns a.example, not ip 10.0.0.0/8, ip fd00::/8", undefined],
    ["ip 2001:db8::/32", "ip 2001:DB8:0::/32", undefined],
    ["dns a.example", "", 'it lacks the constraint "permitted a.example"'],
    ["dns a.example", "not dns a.example", 'it lacks the constraint "permitted a.example"'],
    ["dns a.example, not url b.example", "dns a.example", 'it lacks the constraint "excluded b.example"'],
    ["ip 10.65.0.0/16", "ip 10.97.0.0/16", 'it lacks the constraint "permitted 10.65.0.0/16"'],
    ["ip 10.65.0.0/16", "ip 10.64.0.0/15", 'it lacks the constraint "permitted 10.65.0.0/16"'],
    ["email a@b.example", "email A@b.example", 'it lacks the constraint "permitted a@b.example"'],
    ["dns a.example", "dns a.example, dns b.example", "it permits more names than were asked for"]
  ])("for a CA that was asked for with %s and is held to %j: %s", ([wanted, granted, wrong]) =>
    Effect.gen(function* () {
      const { check } = yield* issued({ isCA: true, nameConstraints: constraints(granted) })
      const outcome = yield* Effect.result(check({ wanted: { isCA: true, nameConstraints: constraints(wanted) } }))
      expect(Result.isFailure(outcome) ? outcome.failure.detail : undefined).toBe(
        wrong === undefined ? undefined : `the certificate would sign for names that it must not: ${wrong}`
      )
    })
  )

  it.effect("that has expired is a Mismatch, from its last second on", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(DateTime.toEpochMillis(begin))
      const { check } = yield* issued({})
      yield* TestClock.adjust("3599999 millis")
      yield* check()
      yield* TestClock.adjust("1 millis")
      const { detail } = yield* Effect.flip(check())
      expect(detail).toBe("the certificate ran out at 2026-01-01T01:00:00.000Z")
    })
  )

  it.effect("that holds no certificate, or something else, is a Mismatch", () =>
    Effect.gen(function* () {
      const { check, signed } = yield* issued({})
      const none = "holds something that is no certificate"
      const damaged = (number: number) => `has a PEM block that is damaged (number ${number})`
      const block = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
      const garbage = [
        ["hello", none],
        [block("CERTIFICATE", "AAAA"), none],
        [block("CERTIFICATE", "!!!!"), damaged(1)],
        [block("PRIVATE KEY", "AAAA"), none],
        [signed.certificate.slice(0, -40), damaged(1)],
        [signed.certificate.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE"), none],
        [`${signed.certificate}\n${block("CERTIFICATE", "AAAA")}`, none],
        [`${signed.certificate}\n-----BEGIN CERTIFICATE-----\n`, damaged(2)]
      ] as const
      for (const [text, detail] of garbage) {
        expect((yield* Effect.flip(check({ certificate: text }))).detail).toBe(`status.certificate ${detail}`)
        expect((yield* Effect.flip(check({ ca: text }))).detail).toBe(`status.ca ${detail}`)
      }
      expect((yield* Effect.flip(check({ certificate: signed.certificate.repeat(21) }))).detail).toBe(
        "status.certificate has more than 20 PEM blocks"
      )
      expect((yield* Effect.flip(check({ ca: " ".repeat(600_000) }))).detail).toBe(
        "status.ca has 600,000 characters; at most 524,288 are read"
      )
      for (const certificate of ["", " \n"]) {
        expect((yield* Effect.flip(check({ certificate }))).detail).toBe("status.certificate holds no certificate")
      }
    })
  )
})

describe("for every text", () => {
  it("an answer is judged without a defect", () => {
    const block = fc
      .tuple(fc.constantFrom("CERTIFICATE", "X", ""), fc.oneof(fc.base64String(), fc.string()))
      .map(([label, body]) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`)
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.oneof(block, fc.string())).map((parts) => parts.join(""))
    )
    fc.assert(
      fc.property(text, text, (certificate, ca) => {
        const answer = {
          request: "shop/r",
          signed: { certificate, ca },
          spec: spec(),
          spki: new Uint8Array(),
          now: begin
        }
        expect(Effect.runSync(Effect.flip(checkSigned(answer))).reason).toBe("Mismatch")
      })
    )
  })

  it("every subset of the names that were certified fits, and every further name does not", async () => {
    const label = fc.stringMatching(/^[a-zA-Z][a-z0-9]{0,8}$/)
    // Specs hold addresses in the form of RFC 5952, as the rule of the attribute makes them.
    const ipV6 = fc.ipV6().map((text) => Result.getOrElse(ipAddresses(text), () => []).join())
    const names = fc.record({
      dnsNames: fc.array(label, { maxLength: 4 }),
      ipAddresses: fc.array(fc.oneof(fc.ipV4(), ipV6), { maxLength: 4 }),
      uris: fc.array(
        label.map((text) => `urn:a:${text}`),
        { maxLength: 4 }
      )
    })
    await fc.assert(
      fc.asyncProperty(names, fc.nat(4), (names, kept) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const { check } = yield* issued(names)
            const part = <A>(list: ReadonlyArray<A>) => list.slice(0, kept).toReversed()
            const fewer = {
              dnsNames: part(names.dnsNames),
              ipAddresses: part(names.ipAddresses),
              uris: part(names.uris)
            }
            yield* check({ wanted: fewer })
            const more = { ...names, dnsNames: [...names.dnsNames, "not-there"] }
            const { detail } = yield* Effect.flip(check({ wanted: more }))
            expect(detail).toBe("the certificate lacks what was asked for: not-there")
          }).pipe(Effect.provide(SimKeyGenerator.layer))
        )
      ),
      { numRuns: 40 }
    )
  })
})

describe("damage", () => {
  it.effect("of any byte in a certificate is a mismatch or harmless, never a defect", () =>
    Effect.gen(function* () {
      const { check, signed } = yield* issued({ dnsNames: ["a"] })
      yield* check()
      for (const ca of ["hello", signed.ca.slice(0, 200), signed.ca.replaceAll("CERTIFICATE", "PRIVATE KEY")]) {
        expect((yield* Effect.flip(check({ ca }))).reason).toBe("Mismatch")
      }
      const good = Buffer.from(signed.certificate.replaceAll(/-----.*-----|\s/g, ""), "base64")
      for (let at = 0; at < good.byteLength; at++) {
        const bytes = Buffer.from(good)
        bytes[at] = (bytes[at] ?? 0) ^ 0xff
        yield* Effect.result(check({ certificate: writePem("CERTIFICATE", bytes) }))
      }
    }).pipe(Effect.provide(SimKeyGenerator.layer))
  )
})
