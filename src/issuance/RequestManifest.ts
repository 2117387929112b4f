/**
 * The CertificateRequest that a draft becomes: the object as it is sent to the API server. It is owned by its pod, so
 * that the cluster's garbage collector removes what certlet could not, but without `blockOwnerDeletion`, which clusters
 * that enforce owner references forbid to those who cannot write pods' finalizers, and without `controller`, which it
 * is not. Pure.
 */
import { formatGoDuration } from "../spec/GoDuration.ts"
import type { RequestDraft } from "./CertificateRequests.ts"
import { requestLabels, volumeAnnotation } from "./RequestLabels.ts"

/** The body of the POST that creates the request. */
export const requestManifest = (nodeId: string, draft: RequestDraft) => {
  const { spec, volumeId } = draft
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "CertificateRequest",
    metadata: {
      name: draft.name,
      namespace: spec.pod.namespace,
      labels: requestLabels(nodeId, volumeId),
      // Ours comes last: nothing that a pod asks for may make its request look like another volume's.
      annotations: { ...spec.annotations, [volumeAnnotation]: volumeId },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: spec.pod.name, uid: spec.pod.uid }]
    },
    spec: {
      issuerRef: spec.issuer,
      request: btoa(draft.signingRequest),
      duration: formatGoDuration(spec.duration),
      isCA: spec.isCA,
      usages: spec.usages
    }
  }
}
