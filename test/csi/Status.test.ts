import { describe, expect, it } from "@effect/vitest"
import { Option } from "effect"
import * as fc from "fast-check"
import { isFinal, Status, StatusCode, statusOf, wireSentence } from "../../src/csi/Status.ts"
import { Defect } from "../../src/Defect.ts"
import { PublishError, UnpublishError, Unpublished } from "../../src/driver/DriverError.ts"
import { RequestError } from "../../src/issuance/CertificateRequests.ts"
import { IssuanceError } from "../../src/issuance/IssuanceError.ts"
import { KeyError } from "../../src/issuance/KeyGenerator.ts"
import { SpecError } from "../../src/spec/SpecError.ts"
import { VolumeError } from "../../src/volume/VolumeFS.ts"
import { RecordError } from "../../src/volume/VolumeRecord.ts"

type Reason = PublishError["reason"]

const publish = (reason: Reason, pod = "apps/web") => statusOf(new PublishError({ volumeId: "csi-1", pod, reason }))

const request = (reason: RequestError["reason"]) =>
  new RequestError({ reason, action: "create CertificateRequest apps/r", detail: "the server's words" })
const issuance = (reason: IssuanceError["reason"]) =>
  new IssuanceError({ reason, request: "apps/r", detail: "not approved yet after 1m" })
const volume = (reason: VolumeError["reason"]) =>
  new VolumeError({ reason, action: "write", path: "/pods/x", detail: "no space" })

const requestReasons = [
  "Unavailable",
  "Throttled",
  "Unauthorized",
  "Forbidden",
  "Missing",
  "Conflict",
  "Invalid",
  "Gone"
] as const
const issuanceReasons = ["Denied", "Failed", "InvalidRequest", "Pending", "Mismatch", "NotReady"] as const
const volumeReasons = ["Full", "Busy", "Io", "Hostile", "Foreign", "NotPermitted"] as const

const everyReason: ReadonlyArray<Reason> = [
  new SpecError({ field: "csi.cert-manager.io/key-size", rule: "must be 256" }),
  ...(["Unsupported", "Corrupt", "Failed"] as const).map((reason) => new KeyError({ reason, cause: "secret" })),
  ...requestReasons.map(request),
  ...issuanceReasons.map(issuance),
  ...volumeReasons.map(volume),
  ...(["Full", "Io"] as const).map(
    (reason) => new RecordError({ reason, action: "save", volumeId: "csi-1", detail: "no space" })
  ),
  new Defect(),
  new Unpublished()
]

/** What the kubelet takes for a call that may still be going on. */
const uncertain = ["DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"]

describe("statusOf", () => {
  it.each([
    [issuance("Pending"), "DEADLINE_EXCEEDED"],
    [issuance("Denied"), "PERMISSION_DENIED"],
    [request("Forbidden"), "PERMISSION_DENIED"],
    [request("Unavailable"), "UNAVAILABLE"],
    [volume("Full"), "INTERNAL"],
    [new Unpublished(), "ABORTED"],
    [new SpecError({ field: "f", rule: "r" }), "INVALID_ARGUMENT"]
  ] as const)("gives %s the code %s", (reason, code) => {
    expect(publish(reason).code).toBe(code)
  })

  it("says whose it was, what happened and what to do", () => {
    expect(publish(issuance("Pending")).sentence).toBe(
      "pod apps/web: CertificateRequest apps/r: not approved yet after 1m; certlet keeps waiting for this request; " +
        "look at the approver and the issuer"
    )
    expect(publish(volume("Io"), "").sentence).toMatch(/^volume csi-1: write "\/pods\/x": no space; /)
    const unpublish = new UnpublishError({ volumeId: "csi-1", reason: volume("Busy") })
    expect(statusOf(unpublish).sentence).toMatch(/^volume csi-1: /)
  })

  it("says that a call may still go on exactly where the driver goes on", () => {
    const goesOn = everyReason.filter((reason) => uncertain.includes(publish(reason).code))
    const names = goesOn.map((reason) => ("reason" in reason ? `${reason._tag}.${reason.reason}` : reason._tag))
    expect(names.sort()).toEqual([
      "IssuanceError.NotReady",
      "IssuanceError.Pending",
      "RequestError.Conflict",
      "RequestError.Gone",
      "RequestError.Throttled",
      "RequestError.Unauthorized",
      "RequestError.Unavailable",
      "Unpublished"
    ])
  })

  it("tells the kubelet to call again where something of the volume is left, and why", () => {
    for (const reason of everyReason) {
      const error = new PublishError({ volumeId: "csi-1", pod: "apps/web", reason, left: Option.some("it is mounted") })
      const status = statusOf(error)
      expect(isFinal(status)).toBe(false)
      const isNews = isFinal(publish(reason))
      expect(status.sentence).toBe(`${publish(reason).sentence}${isNews ? "; it is mounted" : ""}`)
    }
  })

  it("for every reason and pod: a known code, one line, and no cause", () => {
    fc.assert(
      fc.property(fc.constantFrom(...everyReason), fc.stringMatching(/^[a-z-]{1,20}\/[a-z-]{1,20}$/), (reason, pod) => {
        const status = publish(reason, pod)
        expect(status).toBeInstanceOf(Status)
        expect(StatusCode.literals).toContain(status.code)
        expect(status.sentence).toMatch(/^pod [^\n]+; [^\n]+$/)
        expect(status.sentence).not.toContain("secret")
      })
    )
  })
})

describe("wireSentence", () => {
  it("for every text: one line, well-formed, bounded, and able to travel in a header", () => {
    const halves = fc.constantFrom("\ud83d", "\ude00", "\n", "\0", "x".repeat(5000), "證".repeat(5000))
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ unit: "binary" }), halves)), (parts) => {
        const sentence = wireSentence(parts.join(""))
        expect(sentence).not.toMatch(/[\n\r\0]/)
        expect(sentence.isWellFormed()).toBe(true)
        expect(encodeURI(sentence).length).toBeLessThan(48_000)
      })
    )
  })

  it("leaves a plain sentence as it is, and keeps both ends of a long one", () => {
    expect(wireSentence("pod a/b: denied; look")).toBe("pod a/b: denied; look")
    expect(wireSentence(`pod a/b: ${"x".repeat(9000)}; look`)).toMatch(/^pod a\/b: x+ \.\.\. x+; look$/)
  })
})
