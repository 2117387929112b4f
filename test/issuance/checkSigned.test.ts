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

const upn = (value: string) => ({ oid: "1.3.6.1.4.1.311.20.2.3", value })

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
    change: {
      readonly wanted?: Partial<VolumeSpec>
      readonly certificate?: string
      readonly ca?: string
      readonly requireAllNames?: boolean
      readonly caHeld?: string
    } = {}
  ) {
    return yield* checkSigned({
      request: "shop/r",
      signed: { certificate: change.certificate ?? signed.certificate, ca: change.ca ?? signed.ca },
      spec: spec(change.wanted ?? asked),
      spki: key.spki,
      now: yield* DateTime.now,
      requireAllNames: change.requireAllNames ?? false,
      caHeld: Option.fromUndefinedOr(change.caHeld)
    })
  })
  const lacks = (wanted: Partial<VolumeSpec>) =>
    Effect.map(check({ wanted }), ({ lacks }) => lacks.map(({ kind, what }) => `${kind}: ${what}`))
  return { issuer, key, signed, check, lacks }
})

/** Name constraints in a shorthand: "dns a.example, not ip 10.0.0.0/8". */
const constraints = (text: string): ReadonlyArray<NameConstraint> =>
  [...text.matchAll(/(not )?(dns|ip|email|url) ([^,]+)/g)].map(([, not, type, value = ""]) => ({
    side: not === undefined ? "permitted" : "excluded",
    type: type === "dns" || type === "ip" || type === "email" ? type : "url",
    value
  }))

const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ""), "base64")

const begin = DateTime.makeUnsafe("2026-01-01T00:00:00Z")

layer(SimKeyGenerator.layer)("an answer", (it) => {
  it.effect("that fits gives the facts of the leaf", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(DateTime.toEpochMillis(begin))
      const names = { ipAddresses: ["10.0.0.1"], uris: ["urn:a"], emails: ["web@shop.example"], otherNames: [upn("w")] }
      const { check, signed } = yield* issued({ subject: commonName("web"), ...names })
      expect(yield* check()).toEqual({
        ca: signed.ca,
        serialNumber: "02",
        notBefore: begin,
        notAfter: DateTime.addDuration(begin, Duration.hours(1)),
        lacks: []
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
        isTruststoreOpen: false,
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
          objection: "ca",
          detail: `status.ca is empty, and ${attribute} asks for the CA`
        })
      }
      yield* check({ wanted: { keystores: [{ ...truststore, truststore: Option.none() }] }, ca: "" })
      const trustBundle = Option.some({ kind: "ClusterTrustBundle", name: "corp" } as const)
      yield* check({ wanted: { keystores: [truststore], files, trustBundle }, ca: "" })
    })
  )

  it.effect("compares domains and hosts without regard to letter case, and everything else as it is written", () =>
    Effect.gen(function* () {
      const uris = ["HTTPS://User@Host.Example:443/Path?Q#F", "spiffe://Shop.example/A", "URN:a:B"]
      const { lacks } = yield* issued({ dnsNames: ["Web.SHOP.example"], uris, emails: ["Me@Shop.Example"] })
      const same = {
        dnsNames: ["wEB.shop.Example"],
        uris: ["https://User@hOST.example:443/Path?Q#F", "SPIFFE://shop.EXAMPLE/A", "urn:a:B"],
        emails: ["Me@sHOP.example"]
      }
      expect(yield* lacks(same)).toEqual([])
      const other = {
        dnsNames: [],
        uris: ["https://user@host.example:443/Path?Q#F", "https://User@host.example:443/path?Q#F", "urn:a:b"],
        emails: ["me@shop.example"]
      }
      expect(yield* lacks(other)).toEqual([
        ...other.uris.map((uri) => `name: URI ${uri}`),
        "name: email address me@shop.example"
      ])
    })
  )

  it.effect("compares addresses, not their spellings", () =>
    Effect.gen(function* () {
      const { lacks } = yield* issued({ ipAddresses: ["2001:db8::1"] })
      for (const address of ["2001:DB8::1", "2001:0db8:0:0:0:0:0:0001", "2001:db8:0::0.0.0.1"]) {
        expect(yield* lacks({ ipAddresses: [address] })).toEqual([])
      }
      expect(yield* lacks({ ipAddresses: ["2001:db8::2"] })).toEqual(["name: IP address 2001:db8::2"])
    })
  )

  it.effect("for another key is a Mismatch", () =>
    Effect.gen(function* () {
      const { check, issuer, key } = yield* issued({})
      const { certificate } = yield* issuer.sign(yield* orderFor(spec(), key, { wrongKey: true }))
      const error = yield* Effect.flip(check({ certificate }))
      expect(error).toBeInstanceOf(IssuanceError)
      expect([error.reason, error.request, error.temper]).toEqual(["Mismatch", "shop/r", "transient"])
      expect(error.detail).toBe("the certificate is for another key than the one that was requested")
    })
  )

  it.effect("with the CA in the leaf's place is for another key", () =>
    Effect.gen(function* () {
      const { check, signed } = yield* issued({})
      const { detail } = yield* Effect.flip(check({ certificate: `${signed.ca}\n${signed.certificate}` }))
      expect(detail).toContain("for another key")
    })
  )

  it.effect.each<[string, Partial<VolumeSpec>, ReadonlyArray<string>]>([
    [
      "DNS names",
      { dnsNames: ["web.shop.example", "x.example", "y.example"] },
      ["name: DNS name x.example", "name: DNS name y.example"]
    ],
    ["an address", { ipAddresses: ["10.0.0.9"] }, ["name: IP address 10.0.0.9"]],
    ["a mailbox", { emails: ["web@shop.example"] }, ["name: email address web@shop.example"]],
    [
      "names of other kinds",
      { otherNames: [upn("web@corp.example"), upn("Web@corp.example"), { oid: "1.2.3", value: "web@corp.example" }] },
      ["name: other name upn=Web@corp.example", "name: other name 1.2.3=web@corp.example"]
    ],
    ["a URI", { uris: ["urn:missing"] }, ["name: URI urn:missing"]],
    ["the common name", { subject: commonName("other") }, ['name: common name "other" (it has "web")']],
    ["the common name's case", { subject: commonName("Web") }, ['spelling: common name "Web" (it has "web")']],
    ["one of two common names", { subject: commonName("web", "a") }, ['name: common name "a" (it has "web")']],
    ["a DNS name that is an address", { dnsNames: ["10.0.0.1"] }, ["name: DNS name 10.0.0.1"]],
    [
      "an organization",
      { subject: [[{ type: attributeTypes.O, value: "Shop" }], ...commonName("web")] },
      ['subject: O "Shop" in its subject']
    ],
    [
      "usages",
      { usages: ["digital signature", "data encipherment", "server auth"] },
      ['usage: usage "data encipherment"']
    ],
    ["the flag of a CA", { isCA: true }, ["usage: the right to sign as a CA"]],
    ["time", { duration: Duration.hours(24) }, ["duration: a lifetime of 1d (it has 1h)"]]
  ])("that lacks %s is used, and it is told", ([, wanted, missing]) =>
    Effect.gen(function* () {
      const { lacks } = yield* issued({
        subject: commonName("web"),
        ipAddresses: ["10.0.0.1"],
        otherNames: [upn("web@corp.example")]
      })
      expect(yield* lacks(wanted)).toEqual(missing)
    })
  )

  it.effect("that may serve one purpose lacks another one, unless it may serve any", () =>
    Effect.gen(function* () {
      const wanted: Partial<VolumeSpec> = { usages: ["digital signature", "client auth"] }
      const { lacks } = yield* issued({ usages: ["digital signature", "server auth"] })
      expect(yield* lacks(wanted)).toEqual(['usage: usage "client auth"'])
      const { lacks: ofAny } = yield* issued({ usages: ["digital signature", "any"] })
      expect(yield* ofAny(wanted)).toEqual([])
    })
  )

  it.effect("lacks no key encipherment where the key cannot encipher", () =>
    Effect.gen(function* () {
      const { lacks } = yield* issued({ usages: ["digital signature"] })
      const usages = ["digital signature", "key encipherment"] as const
      expect(yield* lacks({ usages })).toEqual([])
      expect(yield* lacks({ usages, key: { algorithm: "RSA", size: 2048 } })).toEqual([
        'usage: usage "key encipherment"'
      ])
    })
  )

  it.effect(
    "that lacks a name is a Mismatch where all names are required, and one that lacks something else is not",
    () =>
      Effect.gen(function* () {
        const { check } = yield* issued({ subject: commonName("web") })
        const names = { dnsNames: ["web.shop.example", "x.example"], subject: commonName("web", "other") }
        const error = yield* Effect.flip(check({ wanted: names, requireAllNames: true }))
        expect(error).toMatchObject({
          reason: "Mismatch",
          objection: "names",
          detail:
            'the certificate lacks names that were requested: DNS name x.example, common name "other" (it has "web")'
        })
        const rest: Partial<VolumeSpec> = { subject: commonName("WEB"), duration: Duration.days(2), usages: ["any"] }
        expect((yield* check({ wanted: rest, requireAllNames: true })).lacks.length).toBe(2)
      })
  )

  it.effect("without any names or subject lacks them all", () =>
    Effect.gen(function* () {
      const { lacks } = yield* issued({ dnsNames: [] })
      expect(yield* lacks({ subject: commonName("a") })).toEqual([
        "name: DNS name web.shop.example",
        'name: common name "a"'
      ])
    })
  )

  it.effect("must have been signed by a certificate beside it, if there is any", () =>
    Effect.gen(function* () {
      const { check, issuer, signed } = yield* issued({})
      const other = yield* issued({})
      yield* issuer.rotate
      const rotated = yield* issuer.sign(yield* orderFor(spec(), other.key))
      // Another authority of the same name, and a certificate that is no authority at all.
      for (const stranger of [rotated.ca, other.signed.certificate]) {
        for (const answer of [{ ca: stranger }, { ca: "", certificate: signed.certificate + stranger }]) {
          const error = yield* Effect.flip(check(answer))
          expect(error).toMatchObject({ reason: "Mismatch", objection: "chain" })
          expect(error.detail).toBe(
            'the chain is broken: "CN=Simulated CA" issued the certificate, and no certificate beside it signed it'
          )
        }
      }
      yield* check({ ca: `${rotated.ca}${signed.ca}` })
      yield* check({ ca: "" })
    })
  )

  it.effect("whose chain does not lead to the issuer's CA is used, and it is told", () =>
    Effect.gen(function* () {
      const { check, issuer, key, signed } = yield* issued({})
      yield* issuer.rotate
      const { ca } = yield* issuer.sign(yield* orderFor(spec(), key))
      const certificate = signed.certificate + signed.ca
      expect((yield* check({ certificate, ca })).lacks).toEqual([
        { kind: "chain", what: "a chain that leads up to the CA in status.ca" }
      ])
      const trustBundle = Option.some({ kind: "ClusterTrustBundle", name: "corp" } as const)
      expect((yield* check({ certificate, ca, wanted: { trustBundle } })).lacks).toEqual([])
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

  it.effect("whose CA cannot be read leaves a volume the CA that it has, and is refused where it has none", () =>
    Effect.gen(function* () {
      const { check, signed } = yield* issued({})
      const ca = `${signed.ca}${writePem("CERTIFICATE", Buffer.from("no certificate"))}`
      const fault = "status.ca has a PEM block that is no certificate (number 2)"
      expect(yield* Effect.flip(check({ ca }))).toMatchObject({ objection: "unreadable", detail: fault })
      const { ca: kept, lacks } = yield* check({ ca, caHeld: "the CA of before" })
      expect(kept).toBe("the CA of before")
      expect(lacks).toEqual([{ kind: "chain", what: `a CA that can be read: ${fault}; the last one stays` }])
      const trustBundle = Option.some({ kind: "ClusterTrustBundle", name: "corp" } as const)
      expect((yield* check({ ca, wanted: { trustBundle } })).lacks).toEqual([])
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
      expect(detail).toBe("the certificate expired at 2026-01-01T01:00:00.000Z")
    })
  )

  it.effect("that holds no certificate, or something else, is a Mismatch", () =>
    Effect.gen(function* () {
      const { check, signed } = yield* issued({})
      const none = "holds no certificate"
      const strange = (number: number) => `has a PEM block that is no certificate (number ${number})`
      const damaged = (number: number) => `has a PEM block that is damaged (number ${number})`
      const block = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
      const garbage = [
        ["hello", none],
        [block("CERTIFICATE", "AAAA"), strange(1)],
        [block("CERTIFICATE", "!!!!"), damaged(1)],
        [block("PRIVATE KEY", "AAAA"), strange(1)],
        [signed.certificate.slice(0, -40), damaged(1)],
        [signed.certificate.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE"), strange(1)],
        [`${signed.certificate}\n${block("CERTIFICATE", "AAAA")}`, strange(2)],
        [writePem("CERTIFICATE", Buffer.concat([derOf(signed.certificate), Buffer.from([0])])), strange(1)],
        [writePem("CERTIFICATE", Buffer.from(signed.certificate)), strange(1)],
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
          now: begin,
          requireAllNames: false,
          caHeld: Option.none()
        }
        expect(Effect.runSync(Effect.flip(checkSigned(answer))).reason).toBe("Mismatch")
      })
    )
  })

  it("every subset of the names that were certified fits, and every further name is missing", async () => {
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
            expect((yield* check({ wanted: fewer })).lacks).toEqual([])
            const more = { ...names, dnsNames: [...names.dnsNames, "not-there"] }
            expect((yield* check({ wanted: more })).lacks).toEqual([{ kind: "name", what: "DNS name not-there" }])
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
      const good = derOf(signed.certificate)
      for (let at = 0; at < good.byteLength; at++) {
        const bytes = Buffer.from(good)
        bytes[at] = (bytes[at] ?? 0) ^ 0xff
        yield* Effect.result(check({ certificate: writePem("CERTIFICATE", bytes) }))
      }
    }).pipe(Effect.provide(SimKeyGenerator.layer))
  )
})
