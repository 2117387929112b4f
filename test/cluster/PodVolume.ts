// One pod's volume as the kubelet has it: a pod that exists in the API server, a target path whose parent exists and
// which does not exist itself, a volume id, and the volume context with the pod's identity and its attributes. It is
// only a description; the calls about it are made by `Certlet`.
import { createHash } from "node:crypto"
import { mkdir } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { ControlPlane } from "./ControlPlane.ts"
import type { IssuerRef } from "./issuers.ts"

export interface PodVolume {
  readonly id: string
  readonly target: string
  readonly namespace: string
  readonly pod: string
  /** The whole volume context. */
  readonly context: Readonly<Record<string, string>>
  /** The pod's fsGroup, as the kubelet hands it over; none by default. */
  readonly mountGroup?: string
  /** The entries of the Secret that the pod's csi volume names. */
  readonly secrets?: Readonly<Record<string, string>>
}

export interface PodVolumeOptions {
  readonly namespace: string
  readonly pod: string
  /** cert-manager's own, or anybody's. */
  readonly issuer: Readonly<Record<keyof IssuerRef, string>>
  /** Keys without the prefix `csi.cert-manager.io/`. */
  readonly attributes?: Readonly<Record<string, string>>
  readonly mountGroup?: string
  /** Keys with a prefix of their own, as they are. */
  readonly others?: Readonly<Record<string, string>>
}

/** The attributes of a small certificate that is made quickly: a P-256 key and one name. */
export const quick = { "key-algorithm": "ECDSA", "dns-names": "$" + "{POD_NAME}.example.com" } as const

const prefixed = (prefix: string, attributes: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`${prefix}/${key}`, value]))

/** Makes the pod and the folder above the target, below `podsFolder`. */
export const makePodVolume = async (
  plane: ControlPlane,
  podsFolder: string,
  options: PodVolumeOptions
): Promise<PodVolume> => {
  const { namespace, pod, issuer } = options
  const uid = await plane.createPod(namespace, pod)
  const target = join(podsFolder, uid, "volumes", "kubernetes.io~csi", "tls", "mount")
  await mkdir(dirname(target), { recursive: true })
  return {
    // As the kubelet names an inline volume: "csi-" and a SHA-256.
    id: `csi-${createHash("sha256").update(`${uid}/tls`).digest("hex")}`,
    target,
    namespace,
    pod,
    context: {
      ...prefixed("csi.storage.k8s.io", {
        ephemeral: "true",
        "pod.name": pod,
        "pod.namespace": namespace,
        "pod.uid": uid,
        "serviceAccount.name": "default"
      }),
      ...prefixed("csi.cert-manager.io", {
        "issuer-name": issuer.name,
        "issuer-kind": issuer.kind,
        "issuer-group": issuer.group,
        ...(options.attributes ?? quick)
      }),
      ...options.others
    },
    ...(options.mountGroup === undefined ? {} : { mountGroup: options.mountGroup })
  }
}
