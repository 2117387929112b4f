import { Duration, Option } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type CertificateRequest, requestState } from "../../src/issuance/CertificateRequest.ts"
import { fnv1, hashIdentifier, requestLabels, requestSelector } from "../../src/issuance/RequestLabels.ts"
import { requestManifest } from "../../src/issuance/RequestManifest.ts"
import { retryAfterMillis } from "../../src/kube/ApiError.ts"
import { spec } from "../kit/LiveClient.ts"

/** FNV-1 as its authors define it, over bytes and unbounded integers. */
const fnv1ByDefinition = (text: string): bigint =>
  new TextEncoder().encode(text).reduce((hash, byte) => ((hash * 16777619n) % 4294967296n) ^ BigInt(byte), 2166136261n)

describe("labels of a request", () => {
  it("hash with FNV-1, and not with FNV-1a", () => {
    expect(fnv1("")).toBe(0x811c9dc5)
    expect(fnv1("a")).toBe(0x050c5d7e)
    expect(fnv1("foobar")).toBe(0x31f0b262)
  })

  it("write the hash in Kubernetes' alphabet, digit by digit", () => {
    // 2166136261, and each digit's code modulo 27 is its place in the alphabet.
    expect(hashIdentifier("")).toBe(
      [..."2166136261"].map((digit) => "bcdfghjklmnpqrstvwxz2456789"[digit.charCodeAt(0) % 27]).join("")
    )
    expect(hashIdentifier("node")).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
  })

  it("agree with the definition for every text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(BigInt(fnv1(text))).toBe(fnv1ByDefinition(text))
        expect(hashIdentifier(text)).toMatch(/^[a-z0-9]{1,10}$/)
      })
    )
  })

  it("are what the selectors select", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (node, volume) => {
        const labels = Object.entries(requestLabels(node, volume)).map(([key, value]) => `${key}=${value}`)
        expect(requestSelector(node, volume)).toBe(labels.join(","))
        expect(requestSelector(node)).toBe(labels[0])
      })
    )
  })
})

describe("the manifest of a request", () => {
  const draft = { name: "n", volumeId: "v", signingRequest: "-----BEGIN", token: Option.none(), resubmitted: false }

  it("is owned by the pod, without blockOwnerDeletion", () => {
    const { metadata } = requestManifest("node", { ...draft, spec: spec() })
    expect(metadata.ownerReferences).toEqual([
      { apiVersion: "v1", kind: "Pod", name: "web", uid: "11111111-2222-4333-8444-555555555555" }
    ])
  })

  it("carries the pod's annotations, which cannot claim another volume", () => {
    const annotations = { "example.com/team": "blue", "csi.cert-manager.io/volume-id": "another" }
    const { metadata } = requestManifest("node", { ...draft, spec: spec({ annotations }) })
    expect(metadata.annotations).toEqual({ "example.com/team": "blue", "csi.cert-manager.io/volume-id": "v" })
  })

  it("writes durations as Go reads them", () => {
    const { spec: written } = requestManifest("node", { ...draft, spec: spec({ duration: Duration.hours(2160) }) })
    expect(written.duration).toBe("2160h0m0s")
  })
})

describe("Retry-After", () => {
  it("is seconds or a date", () => {
    expect(retryAfterMillis("7", 0)).toEqual(Option.some(7000))
    expect(retryAfterMillis("Thu, 01 Jan 1970 00:01:00 GMT", 10_000)).toEqual(Option.some(50_000))
    expect(retryAfterMillis("Thu, 01 Jan 1970 00:00:01 GMT", 10_000)).toEqual(Option.some(0))
    expect(retryAfterMillis("soon", 0)).toEqual(Option.none())
    expect(retryAfterMillis(undefined, 0)).toEqual(Option.none())
  })

  it.each(["1000000000", "9".repeat(400), "3600", "Fri, 01 Jan 2058 00:00:00 GMT"])("is a minute at most: %s", (text) =>
    expect(retryAfterMillis(text, 0)).toEqual(Option.some(60_000))
  )
})

const statuses = fc.constantFrom("True", "False", "Unknown")
const condition = fc.record(
  {
    type: fc.constantFrom("Ready", "Approved", "Denied", "InvalidRequest", "Other"),
    status: statuses,
    reason: fc.constantFrom("Issued", "Failed", "Pending", "Denied", "policy.cert-manager.io"),
    message: fc.string()
  },
  { requiredKeys: ["type", "status"] }
)

const request = (
  conditions: ReadonlyArray<{ type: string; status: string }>,
  certificate?: string
): CertificateRequest => ({
  metadata: { name: "n", namespace: "ns", uid: "u", resourceVersion: "1" },
  status: { conditions, ...(certificate === undefined ? {} : { certificate }) }
})

describe("the state of a request", () => {
  const cases = fc.array(condition, { maxLength: 5 })
  const has = (all: ReadonlyArray<{ type: string; status: string }>, type: string) =>
    all.some((condition) => condition.type === type && condition.status === "True")

  it("is Ready only with a certificate, and never against a denial", () => {
    fc.assert(
      fc.property(cases, fc.option(fc.string({ minLength: 1 }), { nil: undefined }), (conditions, text) => {
        const certificate = text === undefined ? undefined : Buffer.from(text).toString("base64")
        const state = requestState(request(conditions, certificate))
        if (state._tag === "Ready") {
          expect(certificate).toBeDefined()
          expect(has(conditions, "Ready")).toBe(true)
          expect(has(conditions, "Denied") || has(conditions, "InvalidRequest")).toBe(false)
          expect(Buffer.from(state.signed.certificate, "latin1").toString()).toBe(text)
        }
        if (has(conditions, "Denied")) expect(state._tag).toBe("Denied")
        if (state._tag === "AwaitingApproval") expect(has(conditions, "Approved")).toBe(false)
      })
    )
  })

  it("waits for approval where nothing is said", () => {
    expect(requestState(request([]))._tag).toBe("AwaitingApproval")
  })
})
