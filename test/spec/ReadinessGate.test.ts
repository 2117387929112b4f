import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import type { PodState } from "../../src/spec/PodState.ts"
import { gateSentence, isOpen, parseReadinessGate, type ReadinessGate } from "../../src/spec/ReadinessGate.ts"

const gate = (text: string): ReadinessGate => Result.getOrThrow(parseReadinessGate(text))

const pod: PodState = {
  ips: ["fd00::7"],
  labels: {},
  annotations: { "example.com/zone": "a", "example.com/empty": "" },
  conditions: { Ready: "False", Initialized: "True" }
}
const bare: PodState = { ips: [], labels: {}, annotations: {}, conditions: {} }

describe("a readiness gate", () => {
  it.each([
    ["pod-ip:any", true],
    ["pod-ip:ipv6", true],
    ["pod-ip:ipv4", false],
    ["pod-condition:Initialized", true],
    ["pod-condition:Initialized=True", true],
    ["pod-condition:Ready", false],
    ["pod-condition:Ready=False", true],
    ["pod-condition:toString", false],
    ["pod-annotation:example.com/zone", true],
    ["pod-annotation:example.com/empty", false],
    ["pod-annotation:toString", false]
  ])("%s opens by what the pod has: %s", (text, open) => {
    expect(isOpen(gate(text), pod)).toBe(open)
    expect(isOpen(gate(text), bare)).toBe(false)
  })

  it.each(["Ready=true", "Ready=TRUE", "Ready=True", "Ready"])("takes the status in any letter case: %s", (text) => {
    expect(gate(`pod-condition:${text}`)).toEqual({ kind: "pod-condition", type: "Ready", status: "True" })
  })

  it.each(["yes", "1", "Truee", "null"])("is refused for a status that no condition can have: %s", (status) => {
    expect(Result.isFailure(parseReadinessGate(`pod-condition:Ready=${status}`))).toBe(true)
  })

  it("opens for IPv4 by an address of a pod with two", () => {
    expect(isOpen(gate("pod-ip:ipv4"), { ...pod, ips: ["fd00::7", "10.0.0.7"] })).toBe(true)
  })

  it.each([
    ["pod-ip:any", "an IP address"],
    ["pod-ip:ipv6", "an IPv6 address"],
    ["pod-condition:Ready", "the condition Ready=True"],
    ["pod-annotation:a/b", "the annotation a/b"]
  ])("%s is named as %s", (text, sentence) => {
    expect(gateSentence(gate(text))).toBe(sentence)
  })
})
