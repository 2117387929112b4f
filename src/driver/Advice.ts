/**
 * What to do about a failure, in a clause that follows the sentence about what happened. It is said wherever a pod's
 * owner or an operator reads of the failure: in the kubelet's FailedMount, in an Event on the pod, in `certlet status`.
 * A reason without advice does not compile. Pure.
 */
import type { PublishError, UnknownVolume, UnpublishError } from "./DriverError.ts"

type Reason = PublishError["reason"] | UnpublishError["reason"] | UnknownVolume
type NameOf<R extends Reason = Reason> = R extends { readonly reason: infer S extends string }
  ? `${R["_tag"]}.${S}`
  : R["_tag"]

/** The name of a leaf error: its tag, and its reason where it has some. */
export type ReasonName = NameOf

const advice: Readonly<Record<ReasonName, string>> = {
  SpecError: "correct the volumeAttributes of the pod's csi volume",
  "KeyError.Unsupported": "please report it with the pod's volumeAttributes",
  "KeyError.Corrupt": "the next try makes a new key",
  "KeyError.Failed": "look at certlet's log on this node",
  "RequestError.Unavailable": "certlet retries; look at the API server if this lasts",
  "RequestError.Throttled": "the API server is busy; certlet retries when the API server allows it",
  "RequestError.Unauthorized": "certlet's credentials are not accepted; look at its ServiceAccount",
  "RequestError.Forbidden":
    "grant this right to the user in this message: for certlet in its ClusterRole, for a ServiceAccount in its namespace",
  "RequestError.Missing": "install cert-manager's CRDs, or check that the pod's namespace exists",
  "RequestError.Conflict": "the next try uses another name",
  "RequestError.Invalid": "correct the volumeAttributes of the pod's csi volume",
  "RequestError.Gone": "certlet makes a new one",
  "IssuanceError.Denied": "the request was denied; change the pod's request or the approver's policy",
  "IssuanceError.Failed": "the issuer could not sign; look at the issuer's status",
  "IssuanceError.InvalidRequest": "cert-manager says that the request is invalid; correct the volumeAttributes",
  "IssuanceError.Pending": "certlet keeps waiting for this request; look at the approver and the issuer",
  "IssuanceError.Mismatch": "the issuer signed something else than was requested; look at the issuer",
  "IssuanceError.NotReady": "certlet requests the certificate as soon as it is there",
  "VolumeError.Full": "free memory on the node, or raise certlet's --volume-size-limit",
  "VolumeError.Busy": "a process still uses the volume; the kubelet tries again",
  "VolumeError.Io": "look at the node's kernel log",
  "VolumeError.Hostile": "find out who created this path on the node",
  "VolumeError.Foreign": "something else is mounted there; look at the node's mounts",
  "VolumeError.NotPermitted": "run certlet privileged, with mountPropagation: Bidirectional",
  "RecordError.Full": "free space under certlet's --data-root",
  "RecordError.Io": "look at certlet's --data-root on the node",
  Defect: "the kubelet tries again",
  Unpublished: "the kubelet decides whether it is needed again",
  UnknownVolume: "the kubelet publishes it if a pod needs it"
}

/** An error's name; the compiler knows that every one has a row in every table. */
export const reasonName = (reason: Reason): ReasonName => {
  switch (reason._tag) {
    case "SpecError":
    case "Defect":
    case "Unpublished":
    case "UnknownVolume":
      return reason._tag
    case "KeyError":
      return `${reason._tag}.${reason.reason}`
    case "RequestError":
      return `${reason._tag}.${reason.reason}`
    case "IssuanceError":
      return `${reason._tag}.${reason.reason}`
    case "VolumeError":
      return `${reason._tag}.${reason.reason}`
    case "RecordError":
      return `${reason._tag}.${reason.reason}`
  }
}

/** What to do about a request that stays open, by what it waits for. */
export const adviceForWait: Readonly<Record<"approval" | "signature" | "the API server", string>> = {
  approval: "if this lasts, approve the request, or look at the approver and its policy",
  signature: "if this lasts, look at the issuer's status and at its controller",
  "the API server": "if this lasts, look at the API server and at certlet's log on this node"
}

/** What to do about a failure: a clause in small letters, without a full stop. */
export const adviceFor = (reason: Reason): string => advice[reasonName(reason)]
