/**
 * A pod of a simulated cluster, as the cluster knows it: who it is, where it runs, what its csi volumes ask for and how
 * far it has come. Pure. Names of volumes and paths are made as the kubelet makes them, so that everything that depends
 * on their form sees the real one.
 */
import { Duration, Option, Redacted } from "effect"
import type { PublishCall } from "../../driver/DriverCalls.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { kubeletPrefix, prefix } from "../../spec/VolumeContext.ts"
import type { PublishSecrets } from "../../spec/VolumeSecrets.ts"
import type { SimVolume } from "./SimVolume.ts"

/** What a story's passwords begin with, so that a judge finds them wherever they should not be. */
export const passwordMark = "sim-password-"

/** The key of the Secret that every simulated pod's volume names; it holds a password. */
export const keystoreSecret = "keystore-password"

/** Where pods are that do not say it. */
export const defaultNamespace = "apps"

/** What a volume of a pod asks for. */
export interface VolumeWish {
  /** `issuer-name`; by default `ca`, which every cluster has. Others are there when they have been added. */
  readonly issuer?: string
  /** `issuer-kind`; by default `Issuer`. */
  readonly issuerKind?: string
  /** `issuer-group`; by default cert-manager's own. */
  readonly issuerGroup?: string
  /** `duration` of the certificate. */
  readonly duration?: Duration.Input
  /** `renew-before`. */
  readonly renewBefore?: Duration.Input
  /** `dns-names`, one or several; by default the pod's own. */
  readonly dnsNames?: string | ReadonlyArray<string>
  readonly reusePrivateKey?: boolean
  /**
   * `nodePublishSecretRef`: a Secret in the pod's namespace. By default one that is always there and has a
   * `keystore-password`.
   */
  readonly secret?: string
  /** Any further attribute of the volume, by its whole key; wins over all of the above. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** What a pod of a simulated cluster asks for. What it says of a volume holds for each of its volumes. */
export interface PodWish extends VolumeWish {
  /** By default `pod-1`, `pod-2`, and so on. */
  readonly name?: string
  /** By default `apps`. */
  readonly namespace?: string
  /** Where it runs; by default the nodes take turns. */
  readonly node?: string
  readonly serviceAccount?: string
  /** The pod's labels. */
  readonly labels?: Readonly<Record<string, string>>
  /** `volumeMountGroup`: the pod's fsGroup, in decimal. */
  readonly fsGroup?: string
  /** It ran before certlet came: another driver has mounted its volumes and filled them. */
  readonly inherited?: boolean
  /** Its volumes by their names, with what each of them asks for besides; by default one, `tls`. */
  readonly volumes?: Readonly<Record<string, VolumeWish>>
}

/** The names of all that a volume can ask for. */
export const volumeWishNames: Readonly<Record<keyof VolumeWish, true>> = {
  issuer: true,
  issuerKind: true,
  issuerGroup: true,
  duration: true,
  renewBefore: true,
  dnsNames: true,
  reusePrivateKey: true,
  secret: true,
  attributes: true
}

/** The names of all that a pod can ask for. */
export const wishNames: Readonly<Record<keyof PodWish, true>> = {
  ...volumeWishNames,
  name: true,
  namespace: true,
  node: true,
  serviceAccount: true,
  labels: true,
  fsGroup: true,
  inherited: true,
  volumes: true
}

/**
 * Where a pod stands. `pending`: its volume is not there yet, so no container runs. `running`: its container sees the
 * volume. `ending`: it was deleted, its volume is being taken away. `gone`: nothing is left for the kubelet to do.
 */
type PodPhase = "pending" | "running" | "ending" | "gone"

/** A pod. */
export interface SimPod {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly node: string
  readonly serviceAccount: string
  readonly fsGroup: string
  /** Its volumes of certlet's, by their names. */
  readonly volumes: ReadonlyMap<string, SimPodVolume>
  phase: PodPhase
}

/** A volume of a pod. */
export interface SimPodVolume {
  readonly pod: SimPod
  readonly name: string
  readonly volumeId: string
  /** Where the kubelet wants the volume. */
  readonly target: string
  readonly attributes: Readonly<Record<string, string>>
  /** The Secret that it names; none for the one that is always there. */
  readonly secret: Option.Option<string>
  /** What the container holds: its own bind of the mount, whatever happens on the host afterwards. */
  held: Option.Option<SimVolume>
}

/** The volume that a pod has where it names none. */
const usualVolume = "tls"

/** `namespace/name` of the pod, and the volume's name where the pod has others. */
export const volumeText = ({ name, pod }: SimPodVolume): string =>
  pod.volumes.size === 1 ? namespacedName(pod) : `${namespacedName(pod)} (${name})`

const optional = (key: string, value: string | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [prefix + key]: value }

/** A length of time as Go writes it: attributes are read by Go's rules. */
const optionalTime = (key: string, time: Duration.Input | undefined): Readonly<Record<string, string>> =>
  optional(key, time === undefined ? undefined : `${Duration.toSeconds(Duration.fromInputUnsafe(time))}s`)

/** What a volume asks for, with what its pod asks for all of them. */
const attributesOf = (pod: SimPod, wish: VolumeWish): SimPodVolume["attributes"] => ({
  [`${kubeletPrefix}ephemeral`]: "true",
  [`${kubeletPrefix}pod.name`]: pod.name,
  [`${kubeletPrefix}pod.namespace`]: pod.namespace,
  [`${kubeletPrefix}pod.uid`]: pod.uid,
  [`${kubeletPrefix}serviceAccount.name`]: pod.serviceAccount,
  [`${prefix}issuer-name`]: wish.issuer ?? "ca",
  [`${prefix}dns-names`]: [wish.dnsNames ?? `${pod.name}.${pod.namespace}.svc`].flat().join(","),
  [`${prefix}key-algorithm`]: "ECDSA",
  ...optional("issuer-kind", wish.issuerKind),
  ...optional("issuer-group", wish.issuerGroup),
  ...optionalTime("duration", wish.duration),
  ...optionalTime("renew-before", wish.renewBefore),
  ...optional("reuse-private-key", wish.reusePrivateKey ? "true" : undefined),
  ...wish.attributes
})

/** Draws what a pod and its volumes are called by. */
interface Draws {
  /** A UUID. */
  readonly uuid: () => string
  /** So many hex digits. */
  readonly hex: (digits: number) => string
}

/** A pod that has just been scheduled. A volume's id has what the kubelet's hash makes of it: 64 hex digits. */
export const makePod = (
  wish: PodWish & { readonly name: string; readonly node: string },
  { hex, uuid }: Draws
): SimPod => {
  const { name, namespace = defaultNamespace, node, serviceAccount = "default", fsGroup = "" } = wish
  const volumes = new Map<string, SimPodVolume>()
  const uid = uuid()
  const pod: SimPod = {
    name,
    namespace,
    uid,
    node,
    serviceAccount,
    fsGroup,
    volumes,
    phase: wish.inherited === true ? "running" : "pending"
  }
  for (const [volume, own] of Object.entries(wish.volumes ?? { [usualVolume]: {} })) {
    volumes.set(volume, {
      pod,
      name: volume,
      volumeId: `csi-${hex(64)}`,
      target: `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~csi/${volume}/mount`,
      attributes: attributesOf(pod, { ...wish, ...own, attributes: { ...wish.attributes, ...own.attributes } }),
      secret: Option.fromUndefinedOr(own.secret ?? wish.secret),
      held: Option.none()
    })
  }
  return pod
}

/** The entries of the Secret that is always there. */
export const usualSecrets = ({ uid }: SimPod): PublishSecrets => ({
  [keystoreSecret]: Redacted.make(`${passwordMark}${uid}`)
})

/** What the kubelet sends for a volume; `context` holds what it adds to the attributes. */
export const publishCallOf = (
  { attributes, pod, target, volumeId }: SimPodVolume,
  context: Readonly<Record<string, string>>,
  secrets: PublishSecrets
): Omit<PublishCall, "deadline"> => ({
  volumeId,
  target,
  readonly: true,
  context: { ...attributes, ...context },
  secrets,
  mountFlags: [],
  volumeMountGroup: pod.fsGroup
})
