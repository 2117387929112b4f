/**
 * What a pod of a simulated cluster asks for, as a judge reads it: from the volume's attributes and from what the API
 * server shows, and from nothing that a program has made of them. Pure, but for the world that is looked at.
 */
import { Option, Result } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import { isOpen, parseReadinessGate, type ReadinessGate } from "../../spec/ReadinessGate.ts"
import { expand, followedIn, followedValue } from "../../spec/Variables.ts"
import { bundleNamed } from "../parts/SimBundles.ts"
import type { SimPod } from "../parts/SimPod.ts"
import type { World } from "./Invariants.ts"

const prefix = "csi.cert-manager.io/"

/** An attribute of the pod's volume, without the prefix; empty where it is not there. */
export const attribute = (pod: SimPod, key: string): string => pod.attributes[prefix + key] ?? ""

/** What must have come to pass before the pod's first certificate is asked for. */
export const gatesOf = (pod: SimPod, { settings }: World): ReadonlyArray<ReadinessGate> => [
  ...settings.podReadinessGates,
  ...attribute(pod, "pod-readiness-gate")
    .split(",")
    .flatMap((text) => Option.toArray(Result.getSuccess(parseReadinessGate(text.trim()))))
]

/** True where every gate of the pod is open while the API server shows this of it. */
export const isLetIn = (pod: SimPod, world: World, state = world.stateOf(pod)): boolean =>
  gatesOf(pod, world).every((gate) => isOpen(gate, state))

/** True where a publish may be answered before there are files. */
export const mayComeLater = (pod: SimPod, { settings }: World): boolean =>
  (attribute(pod, "continue-on-not-ready") || String(settings.continueOnNotReady)) === "true"

const kinds = { "dns-names": "DNS", "ip-sans": "IP Address", "uri-sans": "URI" } as const

/** The names that the pod asks for, as it writes them. */
const wantedNames = (pod: SimPod) =>
  (["dns-names", "ip-sans", "uri-sans"] as const).flatMap((key) =>
    attribute(pod, key)
      .split(",")
      .filter((text) => text !== "")
      .map((text) => [kinds[key], text] as const)
  )

/** A name as OpenSSL prints it. */
const printed = (pod: SimPod, kind: string, text: string, values: Readonly<Record<string, string>> = {}): string => {
  const fixed = { POD_NAME: pod.name, POD_NAMESPACE: pod.namespace, POD_UID: pod.uid, NODE_NAME: pod.node }
  return `${kind}:${Result.getOrElse(expand(text, { ...fixed, ...values }), () => text)}`
}

/** The names, addresses left out, that the certificate has whatever is shown of the pod, as OpenSSL prints them. */
export const fixedNamesOf = (pod: SimPod): ReadonlyArray<string> =>
  wantedNames(pod)
    .filter(([kind, text]) => kind !== "IP Address" && followedIn(text).length === 0)
    .map(([kind, text]) => printed(pod, kind, text))

/**
 * The names that the pod's certificate is to have while the API server shows this of the pod, as OpenSSL prints them;
 * none where some of them cannot be known yet.
 */
export const namesOf = (pod: SimPod, state: PodState): Option.Option<ReadonlyArray<string>> =>
  Option.all(
    wantedNames(pod).map(([kind, text]) =>
      Option.map(Option.all(followedIn(text).map((name) => named(name, state))), (values) =>
        printed(pod, kind, text, Object.fromEntries(values))
      )
    )
  )

const named = (name: string, state: PodState) =>
  Option.map(followedValue(name, state), (value) => [name, value] as const)

/** True where some of the pod's names follow what the API server shows of it. */
export const isFollowing = (pod: SimPod): boolean =>
  (["dns-names", "ip-sans"] as const).some((key) => followedIn(attribute(pod, key)).length > 0)

/** The CA certificates that the pod's trust bundle holds; none where it names none, or one that cannot be used now. */
export const trustOf = (pod: SimPod, world: World): Option.Option<string> => {
  const name = attribute(pod, "trust-bundle")
  if (name === "") return Option.none()
  const state = world.trustOf(bundleNamed(name, pod.namespace))
  return state._tag === "Present" ? Option.some(state.certificates) : Option.none()
}

/** True where the pod's first certificate has to wait for something that is not there. */
export const isHeldBack = (pod: SimPod, world: World): boolean =>
  !isLetIn(pod, world) ||
  Option.isNone(namesOf(pod, world.stateOf(pod))) ||
  (attribute(pod, "trust-bundle") !== "" && Option.isNone(trustOf(pod, world)))
