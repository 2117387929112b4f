/**
 * The rights that `kubectl certlet` needs, each as the rule of RBAC that grants it. Who lacks one reads the rule and
 * need not look it up. `k8s/README.md` has them as a ClusterRole, and a test compares. Pure.
 */
import type { ApiError } from "../../kube/ApiError.ts"

/** One rule of a Role or a ClusterRole. */
export interface Right {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

/** What is needed for what. The API server asks for `create` or `get` of an exec, as its version is. */
export const rights = {
  listPods: { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  getPod: { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
  exec: { apiGroups: [""], resources: ["pods/exec"], verbs: ["create", "get"] },
  events: { apiGroups: [""], resources: ["events"], verbs: ["list"] },
  request: { apiGroups: ["cert-manager.io"], resources: ["certificaterequests"], verbs: ["get"] },
  issuer: { apiGroups: ["cert-manager.io"], resources: ["issuers", "clusterissuers"], verbs: ["get"] }
} as const satisfies Readonly<Record<string, Right>>

/** An API server's refusal; where a right is missing, with the rule that grants it. */
export const withRight = (error: ApiError, needed: keyof typeof rights): string =>
  error.reason === "Forbidden"
    ? `${error.message}; this needs a Role or ClusterRole with the rule ${JSON.stringify(rights[needed])}`
    : error.message
