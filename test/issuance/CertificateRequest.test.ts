import { describe, expect, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as fc from "fast-check"
import { CertificateRequest, requestState } from "../../src/issuance/CertificateRequest.ts"

type Status = NonNullable<CertificateRequest["status"]>
type Condition = NonNullable<Status["conditions"]>[number]

const request = (status?: Status): CertificateRequest => ({
  metadata: { name: "r", namespace: "shop", uid: "u", resourceVersion: "1" },
  ...(status === undefined ? {} : { status })
})
const condition = (type: string, status: string, reason?: string, message?: string): Condition => ({
  type,
  status,
  ...(reason === undefined ? {} : { reason }),
  ...(message === undefined ? {} : { message })
})
const stateOf = (...conditions: ReadonlyArray<Condition>) => requestState(request({ conditions }))

const approved = condition("Approved", "True", "cert-manager.io")
const ready = condition("Ready", "True", "Issued", "Certificate fetched")
const certificate = btoa("leaf\n")

describe("the state of a CertificateRequest", () => {
  it.each([request(), request({}), request({ conditions: [] }), request({ certificate: null, ca: null })])(
    "is AwaitingApproval where nothing is said: %j",
    (silent) => expect(requestState(silent)).toEqual({ _tag: "AwaitingApproval" })
  )

  it("is AwaitingSignature once approved, with the issuer's words", () => {
    expect(stateOf(approved)).toEqual({ _tag: "AwaitingSignature", message: "" })
    expect(stateOf(condition("Ready", "False", "Pending", "waiting for the vault"), approved)).toEqual({
      _tag: "AwaitingSignature",
      message: "waiting for the vault"
    })
  })

  it("is not approved by a word of another status", () => {
    expect(stateOf(condition("Approved", "False"))._tag).toBe("AwaitingApproval")
    expect(stateOf(condition("Approved", "Unknown"))._tag).toBe("AwaitingApproval")
  })

  it("is Ready with the texts of certificate and CA", () => {
    const conditions = [approved, ready]
    expect(requestState(request({ conditions, certificate, ca: btoa("root\n") }))).toEqual({
      _tag: "Ready",
      signed: { certificate: "leaf\n", ca: "root\n" }
    })
    for (const ca of [{}, { ca: null }, { ca: "" }]) {
      expect(requestState(request({ conditions, certificate, ...ca }))).toEqual({
        _tag: "Ready",
        signed: { certificate: "leaf\n", ca: "" }
      })
    }
  })

  it("is not Ready before the certificate is there", () => {
    expect(stateOf(approved, ready)).toEqual({ _tag: "AwaitingSignature", message: "Certificate fetched" })
    const early = request({ conditions: [approved, condition("Ready", "False", "Pending")], certificate })
    expect(requestState(early)._tag).toBe("AwaitingSignature")
  })

  it("holds nothing where the texts are not base64", () => {
    expect(requestState(request({ conditions: [ready], certificate: "!", ca: "?" }))).toEqual({
      _tag: "Ready",
      signed: { certificate: "", ca: "" }
    })
  })

  it.each<[string, Condition, string]>([
    ["Denied", condition("Denied", "True", "policy", "no"), "no"],
    ["InvalidRequest", condition("InvalidRequest", "True", "x", "usages differ"), "usages differ"],
    ["Failed", condition("Ready", "False", "Failed", "the CA is gone"), "the CA is gone"],
    ["Failed", condition("Ready", "False", "Denied", "an approver denied it"), "an approver denied it"],
    ["Denied", condition("Denied", "True"), ""],
    ["InvalidRequest", condition("InvalidRequest", "True"), ""],
    ["Failed", condition("Ready", "False", "Failed"), ""]
  ])("is %s by %o, approved or not", (_tag, end, message) => {
    expect(stateOf(end)).toEqual({ _tag, message })
    expect(stateOf(approved, end)).toEqual({ _tag, message })
  })

  it("prefers denial to invalidity, invalidity to failure, failure to approval", () => {
    const failed = condition("Ready", "False", "Failed")
    const invalid = condition("InvalidRequest", "True")
    const denied = condition("Denied", "True")
    expect(stateOf(approved, failed, invalid, denied)._tag).toBe("Denied")
    expect(stateOf(approved, failed, invalid)._tag).toBe("InvalidRequest")
    expect(stateOf(approved, failed)._tag).toBe("Failed")
  })

  it("for every list of conditions: one state, and the same for every order of different types", () => {
    const drawn = fc.record(
      {
        type: fc.constantFrom("Ready", "Approved", "Denied", "InvalidRequest", "Other"),
        status: fc.constantFrom("True", "False", "Unknown", ""),
        reason: fc.constantFrom("Issued", "Failed", "Pending", "Denied"),
        message: fc.string()
      },
      { requiredKeys: ["type", "status"] }
    )
    const conditions = fc.uniqueArray(drawn, { selector: ({ type }) => type })
    const text = fc.option(fc.oneof(fc.string(), fc.base64String()))
    fc.assert(
      fc.property(conditions, text, text, (conditions, certificate, ca) => {
        const state = requestState(request({ conditions, certificate, ca }))
        expect(["AwaitingApproval", "AwaitingSignature", "Ready", "Denied", "Failed", "InvalidRequest"]).toContain(
          state._tag
        )
        expect(requestState(request({ conditions: conditions.toReversed(), certificate, ca }))).toEqual(state)
      })
    )
  })

  it("for every list of conditions, repeats too: an answer", () => {
    const drawn = fc.record({ type: fc.string(), status: fc.string(), message: fc.string() })
    fc.assert(
      fc.property(fc.array(drawn), (conditions) => {
        expect(stateOf(...conditions)._tag).toMatch(/^[A-Z]/)
      })
    )
  })
})

describe("the schema of a CertificateRequest", () => {
  const decode = (value: unknown) => Schema.decodeUnknownResult(CertificateRequest)(value)
  const metadata = { name: "r", namespace: "shop", uid: "u", resourceVersion: "1" }

  it("keeps what is read and drops the rest", () => {
    const object = {
      apiVersion: "cert-manager.io/v1",
      kind: "CertificateRequest",
      metadata: {
        ...metadata,
        creationTimestamp: null,
        managedFields: [{}],
        ownerReferences: [{ uid: "p", kind: "Pod" }]
      },
      spec: { request: "…" },
      status: { conditions: [{ ...ready, lastTransitionTime: "2026-01-01T00:00:00Z" }], certificate, failureTime: null }
    }
    expect(decode(object)).toEqual(
      Result.succeed({
        metadata: { ...metadata, creationTimestamp: null, ownerReferences: [{ uid: "p" }] },
        status: { conditions: [ready], certificate }
      })
    )
  })

  it("refuses what is no CertificateRequest", () => {
    for (const value of [null, {}, { metadata: { ...metadata, uid: 1 } }, { metadata, status: { conditions: {} } }]) {
      expect(Result.isFailure(decode(value))).toBe(true)
    }
  })
})
