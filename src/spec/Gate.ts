/**
 * Readiness gates: what a pod must have come to before its first certificate is asked for. They are written as
 * cert-manager's csi-driver writes them, on the command line for all pods of a node and in an attribute for one volume.
 * Pure: how a gate is read, whether it is open for a pod, and how a sentence names it.
 */
import { Result, Schema } from "effect"
import type { PodState } from "./PodState.ts"

/** One gate. */
export const Gate = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("pod-ip"), family: Schema.Literals(["any", "ipv4", "ipv6"]) }),
  Schema.Struct({ kind: Schema.Literal("pod-condition"), type: Schema.String, status: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("pod-annotation"), key: Schema.String })
])
export type Gate = typeof Gate.Type

/** How a gate is written, for sentences. */
export const gateForms = "pod-ip:any|ipv4|ipv6, pod-condition:TYPE[=STATUS] or pod-annotation:KEY"

/** Reads one gate; the failure is the word "gate" made longer by what was expected. */
export const parseGate = (text: string): Result.Result<Gate, string> => {
  const [, family] = /^pod-ip:(any|ipv4|ipv6)$/.exec(text) ?? []
  if (family === "any" || family === "ipv4" || family === "ipv6") return Result.succeed({ kind: "pod-ip", family })
  const [, type, status = "True"] = /^pod-condition:([^=\s,]+)(?:=([^=\s,]+))?$/.exec(text) ?? []
  if (type !== undefined) return Result.succeed({ kind: "pod-condition", type, status })
  const [, key] = /^pod-annotation:([^=\s,]+)$/.exec(text) ?? []
  return key === undefined ? Result.fail(gateForms) : Result.succeed({ kind: "pod-annotation", key })
}

/** True where the pod may have its certificate, as far as this gate goes. */
export const isOpen = (gate: Gate, pod: PodState): boolean => {
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
export const gateSentence = (gate: Gate): string => {
  switch (gate.kind) {
    case "pod-ip":
      return gate.family === "any" ? "an IP address" : `an ${gate.family === "ipv4" ? "IPv4" : "IPv6"} address`
    case "pod-condition":
      return `the condition ${gate.type}=${gate.status}`
    case "pod-annotation":
      return `the annotation ${gate.key}`
  }
}

const hint =
  'set it to "true", and let an init container run "certlet wait" where the pod needs its files from the beginning'

/**
 * The attribute that would make a publish wait for what comes only after it, and the rule it breaks; `own` tells that the
 * volume has gates of its own. The kubelet makes a pod's sandbox, and learns its addresses, when every volume is published:
 * a publish that waited for them would wait for ever.
 */
export const brokenWait = (
  spec: {
    readonly continueOnNotReady: boolean
    readonly gates: ReadonlyArray<Gate>
    readonly follows: ReadonlyArray<string>
  },
  own: boolean
): readonly [attribute: string, rule: string] | undefined => {
  if (spec.continueOnNotReady) return undefined
  const name = "continue-on-not-ready"
  if (own) return [name, `must be "true" beside pod-readiness-gate, as gates open after the publish; ${hint}`]
  if (spec.gates.length > 0)
    return [name, "must not be false on this node, whose readiness gates open after the publish"]
  const address = spec.follows.find((variable) => variable === "POD_IP" || variable === "POD_IPS")
  if (address === undefined) return undefined
  return [name, `must be "true" where names hold \${${address}}, which is known only after the publish; ${hint}`]
}
