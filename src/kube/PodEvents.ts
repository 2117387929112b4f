/**
 * The door to a pod's owner: what happens to a pod's certificate becomes an Event on the pod, where `kubectl
 * describe pod` shows it. `ApiPodEvents` writes them. To tell costs the teller nothing: it neither waits for the API
 * server nor fails. What happens again and again is folded into one Event with a count, so that a pod never has more
 * Events than there are reasons, however long its trouble lasts.
 */
import { Context, type Effect } from "effect"
import type { Pod } from "../spec/Pod.ts"

/** Why an Event is told; in `kubectl describe pod` the column "Reason". */
export type EventReason =
  | "CertificateNotRequested"
  | "CertificateNotApproved"
  | "CertificateNotSigned"
  | "CertificateDenied"
  | "CertificateFailed"
  | "CertificateNotRenewed"
  | "CertificateNotAsRequested"
  | "CertificateRenewedLate"
  | "CertificateTooShort"
  | "TrustBundleDamaged"
  | "VolumeAttributeIgnored"
  | "VolumeDamaged"
  | "VolumeHealed"
  | "VolumeInherited"
  | "VolumeMountLost"
  | "VolumeRefused"

/** One thing that a pod's owner should know. */
export interface PodEvent {
  readonly pod: Pick<Pod, "name" | "namespace" | "uid">
  /** `Warning` where somebody should act. */
  readonly type: "Normal" | "Warning"
  readonly reason: EventReason
  /** What happened, and what to do; at most 1,024 bytes of it are kept. */
  readonly note: string
}

/**
 * The Events of this node's pods.
 *
 * Laws: telling never fails and waits for nobody; the first of its reason on a pod is written at once; the same reason
 * on the same pod again is the same Event with a higher count and the latest note; it is written again at growing
 * intervals only, and then with every repetition counted; two pods' Events are two Events, also where the pods' names
 * are the same.
 */
export class PodEvents extends Context.Service<
  PodEvents,
  {
    readonly tell: (event: PodEvent) => Effect.Effect<void>
  }
>()("certlet/kube/PodEvents") {}
