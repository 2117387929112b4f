/**
 * How Kubernetes tells the objects of one kind apart: by namespace and name. It is said here once for pods, requests
 * and all others: as a type, and as the text that sentences and keys contain. Pure.
 */

/** Which object of its kind. */
export interface NamespacedName {
  readonly namespace: string
  readonly name: string
}

/** `namespace/name`. */
export const namespacedName = ({ name, namespace }: NamespacedName): string => `${namespace}/${name}`
