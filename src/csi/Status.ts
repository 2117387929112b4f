/**
 * From an error of the driver to what crosses the wire: a gRPC code and a sentence. It is the only file that knows codes, and a
 * reason without a row does not compile. The sentence lands in `kubectl describe pod`, so it says what to do. The code tells
 * the kubelet whether the call has come to an end: DEADLINE_EXCEEDED, UNAVAILABLE, ABORTED and RESOURCE_EXHAUSTED mean
 * that it may still be going on, and are used exactly where the driver keeps the volume and goes on issuing.
 */
import { Schema } from "effect"
import type { PublishError, UnpublishError } from "../driver/DriverError.ts"

/** The gRPC status codes that certlet answers with. */
export const StatusCode = Schema.Literals([
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "INTERNAL",
  "UNAVAILABLE"
])
export type StatusCode = typeof StatusCode.Type

/** A failed call, as the kubelet sees it. */
export class Status extends Schema.TaggedError<Status>()("Status", { code: StatusCode, sentence: Schema.String }) {
  override get message(): string {
    return this.sentence
  }
}

/** What a sentence keeps of its beginning and of its end, where the advice stands: with nine bytes a character it fits a header. */
const kept = { beginning: 3000, end: 500 } as const

/**
 * A sentence that surely arrives: one line, of a bounded length, and without half characters. A status travels in a header,
 * and one that does not fit there, or cannot be encoded, would be lost together with its code.
 */
export const wireSentence = (sentence: string): string => {
  const line = sentence.replace(/[\s\p{Cc}]+/gu, " ")
  const { beginning, end } = kept
  const fits = line.length <= beginning + end
  return (fits ? line : `${line.slice(0, beginning)} ... ${line.slice(-end)}`).toWellFormed()
}

type Reason = PublishError["reason"] | UnpublishError["reason"]
/** An error's name in the table: its tag, and its reason where it has some. */
type Row<R extends Reason = Reason> = R extends { readonly reason: infer S extends string }
  ? `${R["_tag"]}.${S}`
  : R["_tag"]

/** Code and advice for each reason. Advice is a clause that follows what happened. */
const rows: Readonly<Record<Row, readonly [StatusCode, string]>> = {
  SpecError: ["INVALID_ARGUMENT", "correct the volumeAttributes of the pod's csi volume"],
  "KeyError.Unsupported": ["INTERNAL", "please report it with the pod's volumeAttributes"],
  "KeyError.Corrupt": ["INTERNAL", "the next try makes a new key"],
  "KeyError.Failed": ["INTERNAL", "look at the log of certlet on this node"],
  "RequestError.Unavailable": ["UNAVAILABLE", "certlet goes on trying; look at the API server if this lasts"],
  "RequestError.Throttled": ["UNAVAILABLE", "the API server is busy; certlet keeps away as long as it was asked to"],
  "RequestError.Unauthorized": ["UNAVAILABLE", "certlet's credentials are not accepted; look at its ServiceAccount"],
  "RequestError.Forbidden": ["PERMISSION_DENIED", "grant certlet the rights of its ClusterRole"],
  "RequestError.Missing": ["FAILED_PRECONDITION", "install cert-manager's CRDs, or look for the pod's namespace"],
  "RequestError.Conflict": ["UNAVAILABLE", "the next try takes another name"],
  "RequestError.Invalid": ["INVALID_ARGUMENT", "correct the volumeAttributes of the pod's csi volume"],
  "RequestError.Gone": ["UNAVAILABLE", "certlet makes a new one"],
  "IssuanceError.Denied": ["PERMISSION_DENIED", "it was denied; change the pod's request or the approver's policy"],
  "IssuanceError.Failed": ["FAILED_PRECONDITION", "the issuer could not sign; look at the issuer's status"],
  "IssuanceError.InvalidRequest": ["INVALID_ARGUMENT", "cert-manager finds it invalid; correct the volumeAttributes"],
  "IssuanceError.Pending": [
    "DEADLINE_EXCEEDED",
    "certlet goes on waiting and makes no second request; look at the approver and the issuer"
  ],
  "IssuanceError.Mismatch": ["FAILED_PRECONDITION", "the issuer signed something else; look at the issuer"],
  "IssuanceError.NotReady": ["DEADLINE_EXCEEDED", "certlet goes on as soon as it is there"],
  // RESOURCE_EXHAUSTED would tell the kubelet that the call is still going on, and it has been undone.
  "VolumeError.Full": ["INTERNAL", "free memory on the node, or raise certlet's --volume-size-limit"],
  "VolumeError.Busy": ["INTERNAL", "a process still uses the volume; the kubelet tries again"],
  "VolumeError.Io": ["INTERNAL", "look at the node's kernel log"],
  "VolumeError.Hostile": ["INVALID_ARGUMENT", "look at who made this path on the node"],
  "VolumeError.Foreign": ["FAILED_PRECONDITION", "something else stands there; look at the node's mounts"],
  "VolumeError.NotPermitted": ["FAILED_PRECONDITION", "run certlet privileged, with mountPropagation: Bidirectional"],
  "RecordError.Full": ["INTERNAL", "free space under certlet's --data-root"],
  "RecordError.Io": ["INTERNAL", "look at certlet's --data-root on the node"],
  Defect: ["INTERNAL", "the kubelet tries again"],
  Unpublished: ["ABORTED", "the kubelet decides whether it is needed again"]
}

/** The table's key of an error; the compiler knows that every one has a row. */
const rowOf = (reason: Reason): Row => {
  switch (reason._tag) {
    case "SpecError":
    case "Defect":
    case "Unpublished":
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

const subject = (error: PublishError | UnpublishError): string =>
  error._tag === "PublishError" && error.pod !== "" ? `pod ${error.pod}` : `volume ${error.volumeId}`

/** What the kubelet is told of a failed call: whose it was, what happened, what to do. */
export const statusOf = (error: PublishError | UnpublishError): Status => {
  const [code, advice] = rows[rowOf(error.reason)]
  return new Status({ code, sentence: `${subject(error)}: ${error.message}; ${advice}` })
}
