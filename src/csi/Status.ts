/**
 * From an error of the driver to what crosses the wire: a gRPC code and a sentence. It is the only file that knows
 * codes, and a reason without a row does not compile. The sentence lands in `kubectl describe pod`, so it says what to
 * do. The code tells the kubelet whether the call has come to an end: DEADLINE_EXCEEDED, UNAVAILABLE, ABORTED and
 * RESOURCE_EXHAUSTED mean that it may still be going on, and are used exactly where something of the volume is left.
 * After any other code the kubelet forgets the volume, and no unpublish follows.
 */
import { Cause, Option, Schema } from "effect"
import { Defect } from "../Defect.ts"
import { adviceFor, type ReasonName, reasonName } from "../driver/Advice.ts"
import type { PublishError, UnknownVolume, UnpublishError } from "../driver/DriverError.ts"
import { oneLine } from "../spec/oneLine.ts"

/** The gRPC status codes that certlet answers with. */
export const StatusCode = Schema.Literals([
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
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

/** The codes after which the kubelet takes a call for one that may still be going on (kubernetes: `isFinalError`). */
const uncertain: ReadonlyArray<string> = ["DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED"]

/**
 * Whether a failed publish has come to its end: the kubelet forgets the volume then, and no unpublish follows where the
 * pod goes.
 */
export const isFinal = ({ code }: { readonly code: string }): boolean => !uncertain.includes(code)

/**
 * What a sentence keeps of its beginning and of its end, where the advice stands: with nine bytes a character it fits a
 * header.
 */
const kept = { head: 3000, tail: 500 } as const

/**
 * A sentence that surely arrives: one line, of a bounded length, and without half characters. A status travels in a
 * header, and one that does not fit there, or cannot be encoded, would be lost together with its code.
 */
export const wireSentence = (sentence: string): string => {
  const line = oneLine(sentence)
  const { head, tail } = kept
  const fits = line.length <= head + tail
  return (fits ? line : `${line.slice(0, head)} ... ${line.slice(-tail)}`).toWellFormed()
}

/** The code for each reason. */
const codes: Readonly<Record<ReasonName, StatusCode>> = {
  SpecError: "INVALID_ARGUMENT",
  "KeyError.Unsupported": "INTERNAL",
  "KeyError.Corrupt": "INTERNAL",
  "KeyError.Failed": "INTERNAL",
  "RequestError.Unavailable": "UNAVAILABLE",
  "RequestError.Throttled": "UNAVAILABLE",
  "RequestError.Unauthorized": "UNAVAILABLE",
  "RequestError.Forbidden": "PERMISSION_DENIED",
  "RequestError.Missing": "FAILED_PRECONDITION",
  "RequestError.Conflict": "UNAVAILABLE",
  "RequestError.Invalid": "INVALID_ARGUMENT",
  "RequestError.Gone": "UNAVAILABLE",
  "IssuanceError.Denied": "PERMISSION_DENIED",
  "IssuanceError.Failed": "FAILED_PRECONDITION",
  "IssuanceError.InvalidRequest": "INVALID_ARGUMENT",
  "IssuanceError.Pending": "DEADLINE_EXCEEDED",
  "IssuanceError.Mismatch": "FAILED_PRECONDITION",
  "IssuanceError.NotReady": "DEADLINE_EXCEEDED",
  // RESOURCE_EXHAUSTED would tell the kubelet that the call is still going on, and it has been undone.
  "VolumeError.Full": "INTERNAL",
  "VolumeError.Busy": "INTERNAL",
  "VolumeError.Io": "INTERNAL",
  "VolumeError.Hostile": "INVALID_ARGUMENT",
  "VolumeError.Foreign": "FAILED_PRECONDITION",
  "VolumeError.NotPermitted": "FAILED_PRECONDITION",
  "RecordError.Full": "INTERNAL",
  "RecordError.Io": "INTERNAL",
  Defect: "INTERNAL",
  Unpublished: "ABORTED",
  UnknownVolume: "NOT_FOUND"
}

/**
 * What a caller hears whose handler has ended without a status of its own: certlet cut it off because it ends, or it
 * has a defect. A caller that cancelled hears nothing.
 */
export const statusOfEnd = (cause: Cause.Cause<unknown>): Status =>
  Cause.hasInterrupts(cause)
    ? new Status({ code: "UNAVAILABLE", sentence: "certlet is ending; the kubelet tries again" })
    : new Status({ code: codes.Defect, sentence: new Defect().message })

type Failure = PublishError | UnpublishError | UnknownVolume

const subject = (error: Failure): string =>
  error._tag === "PublishError" && error.pod !== "" ? `pod ${error.pod}` : `volume ${error.volumeId}`

/** What the kubelet is told of a failed call: whose it was, what happened, what to do. */
export const statusOf = (error: Failure): Status => {
  const reason = error._tag === "UnknownVolume" ? error : error.reason
  const code = codes[reasonName(reason)]
  const sentence = `${subject(error)}: ${error.message}; ${adviceFor(reason)}`
  const left = error._tag === "PublishError" && isFinal({ code }) ? error.left : Option.none()
  return Option.match(left, {
    onNone: () => new Status({ code, sentence }),
    onSome: (left) => new Status({ code: "UNAVAILABLE", sentence: `${sentence}; ${left}` })
  })
}
