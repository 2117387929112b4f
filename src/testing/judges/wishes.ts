/**
 * What a volume of a simulated cluster asks for, as a judge reads it: from its attributes and from what the API server
 * shows of its pod, and from nothing that a program has made of them. Pure, but for the world that is looked at.
 */
import { Option, Result } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import { isOpen, parseReadinessGate, type ReadinessGate } from "../../spec/ReadinessGate.ts"
import { expand, followedIn, followedValue } from "../../spec/Variables.ts"
import { prefix } from "../../spec/VolumeContext.ts"
import { bundleNamed } from "../parts/SimBundles.ts"
import type { SimPodVolume } from "../parts/SimPod.ts"
import type { World } from "./Invariants.ts"

/** An attribute of the volume, without the prefix; empty where it is not there. */
export const attribute = (volume: SimPodVolume, key: string): string => volume.attributes[prefix + key] ?? ""

/** The name of the volume's CA file. */
export const caFileOf = (volume: SimPodVolume): string => attribute(volume, "ca-file") || "ca.crt"

/** What must have come to pass before the volume's first certificate is asked for. */
export const gatesOf = (volume: SimPodVolume, { settings }: World): ReadonlyArray<ReadinessGate> => [
  ...settings.podReadinessGates,
  ...attribute(volume, "pod-readiness-gate")
    .split(",")
    .flatMap((text) => Option.toArray(Result.getSuccess(parseReadinessGate(text.trim()))))
]

/** True where every gate of the volume is open while the API server shows this of it. */
export const isLetIn = (volume: SimPodVolume, world: World, state = world.stateOf(volume.pod)): boolean =>
  gatesOf(volume, world).every((gate) => isOpen(gate, state))

/** True where a publish may be answered before there are files. */
export const mayComeLater = (volume: SimPodVolume, { settings }: World): boolean =>
  (attribute(volume, "continue-on-not-ready") || String(settings.continueOnNotReady)) === "true"

/** The format of a keystore. */
export type KeystoreKind = "pkcs12" | "jks"

/** The keystores that the volume asks for. */
export const keystoresOf = (volume: SimPodVolume): ReadonlyArray<KeystoreKind> =>
  (["pkcs12", "jks"] as const).filter((kind) => attribute(volume, `${kind}-enable`) === "true")

/** True where a password of the volume comes with its publishes, and certlet may have to wait for the next one. */
export const takesPasswords = (volume: SimPodVolume): boolean =>
  keystoresOf(volume).some((kind) => attribute(volume, `${kind}-password-from`) !== "generate")

const kinds = { "dns-names": "DNS", "ip-sans": "IP Address", "uri-sans": "URI" } as const

/** The names that the volume asks for, as it writes them. */
const wantedNames = (volume: SimPodVolume) =>
  (["dns-names", "ip-sans", "uri-sans"] as const).flatMap((key) =>
    attribute(volume, key)
      .split(",")
      .filter((text) => text !== "")
      .map((text) => [kinds[key], text] as const)
  )

/** A name as OpenSSL prints it. */
const printed = (
  volume: SimPodVolume,
  kind: string,
  text: string,
  values: Readonly<Record<string, string>> = {}
): string => {
  const { name, namespace, node, uid } = volume.pod
  const fixed = { POD_NAME: name, POD_NAMESPACE: namespace, POD_UID: uid, NODE_NAME: node }
  return `${kind}:${Result.getOrElse(expand(text, { ...fixed, ...values }), () => text)}`
}

/** The names, addresses left out, that the certificate has whatever is shown of the pod, as OpenSSL prints them. */
export const fixedNamesOf = (volume: SimPodVolume): ReadonlyArray<string> =>
  wantedNames(volume)
    .filter(([kind, text]) => kind !== "IP Address" && followedIn(text).length === 0)
    .map(([kind, text]) => printed(volume, kind, text))

/**
 * The names that the certificate is to have while the API server shows this of the pod, as OpenSSL prints them;
 * none where some of them cannot be known yet.
 */
export const namesOf = (volume: SimPodVolume, state: PodState): Option.Option<ReadonlyArray<string>> =>
  Option.all(
    wantedNames(volume).map(([kind, text]) =>
      Option.map(Option.all(followedIn(text).map((name) => named(name, state))), (values) =>
        printed(volume, kind, text, Object.fromEntries(values))
      )
    )
  )

const named = (name: string, state: PodState) =>
  Option.map(followedValue(name, state), (value) => [name, value] as const)

/** True where some of the names follow what the API server shows of the pod. */
export const isFollowing = (volume: SimPodVolume): boolean =>
  (["dns-names", "ip-sans"] as const).some((key) => followedIn(attribute(volume, key)).length > 0)

/** The CA certificates of the trust bundle; none where the volume names none, or one that cannot be used now. */
export const trustOf = (volume: SimPodVolume, world: World): Option.Option<string> => {
  const name = attribute(volume, "trust-bundle")
  if (name === "") return Option.none()
  const state = world.trustOf(bundleNamed(name, volume.pod.namespace))
  return state._tag === "Present" ? Option.some(state.certificates) : Option.none()
}

/** True where the volume's first certificate has to wait for something that is not there. */
export const isHeldBack = (volume: SimPodVolume, world: World): boolean =>
  !isLetIn(volume, world) ||
  Option.isNone(namesOf(volume, world.stateOf(volume.pod))) ||
  (attribute(volume, "trust-bundle") !== "" && Option.isNone(trustOf(volume, world)))
