// What an approver does to a CertificateRequest, done by a test. Approval is a condition in the request's status,
// merged into the others by server-side apply, so that cert-manager's own conditions stay. A real cluster's admission
// webhook would ask whether the approver has the verb "approve" on the signer; it is not run here, so the right to
// write `certificaterequests/status` is enough.
import { DateTime } from "effect"
import { rfc3339 } from "../../src/spec/rfc3339.ts"
import type { KubeApi } from "./KubeApi.ts"
import type { KubeObject } from "./objects.ts"

export interface Verdict {
  readonly type: "Approved" | "Denied"
  readonly reason: string
  readonly message: string
}

/** Sets the condition of a verdict. A verdict must never change, which nobody enforces without the webhook. */
export const judgeRequest = (api: KubeApi, namespace: string, name: string, verdict: Verdict): Promise<KubeObject> => {
  const condition = { ...verdict, status: "True", lastTransitionTime: rfc3339(DateTime.nowUnsafe()) }
  return api.apply(
    {
      apiVersion: "cert-manager.io/v1",
      kind: "CertificateRequest",
      metadata: { namespace, name },
      status: { conditions: [condition] }
    },
    { subresource: "status", fieldManager: "certlet-test-approver" }
  )
}
