import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type CertificateRequest, requestState } from "../../src/issuance/CertificateRequest.ts"

const request = (status: CertificateRequest["status"]): CertificateRequest => ({
  metadata: { name: "r", namespace: "apps", uid: "u", resourceVersion: "1" },
  ...(status === undefined ? {} : { status })
})

const condition = (type: string, status: string, reason = "", message = "") => ({ type, status, reason, message })
const approved = condition("Approved", "True", "cert-manager.io")
const certificate = btoa("PEM")

describe("requestState", () => {
  it.each([
    [[], {}, { _tag: "AwaitingApproval" }],
    [[condition("Approved", "False")], {}, { _tag: "AwaitingApproval" }],
    [[approved], {}, { _tag: "AwaitingSignature", message: "" }],
    [[approved, condition("Ready", "False", "Pending", "soon")], {}, { _tag: "AwaitingSignature", message: "soon" }],
    [[approved, condition("Ready", "True", "Issued")], {}, { _tag: "AwaitingSignature" }],
    [
      [approved, condition("Ready", "True", "Issued")],
      { certificate },
      { _tag: "Ready", signed: { certificate: "PEM", ca: "" } }
    ],
    [[approved, condition("Ready", "False", "Failed", "no")], {}, { _tag: "Failed", message: "no" }],
    [[condition("Denied", "True", "x", "policy")], {}, { _tag: "Denied", message: "policy" }],
    [
      [condition("Denied", "True", "x", "policy"), condition("Ready", "False", "Denied", "d")],
      {},
      { _tag: "Denied", message: "policy" }
    ],
    [[condition("InvalidRequest", "True", "x", "bad")], {}, { _tag: "InvalidRequest", message: "bad" }]
  ])("of %j with %j", (conditions, more, state) => {
    expect(requestState(request({ conditions, ...more }))).toMatchObject(state)
  })

  it("of a request without a status waits for an approval", () => {
    expect(requestState(request(undefined))).toEqual({ _tag: "AwaitingApproval" })
  })

  it("is something for every status, and an end with a certificate only where there is one", () => {
    const word = fc.constantFrom("Approved", "Denied", "Ready", "InvalidRequest", "Other")
    const conditions = fc.array(
      fc.record({
        type: word,
        status: fc.constantFrom("True", "False", "Unknown"),
        reason: fc.constantFrom("Failed", "Denied", "Pending", "Issued", ""),
        message: fc.string()
      })
    )
    const text = fc.option(fc.oneof(fc.base64String(), fc.string()), { nil: null })
    fc.assert(
      fc.property(conditions, text, text, (conditions, certificate, ca) => {
        const state = requestState(request({ conditions, certificate, ca }))
        const denied = conditions.some(({ status, type }) => type === "Denied" && status === "True")
        expect(state._tag === "Denied").toBe(denied)
        if (state._tag === "Ready") expect(certificate).not.toBeNull()
      })
    )
  })
})
