/**
 * Variables in attribute values: `${POD_NAME}` or `$POD_NAME` stands for what the kubelet says of the pod, for the
 * node, or for what the API server shows of the pod. Pure. Names are letters, digits and underscores, as in Go's
 * os.Expand; a dollar sign that begins no name stands for itself, and a name that nobody knows is an error that lists
 * the known ones, because a certificate for a misspelt name helps nobody. Variables of the last kind are followed: they
 * are known later than a publish, they change, and a certificate changes with them.
 */
import { Option, Result } from "effect"
import { inThousands } from "../pki/inThousands.ts"
import type { Settings } from "../Settings.ts"
import { limits } from "./Limits.ts"
import type { Pod } from "./Pod.ts"
import type { PodState } from "./PodState.ts"
import { putValue, type Structure } from "./putValue.ts"
import { quoted } from "./Rule.ts"

/** What is known of a node before any pod is. */
export type NodeFacts = Pick<Settings["Service"], "nodeId" | "clusterDomain">

/** The variables that are known at once, and what they stand for. */
export const variablesOf = (pod: Pod, node: NodeFacts): Readonly<Record<string, string>> => ({
  POD_NAME: pod.name,
  POD_NAMESPACE: pod.namespace,
  POD_UID: pod.uid,
  SERVICE_ACCOUNT_NAME: pod.serviceAccount,
  NODE_NAME: node.nodeId,
  CLUSTER_DOMAIN: node.clusterDomain
})

/** How the followed variables are written, for sentences. */
const followedForms = ["POD_IP", "POD_IPS", "POD_LABEL:key", "POD_ANNOTATION:key"]

/** A followed variable's name: an address, or a label or annotation by its key. */
const followed = /^(?:POD_IPS?|POD_(?:LABEL|ANNOTATION):[A-Za-z0-9][A-Za-z0-9._/-]{0,315})$/

/**
 * The names that a text calls; the last brace is looked for once, or a text of nothing but beginnings would take for
 * ever.
 */
const replaceNames = (text: string, put: (name: string, start: number, end: number) => string): string => {
  const closed = text.lastIndexOf("}") + 1
  return (
    text
      .slice(0, closed)
      .replace(/\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g, (call, braced?: string, bare?: string, at = 0) =>
        put(braced ?? bare ?? "", at, at + call.length)
      ) +
    text
      .slice(closed)
      .replace(/\$([A-Za-z_][A-Za-z0-9_]*)/g, (call, bare: string, at: number) =>
        put(bare, closed + at, closed + at + call.length)
      )
  )
}

/** The followed variables in a text: `POD_IP`, `POD_IPS`, `POD_LABEL:key`, `POD_ANNOTATION:key`. */
export const followedIn = (text: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  replaceNames(text, (name) => {
    if (followed.test(name)) found.add(name)
    return ""
  })
  return [...found]
}

/** What a followed variable stands for now; none where the pod does not have it yet. */
export const followedValue = (name: string, pod: PodState): Option.Option<string> => {
  if (name === "POD_IP") return Option.fromUndefinedOr(pod.ips[0])
  if (name === "POD_IPS") return pod.ips.length === 0 ? Option.none() : Option.some(pod.ips.join(","))
  const [kind, key = ""] = name.split(":")
  const texts = kind === "POD_LABEL" ? pod.labels : pod.annotations
  return Object.hasOwn(texts, key) ? Option.fromUndefinedOr(texts[key]) : Option.none()
}

/** What a followed variable waits for: "an IP address", "the label app". */
export const followedSentence = (name: string): string => {
  const [kind, key = ""] = name.split(":")
  if (kind === "POD_LABEL") return `the label ${key}`
  return kind === "POD_ANNOTATION" ? `the annotation ${key}` : "an IP address"
}

/** The names in a text that stand for nothing that is known. */
export const unknownIn = (text: string, variables: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  const unknown = new Set<string>()
  replaceNames(text, (name) => {
    if (name !== "" && !Object.hasOwn(variables, name)) unknown.add(name)
    return ""
  })
  return [...unknown]
}

/**
 * Puts the values in, each where the text's structure has room for it. A name that nobody knows is refused, or stays as
 * it is written. The failure is a rule's sentence.
 */
export const expand = (
  text: string,
  variables: Readonly<Record<string, string>>,
  structure: Structure = "text",
  unknowns: "refused" | "kept" = "refused"
): Result.Result<string, string> => {
  const unknown = unknowns === "refused" ? unknownIn(text, variables) : []
  const put = putValue(structure, text)
  const broken: Array<string> = []
  let length = text.length
  const expanded = replaceNames(text, (name, start, end) => {
    if (name !== "" && !Object.hasOwn(variables, name)) return text.slice(start, end)
    const value = put(start, end, variables[name] ?? "")
    if (Result.isFailure(value)) broken.push(value.failure)
    const inserted = Result.getOrElse(value, () => "")
    length += inserted.length - (end - start)
    // A short text may call a long value a thousand times over.
    return length > limits.attributeLength ? "" : inserted
  })
  if (length > limits.attributeLength) {
    return Result.fail(`has more than ${inThousands(limits.attributeLength)} characters with its variables put in`)
  }
  if (unknown.length === 0) return broken[0] === undefined ? Result.succeed(expanded) : Result.fail(broken[0])
  const known = [...Object.keys(variables).filter((name) => !followed.test(name)), ...followedForms]
  return Result.fail(`knows no variable ${unknown.slice(0, 5).map(quoted).join(", ")}; use ${known.join(", ")}`)
}
