/**
 * A strategic merge patch, which is what `kubectl apply` sends for Kubernetes' own kinds: a merge patch in which lists
 * of objects are merged by a key and not replaced. Which lists those are stands in the Go types of the API; here are
 * the ones of the kinds that the embedded server has. Directives that only order lists are passed over. Pure.
 */
import { Predicate } from "effect"

type Plain = Readonly<Record<string, unknown>>

const isPlain = (value: unknown): value is Plain => Predicate.isObject(value) && !Array.isArray(value)

/** The key by which a list's elements are told apart (`patchMergeKey` in k8s.io/api/core/v1). */
const mergeKeys: Readonly<Record<string, string>> = {
  conditions: "type",
  containerStatuses: "name",
  containers: "name",
  env: "name",
  ephemeralContainers: "name",
  hostAliases: "ip",
  imagePullSecrets: "name",
  initContainers: "name",
  ownerReferences: "uid",
  podIPs: "ip",
  ports: "containerPort",
  secrets: "name",
  topologySpreadConstraints: "topologyKey",
  volumeDevices: "devicePath",
  volumeMounts: "mountPath",
  volumes: "name"
}

const directive = /^\$(setElementOrder|retainKeys|deleteFromPrimitiveList)/

const mergeList = (target: ReadonlyArray<unknown>, patch: ReadonlyArray<unknown>, key: string): unknown => {
  const keyOf = (element: unknown): unknown => (isPlain(element) ? element[key] : undefined)
  if (patch.some((element) => isPlain(element) && element.$patch === "replace")) {
    return patch.filter((element) => !isPlain(element) || element.$patch === undefined)
  }
  const merged = new Map(target.map((element) => [keyOf(element), element]))
  for (const element of patch) {
    if (isPlain(element) && element.$patch === "delete") merged.delete(keyOf(element))
    else merged.set(keyOf(element), strategicMerge(merged.get(keyOf(element)), element))
  }
  return [...merged.values()]
}

/** `target` with `patch` applied. */
export const strategicMerge = (target: unknown, patch: unknown): unknown => {
  if (!isPlain(patch)) return patch
  if (patch.$patch === "delete") return undefined
  const { $patch: how, ...changes } = patch
  const merged = new Map<string, unknown>(isPlain(target) && how !== "replace" ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(changes)) {
    const key = mergeKeys[name]
    const present = merged.get(name)
    if (directive.test(name)) continue
    if (value === null) merged.delete(name)
    else if (key !== undefined && Array.isArray(value) && Array.isArray(present)) {
      merged.set(name, mergeList(present, value, key))
    } else merged.set(name, strategicMerge(present, value))
  }
  return Object.fromEntries(merged)
}
