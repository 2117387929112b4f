/**
 * The pod that a volume belongs to, as the kubelet names it, and how Kubernetes writes an object's name. Pure, and at the
 * bottom of the house, so that every room writes names in the same way.
 */

/** The pod of a volume, as the kubelet names it (`podInfoOnMount`). */
export interface Pod {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly serviceAccount: string
}

/** An object of the cluster as sentences name it: `namespace/name`. */
export const namespacedName = (object: { readonly namespace: string; readonly name: string }): string =>
  `${object.namespace}/${object.name}`
