/**
 * Variables in attribute values: `${POD_NAME}` or `$POD_NAME` stands for what the kubelet says of the pod. Pure. Names are
 * letters, digits and underscores, as in Go's os.Expand; a dollar sign that begins no name stands for itself, and a name
 * that nobody knows is an error that lists the known ones, because a certificate for a misspelt name helps nobody.
 */
import { Result } from "effect"
import { quoted } from "./AttributeRules.ts"
import type { Pod } from "./VolumeSpec.ts"

/** The variables and what they stand for. */
export const variablesOf = (pod: Pod): Readonly<Record<string, string>> => ({
  POD_NAME: pod.name,
  POD_NAMESPACE: pod.namespace,
  POD_UID: pod.uid,
  SERVICE_ACCOUNT_NAME: pod.serviceAccount
})

/** Puts the values in. The failure is a rule's sentence. */
export const expand = (text: string, variables: Readonly<Record<string, string>>): Result.Result<string, string> => {
  const unknown = new Set<string>()
  const put = (_: string, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? ""
    if (!Object.hasOwn(variables, name)) unknown.add(name)
    return variables[name] ?? ""
  }
  // Behind the last brace none can close any more; whoever looked for one there from every dollar sign would never end.
  const closed = text.lastIndexOf("}") + 1
  const expanded =
    text.slice(0, closed).replace(/\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g, put) +
    text.slice(closed).replace(/\$([A-Za-z_][A-Za-z0-9_]*)/g, put)
  if (unknown.size === 0) return Result.succeed(expanded)
  return Result.fail(
    `knows no variable ${[...unknown].slice(0, 5).map(quoted).join(", ")}; use ${Object.keys(variables).join(", ")}`
  )
}
