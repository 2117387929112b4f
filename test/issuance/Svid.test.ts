import "reflect-metadata"
import { it } from "@effect/vitest"
import { AsnConvert } from "@peculiar/asn1-schema"
import { Certificate } from "@peculiar/asn1-x509"
import * as x509 from "@peculiar/x509"
import { Effect, Option } from "effect"
import { describe, expect } from "vitest"
import { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { issue } from "../../src/issuance/issue.ts"
import * as NodeKeyGenerator from "../../src/issuance/NodeKeyGenerator.ts"
import { notAnSvid } from "../../src/issuance/Svid.ts"
import { svidUsages } from "../../src/spec/Spiffe.ts"
import { liveClient, spec } from "../kit/LiveClient.ts"
import { svidOf, verifySvid } from "./svidVerifier.ts"

const id = "spiffe://shop.example/ns/shop/sa/web"

const profile = spec({ dnsNames: ["web.shop.example"], uris: [id], spiffe: true, usages: svidUsages })

const { cRLSign, digitalSignature, keyCertSign, keyEncipherment } = x509.KeyUsageFlags
const [server, client, code] = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.3"]

interface Leaf {
  readonly uris: ReadonlyArray<string>
  readonly usages: number
  readonly critical: boolean
  readonly purposes: ReadonlyArray<string>
  readonly ca: boolean
}

const sound: Leaf = { uris: [id], usages: digitalSignature, critical: true, purposes: [server, client], ca: false }

const certificate = (change: Partial<Leaf>) =>
  Effect.promise(async () => {
    const { ca, critical, purposes, uris, usages } = { ...sound, ...change }
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
    const extensions = [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      ...(usages === 0 ? [] : [new x509.KeyUsagesExtension(usages, critical)]),
      ...(purposes.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...purposes])]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "a.example" },
        ...uris.map((value) => ({ type: "url" as const, value }))
      ])
    ]
    return x509.X509CertificateGenerator.createSelfSigned(
      { name: "CN=a", keys, signingAlgorithm: algorithm, extensions },
      crypto
    )
  })

/** What certlet says of a leaf. */
const saidOf = (leaf: x509.X509Certificate, uris: ReadonlyArray<string>) =>
  notAnSvid(AsnConvert.parse(leaf.rawData, Certificate), uris)

describe("an X.509-SVID", () => {
  it.live(
    "is what a volume with the profile gets, for whoever verifies by the standard",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        const order = {
          volumeId: "v",
          spec: profile,
          token: Option.none(),
          pending: Option.none(),
          reuse: Option.none(),
          requireAllNames: false,
          caHeld: Option.none(),
          remember: () => Effect.void
        }
        const { signed } = yield* issue(order).pipe(
          Effect.provideService(CertificateRequests, requests),
          Effect.provide(NodeKeyGenerator.layer)
        )
        expect(verifySvid(signed.certificate, cluster.issuer, new Date())).toBe(id)
        const stranger = (yield* certificate({})).toString("pem")
        expect(() => verifySvid(signed.certificate, stranger, new Date())).toThrow("X.509-SVID 5.1")
      }),
    20_000
  )

  it.live.each<[string, Partial<Leaf>]>([
    ["as it is", {}],
    ["without purposes", { purposes: [] }],
    ["with more usages and purposes", { usages: digitalSignature | keyEncipherment, purposes: [code, client, server] }]
  ])("is one %s", ([, change]) =>
    Effect.gen(function* () {
      const leaf = yield* certificate(change)
      expect([saidOf(leaf, [id]), svidOf(leaf.toString("pem"))]).toEqual([undefined, id])
    })
  )

  it.live("has the ID that was requested and not another workload's", () =>
    Effect.gen(function* () {
      const leaf = yield* certificate({})
      expect(saidOf(leaf, ["spiffe://shop.example/ns/shop/sa/other"])).toBe(
        `its URI is "${id}", and "spiffe://shop.example/ns/shop/sa/other" was requested`
      )
    })
  )

  it.live.each<[string, Partial<Leaf>]>([
    ["no URI", { uris: [] }],
    ["two URIs", { uris: [id, "https://a.example/"] }],
    ["another URI", { uris: ["https://shop.example/ns"] }],
    ["a trust domain alone", { uris: ["spiffe://shop.example"] }],
    ["a hostile path", { uris: ["spiffe://shop.example/a/../b"] }],
    ["a CA", { ca: true }],
    ["no key usage", { usages: 0 }],
    ["a key usage that may be overlooked", { critical: false }],
    ["no digital signature", { usages: keyEncipherment }],
    ["the signing of certificates", { usages: digitalSignature | keyCertSign }],
    ["the signing of revocations", { usages: digitalSignature | cRLSign }],
    ["one side of TLS alone", { purposes: [server] }],
    ["another purpose alone", { purposes: [code] }]
  ])("has not %s, by certlet's word and by the standard's", ([, change]) =>
    Effect.gen(function* () {
      const leaf = yield* certificate(change)
      expect(saidOf(leaf, [id])).toMatch(/^it/)
      expect(() => svidOf(leaf.toString("pem"))).toThrow(/SVID|SPIFFE/)
    })
  )
})
