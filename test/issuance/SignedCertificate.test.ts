import "reflect-metadata"
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Random } from "effect"
import * as fc from "fast-check"
import { KeyGenerator } from "../../src/issuance/KeyGenerator.ts"
import { type Answer, checkSigned } from "../../src/issuance/SignedCertificate.ts"
import { signingRequest } from "../../src/issuance/SigningRequest.ts"
import { makeSimIssuer } from "../../src/testing/SimIssuer.ts"
import * as SimKeyGenerator from "../../src/testing/SimKeyGenerator.ts"
import { decodeVolumeSpec } from "../../src/VolumeSpec.ts"
import { publishRequest } from "../driver/World.ts"

const asked = {
  "csi.cert-manager.io/common-name": "web",
  "csi.cert-manager.io/dns-names": "Web.apps.svc,b.example",
  "csi.cert-manager.io/ip-sans": "fe80:0:0::1,10.0.0.1",
  "csi.cert-manager.io/uri-sans": "spiffe://x/y"
}

/** A request of ours and its good answer, an hour valid. */
const makeAnswer = Effect.gen(function* () {
  const spec = yield* decodeVolumeSpec(publishRequest("web", asked).attributes)
  const keys = yield* KeyGenerator
  const key = yield* keys.generate(spec.key)
  const issuer = yield* makeSimIssuer
  const signed = yield* issuer.sign(yield* signingRequest(spec, key), Duration.hours(1))
  const now = yield* DateTime.now
  const answer: Answer = { request: "apps/r", signed, spec, spki: key.spki, now }
  return { answer, keys, spec }
})

const story = <A, E>(program: Effect.Effect<A, E, KeyGenerator>) =>
  program.pipe(Effect.provide(SimKeyGenerator.layer), Random.withSeed("answers"))

describe("an answer", () => {
  it.effect("that fits is taken, with the leaf's facts, however names are spelt", () =>
    story(
      Effect.gen(function* () {
        const { answer } = yield* makeAnswer
        const leaf = yield* checkSigned(answer)
        expect(leaf.serialNumber).toMatch(/^[0-9a-f]+$/)
        expect(Duration.toMinutes(DateTime.distance(leaf.notBefore, leaf.notAfter))).toBe(60)
        const spec = { ...answer.spec, dnsNames: ["WEB.apps.svc"], ipAddresses: ["FE80::1"] }
        yield* checkSigned({ ...answer, spec })
      })
    )
  )

  it.effect.each([
    ["another key", "another key"],
    ["a name", "lacks what was asked for: c.example"],
    ["a common name", "lacks what was asked for: other"],
    ["time", "ran out"],
    ["a chain", "holds no certificate"],
    ["PEM", "status.certificate"],
    ["a CA", "status.ca"]
  ] as const)("that lacks %s is a mismatch", ([lack, detail]) =>
    story(
      Effect.gen(function* () {
        const { answer, keys, spec } = yield* makeAnswer
        const stranger = yield* keys.generate(spec.key)
        const damaged: Readonly<Record<typeof lack, Partial<Answer>>> = {
          "another key": { spki: stranger.spki },
          "a name": { spec: { ...spec, dnsNames: [...spec.dnsNames, "c.example"] } },
          "a common name": { spec: { ...spec, subject: [[{ type: "2.5.4.3", value: "other" }]] } },
          time: { now: DateTime.addDuration(answer.now, Duration.hours(2)) },
          "a chain": { signed: { ...answer.signed, certificate: "" } },
          PEM: { signed: { ...answer.signed, certificate: "certainly no certificate" } },
          "a CA": { signed: { ...answer.signed, ca: answer.signed.ca.slice(0, 200) } }
        }
        const error = yield* Effect.flip(checkSigned({ ...answer, ...damaged[lack] }))
        expect(error).toMatchObject({ reason: "Mismatch", request: "apps/r" })
        expect(error.detail).toContain(detail)
      })
    )
  )

  it.effect("without a CA is fine", () =>
    story(
      Effect.gen(function* () {
        const { answer } = yield* makeAnswer
        yield* checkSigned({ ...answer, signed: { ...answer.signed, ca: "" } })
      })
    )
  )

  it("damaged anywhere is refused or read, and never a defect", async () => {
    const { answer } = await Effect.runPromise(story(makeAnswer))
    const { certificate } = answer.signed
    await fc.assert(
      fc.asyncProperty(fc.nat(certificate.length - 1), fc.string({ maxLength: 3 }), async (at, text) => {
        const damaged = certificate.slice(0, at) + text + certificate.slice(at + text.length)
        const checked = checkSigned({ ...answer, signed: { certificate: damaged, ca: "" } })
        const result = await Effect.runPromise(Effect.result(checked))
        if (result._tag === "Failure") expect(result.failure.reason).toBe("Mismatch")
      }),
      { numRuns: 300 }
    )
  })
})
