/**
 * The volume context: the map of texts with which the kubelet describes a volume. Three kinds of keys are read from it:
 * the pod's identity (`csi.storage.k8s.io/`), certlet's own attributes (`csi.cert-manager.io/`), and keys of other
 * groups, which become annotations of the request. What belongs to none of them has no meaning. The first step of
 * reading a spec.
 */
import { Effect, Record } from "effect"
import { inThousands } from "../pki/inThousands.ts"
import { limits } from "./Limits.ts"
import { namespacedName } from "./NamespacedName.ts"
import type { Pod } from "./Pod.ts"
import { quoted } from "./Rule.ts"
import { type Fault, SpecError } from "./SpecError.ts"

/** What the kubelet hands over: every key and every value is a text. */
export type VolumeContext = Readonly<Record<string, string>>

/** The prefix of certlet's own attributes. */
export const prefix = "csi.cert-manager.io/"
/** The prefix of the keys that the kubelet adds. */
export const kubeletPrefix = "csi.storage.k8s.io/"

const fail = (field: string, rule: string) => Effect.fail(new SpecError({ field, rule }))

const most = (what: string, found: number, allowed: number): string =>
  `has ${inThousands(found)} ${what}, but may have ${inThousands(allowed)} at most`

/** Refuses a context that is too large to be read; everything else that reads one may take its size for granted. */
export const requireSize = (context: VolumeContext): Effect.Effect<void, SpecError> => {
  const whole = "volumeAttributes"
  const keys = Object.keys(context)
  if (keys.length > limits.contextKeys) return fail(whole, most("keys", keys.length, limits.contextKeys))
  const longKey = keys.find((key) => key.length > limits.keyLength)
  if (longKey !== undefined) {
    return fail(whole, `has the key ${quoted(longKey)}, which is longer than ${limits.keyLength} characters`)
  }
  const entries = Object.entries(context)
  const long = entries.find(([key, value]) => key.startsWith(prefix) && value.length > limits.attributeLength)
  if (long !== undefined) return fail(long[0], most("characters", long[1].length, limits.attributeLength))
  const length = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return length > limits.contextLength
    ? fail(whole, most("characters, with what the kubelet adds", length, limits.contextLength))
    : Effect.void
}

/** Refuses a volume that is not an inline volume of a pod. */
export const requireInline = (context: VolumeContext): Effect.Effect<void, SpecError> => {
  const ephemeral = `${kubeletPrefix}ephemeral`
  return context[ephemeral] === "true"
    ? Effect.void
    : fail(ephemeral, "must be true: certlet serves inline volumes of pods, not persistent volumes")
}

/** The keys that identify the pod, in the order of `Pod`. */
export const identityKeys: ReadonlyArray<string> = ["pod.name", "pod.namespace", "pod.uid", "serviceAccount.name"].map(
  (key) => kubeletPrefix + key
)

/** The pod that the kubelet names. */
export const readPod = (context: VolumeContext): Effect.Effect<Pod, SpecError> => {
  const missing = identityKeys.find((key) => (context[key] ?? "") === "")
  if (missing !== undefined) return fail(missing, "is missing; set podInfoOnMount: true in the CSIDriver object")
  const [name = "", namespace = "", uid = "", serviceAccount = ""] = identityKeys.map((key) => context[key] ?? "")
  return Effect.succeed({ name, namespace, uid, serviceAccount })
}

/** `namespace/name` of the pod as far as the context says; empty where it does not. */
export const podIn = (context: VolumeContext): string => {
  const name = context[`${kubeletPrefix}pod.name`] ?? ""
  return name === "" ? "" : namespacedName({ namespace: context[`${kubeletPrefix}pod.namespace`] ?? "", name })
}

/** The attributes, by their names without the prefix, as they are written. */
export const readAttributes = (context: VolumeContext): Readonly<Record<string, string>> =>
  Record.mapKeys(
    Record.filter(context, (_, key) => key.startsWith(prefix)),
    (key) => key.slice(prefix.length)
  )

/**
 * A key that Kubernetes takes for an annotation, in any letter case: a DNS subdomain (RFC 1123), a slash, and a name.
 */
const annotationKey =
  /^(?=[^/]{1,253}\/)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$/i

/** The keys of other groups, which become annotations of the request. */
export const readAnnotations = (context: VolumeContext): Readonly<Record<string, string>> =>
  Record.filter(context, (_, key) => key.includes("/") && !key.startsWith(prefix) && !key.startsWith(kubeletPrefix))

/** The keys of other groups that no annotation can have. */
export const brokenAnnotations = (context: VolumeContext): ReadonlyArray<Fault> =>
  Object.keys(readAnnotations(context))
    .filter((key) => !annotationKey.test(key))
    .map((key) => ({
      field: key,
      rule: `becomes an annotation of the CertificateRequest, and ${quoted(key)} cannot be the key of one`
    }))

/** The keys without a group: they have no meaning. */
export const strayKeys = (context: VolumeContext): ReadonlyArray<string> =>
  Object.keys(context).filter((key) => !key.includes("/"))
