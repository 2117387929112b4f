/**
 * Readiness gates: what a pod must have before its first certificate is requested. They are written as cert-manager's
 * csi-driver writes them: on the command line for all pods of a node, and in an attribute for one volume. Pure: how a
 * gate is read, whether it is open for a pod, and how a sentence names it.
 */
import { Result, Schema } from "effect"
import type { PodState } from "./PodState.ts"
import type { BrokenRule } from "./SpecError.ts"

/** One gate. */
export const ReadinessGate = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("pod-ip"), family: Schema.Literals(["any", "ipv4", "ipv6"]) }),
  Schema.Struct({ kind: Schema.Literal("pod-condition"), type: Schema.String, status: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("pod-annotation"), key: Schema.String })
])
export type ReadinessGate = typeof ReadinessGate.Type

/** The forms of a gate, for sentences. */
export const gateForms = "pod-ip:any|ipv4|ipv6, pod-condition:TYPE[=True|False|Unknown] or pod-annotation:KEY"

/** What a condition of a pod can be (`v1`, ConditionStatus). */
const statuses = ["True", "False", "Unknown"]

/** Reads one gate; the failure says what is expected. */
export const parseReadinessGate = (text: string): Result.Result<ReadinessGate, string> => {
  const [, family] = /^pod-ip:(any|ipv4|ipv6)$/.exec(text) ?? []
  if (family === "any" || family === "ipv4" || family === "ipv6") return Result.succeed({ kind: "pod-ip", family })
  const [, type, word = "True"] = /^pod-condition:([^=\s,]+)(?:=([^=\s,]+))?$/.exec(text) ?? []
  // A condition that can never be would be waited for without an end.
  const status = statuses.find((one) => one.toLowerCase() === word.toLowerCase())
  if (type !== undefined && status !== undefined) return Result.succeed({ kind: "pod-condition", type, status })
  const [, key] = /^pod-annotation:([^=\s,]+)$/.exec(text) ?? []
  return key === undefined ? Result.fail(gateForms) : Result.succeed({ kind: "pod-annotation", key })
}

/** True when the pod has what this gate waits for. */
export const isOpen = (gate: ReadinessGate, pod: PodState): boolean => {
  switch (gate.kind) {
    case "pod-ip":
      return pod.ips.some((ip) => gate.family === "any" || ip.includes(":") === (gate.family === "ipv6"))
    case "pod-condition":
      return pod.conditions[gate.type] === gate.status
    case "pod-annotation":
      return Object.hasOwn(pod.annotations, gate.key) && pod.annotations[gate.key] !== ""
  }
}

/** What a closed gate waits for: "an address", "the condition Ready=True". */
export const gateSentence = (gate: ReadinessGate): string => {
  switch (gate.kind) {
    case "pod-ip":
      return gate.family === "any" ? "an IP address" : `an ${gate.family === "ipv4" ? "IPv4" : "IPv6"} address`
    case "pod-condition":
      return `the condition ${gate.type}=${gate.status}`
    case "pod-annotation":
      return `the annotation ${gate.key}`
  }
}

const hint = 'set it to "true", and run "certlet wait" in an init container if the pod needs its files at its start'

/**
 * The rule that keeps a publish from waiting for what comes only after it; `own` is true if the volume has gates of its
 * own. The kubelet makes a pod's sandbox, and learns its addresses, after every volume is published: a publish that
 * waited for them would never end.
 */
export const brokenWait = (
  spec: {
    readonly continueOnNotReady: boolean
    readonly gates: ReadonlyArray<ReadinessGate>
    readonly follows: ReadonlyArray<string>
  },
  own: boolean
): BrokenRule | undefined => {
  if (spec.continueOnNotReady) return undefined
  const name = "continue-on-not-ready"
  if (own) return [name, `must be "true" with pod-readiness-gate, because gates open after the publish; ${hint}`]
  if (spec.gates.length > 0)
    return [name, "must not be false on this node, because its readiness gates open after the publish"]
  const address = spec.follows.find((variable) => variable === "POD_IP" || variable === "POD_IPS")
  if (address === undefined) return undefined
  return [name, `must be "true" if a name contains \${${address}}, which is known only after the publish; ${hint}`]
}
