/**
 * A pod of a simulated cluster, as the cluster knows it: who it is, where it runs, what its csi volume asks for and how
 * far it has come. Pure. Names of volumes and paths are made as the kubelet makes them, so that everything that depends
 * on their form sees the real one.
 */
import { Duration, Option, Redacted } from "effect"
import type { PublishCall } from "../../driver/DriverCalls.ts"
import type { SimVolume } from "./SimVolumeFS.ts"

/** What a story's passwords begin with, so that a judge finds them wherever they should not be. */
export const passwordMark = "sim-password-"

/** The key of the Secret that every simulated pod's volume names; it holds a password. */
export const keystoreSecret = "keystore-password"

/** Where pods are that do not say it. */
export const defaultNamespace = "apps"

/** What a pod of a simulated cluster asks for. */
export interface PodWish {
  /** By default `pod-1`, `pod-2`, and so on. */
  readonly name?: string
  /** By default `apps`. */
  readonly namespace?: string
  /** Where it runs; by default the nodes take turns. */
  readonly node?: string
  readonly serviceAccount?: string
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
  /** The pod's labels. */
  readonly labels?: Readonly<Record<string, string>>
  /** Any further attribute of the volume, by its whole key; wins over all of the above. */
  readonly attributes?: Readonly<Record<string, string>>
  /** `volumeMountGroup`: the pod's fsGroup, in decimal. */
  readonly fsGroup?: string
}

/** The names of all that a pod can ask for. */
export const wishNames: Readonly<Record<keyof PodWish, true>> = {
  name: true,
  namespace: true,
  node: true,
  serviceAccount: true,
  issuer: true,
  issuerKind: true,
  issuerGroup: true,
  duration: true,
  renewBefore: true,
  dnsNames: true,
  reusePrivateKey: true,
  labels: true,
  attributes: true,
  fsGroup: true
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
  readonly volumeId: string
  /** Where the kubelet wants the volume. */
  readonly target: string
  readonly attributes: Readonly<Record<string, string>>
  readonly fsGroup: string
  phase: PodPhase
  /** The volume that the container holds: its own bind of the mount, whatever happens on the host afterwards. */
  held: Option.Option<SimVolume>
}

const prefix = "csi.cert-manager.io/"
const kubelet = "csi.storage.k8s.io/"

const optional = (key: string, value: string | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [prefix + key]: value }

/** A length of time as Go writes it: attributes are read by Go's rules. */
const optionalTime = (key: string, time: Duration.Input | undefined): Readonly<Record<string, string>> =>
  optional(key, time === undefined ? undefined : `${Duration.toSeconds(Duration.fromInputUnsafe(time))}s`)

/**
 * A pod that has just been scheduled. `uid` is a UUID, `handle` what the kubelet's hash makes of its volume (64 hex
 * digits).
 */
export const makePod = (
  wish: PodWish & { readonly name: string; readonly node: string },
  uid: string,
  handle: string
): SimPod => {
  const { name, namespace = defaultNamespace, node } = wish
  return {
    name,
    namespace,
    uid,
    node,
    volumeId: `csi-${handle}`,
    target: `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~csi/tls/mount`,
    fsGroup: wish.fsGroup ?? "",
    attributes: {
      [`${kubelet}ephemeral`]: "true",
      [`${kubelet}pod.name`]: name,
      [`${kubelet}pod.namespace`]: namespace,
      [`${kubelet}pod.uid`]: uid,
      [`${kubelet}serviceAccount.name`]: wish.serviceAccount ?? "default",
      [`${prefix}issuer-name`]: wish.issuer ?? "ca",
      [`${prefix}dns-names`]: [wish.dnsNames ?? `${name}.${namespace}.svc`].flat().join(","),
      [`${prefix}key-algorithm`]: "ECDSA",
      ...optional("issuer-kind", wish.issuerKind),
      ...optional("issuer-group", wish.issuerGroup),
      ...optionalTime("duration", wish.duration),
      ...optionalTime("renew-before", wish.renewBefore),
      ...optional("reuse-private-key", wish.reusePrivateKey ? "true" : undefined),
      ...wish.attributes
    },
    phase: "pending",
    held: Option.none()
  }
}

/** What the kubelet sends for the pod's volume; `context` holds what it adds to the attributes. */
export const publishCallOf = (
  pod: SimPod,
  context: Readonly<Record<string, string>> = {}
): Omit<PublishCall, "deadline"> => ({
  volumeId: pod.volumeId,
  target: pod.target,
  readonly: true,
  context: { ...pod.attributes, ...context },
  secrets: { [keystoreSecret]: Redacted.make(`${passwordMark}${pod.uid}`) },
  mountFlags: [],
  volumeMountGroup: pod.fsGroup
})
