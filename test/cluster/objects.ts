// Kubernetes objects as the cluster tier sees them: JSON of which little is known. What the API server sends is checked
// for the few fields that every object has; anything deeper is reached with `at`, which answers undefined wherever the
// path leads nowhere. So a test reads any kind of object without a schema for it, and without believing what is not
// there.

/** The metadata that tests read; everything else is reached by name. */
interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** An object as it comes from the API server. The items of a list have neither apiVersion nor kind. */
export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: Metadata
  readonly [field: string]: unknown
}

/** An object as it is sent: it says what it is. */
export interface Manifest extends KubeObject {
  readonly apiVersion: string
  readonly kind: string
}

/** Names one object. Without a namespace: an object of the cluster. */
export interface Reference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string | undefined
}

/** A status condition, as metav1.Condition and cert-manager's own conditions have it. */
export interface Condition {
  readonly status: string
  readonly reason: string
  readonly message: string
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The value at a path, or undefined: `at(pod, "spec", "containers", 0, "name")`. */
export const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((here, step) => {
    if (typeof step === "number") return Array.isArray(here) ? here[step] : undefined
    return isRecord(here) ? here[step] : undefined
  }, value)

/** The text at a path, or undefined if there is none or it is something else. */
export const textAt = (value: unknown, ...path: ReadonlyArray<string | number>): string | undefined => {
  const found = at(value, ...path)
  return typeof found === "string" ? found : undefined
}

/** The elements at a path; none if there is no list. */
export const listAt = (value: unknown, ...path: ReadonlyArray<string | number>): ReadonlyArray<unknown> => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

export const isKubeObject = (value: unknown): value is KubeObject =>
  isRecord(value) && textAt(value, "metadata", "name") !== undefined

/** The condition of a type in `status.conditions`, or undefined. */
export const conditionOf = (object: KubeObject, type: string): Condition | undefined => {
  const found = listAt(object, "status", "conditions").find((one) => textAt(one, "type") === type)
  if (found === undefined) return undefined
  return {
    status: textAt(found, "status") ?? "",
    reason: textAt(found, "reason") ?? "",
    message: textAt(found, "message") ?? ""
  }
}

/** The reference of an object, given what it is. */
export const referenceTo = (object: Manifest): Reference => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  namespace: object.metadata.namespace
})
