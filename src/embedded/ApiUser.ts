/**
 * Who calls the embedded API server, and what each may do, in the words of RBAC. certlet's own user has the rights that
 * the real deployment gives it and no others: what certlet is not allowed to do in a real cluster it cannot do here
 * either, over HTTPS or in a simulation. Pure.
 */
import { each, type ResourceName } from "./Resource.ts"

/** What a client may ask for. */
export type Verb = "create" | "get" | "list" | "watch" | "delete" | "update" | "patch"

/** Who a client is, and what it may do; `namespace` confines it to one. */
export interface ApiUser {
  readonly name: string
  readonly verbs: Readonly<Partial<Record<ResourceName, ReadonlyArray<Verb>>>>
  readonly namespace?: string
}

/** certlet. */
export const certletUser: ApiUser = {
  name: "system:serviceaccount:certlet:certlet",
  verbs: {
    requests: ["create", "list", "watch", "delete"],
    pods: ["list", "watch"],
    configMaps: ["list", "watch"],
    clusterTrustBundles: ["list", "watch"],
    events: ["create", "patch"]
  }
}

/** Who may do everything. */
export const adminUser: ApiUser = {
  name: "admin",
  verbs: each(() => ["create", "get", "list", "watch", "delete", "update", "patch"] as const)
}

/** A pod's ServiceAccount, which may create CertificateRequests in its own namespace. */
export const podUser = (namespace: string, serviceAccount: string): ApiUser => ({
  name: `system:serviceaccount:${namespace}:${serviceAccount}`,
  verbs: { requests: ["create"] },
  namespace
})
