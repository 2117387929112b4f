/**
 * A call to the API server that failed, and what an answer means when it is not the one hoped for: the HTTP status
 * becomes a reason, the server's own `Status` message becomes the detail, and its Retry-After, in seconds or as a date,
 * becomes milliseconds. Nothing of the call itself is repeated, least of all its headers. Pure.
 */
import { DateTime, Option, Predicate, Schema } from "effect"
import type { Temper } from "../Temper.ts"

/** How a call can fail: what the server answered, in one word. */
export const ApiReason = Schema.Literals([
  "Unavailable",
  "Throttled",
  "Unauthorized",
  "Forbidden",
  "Missing",
  "Conflict",
  "Invalid",
  "Gone"
])
export type ApiReason = typeof ApiReason.Type

/**
 * A call to the API server failed.
 *
 * `Unavailable`: no answer or 5xx. `Throttled`: 429, with the server's Retry-After. `Unauthorized`: 401. `Forbidden`:
 * 403. `Missing`: 404, the resource type, namespace or object is not there. `Conflict`: 409, the name belongs to
 * somebody else. `Invalid`: 422 or 400, the server refuses the object. `Gone`: 410, that place in history is no longer
 * known.
 */
export class ApiError extends Schema.TaggedError<ApiError>()("ApiError", {
  reason: ApiReason,
  /** What was being done, as a verb phrase: "create CertificateRequest ns/name". */
  action: Schema.String,
  /** The server's own words, or the network's. */
  detail: Schema.String,
  /** The HTTP status of the answer. */
  status: Schema.optionalKey(Schema.Number),
  /** How long the server asked us to stay away, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Number),
  /** There was an answer, larger than is read: a list may be asked for in smaller pages. */
  oversized: Schema.optionalKey(Schema.Boolean)
}) {
  get temper(): Temper {
    return temperOf(this.reason)
  }
  override get message(): string {
    return `${this.action}: ${this.detail}`
  }
}

/** Forbidden is not a refusal: an API server that has just started forbids everything until it has read its rules. */
export const temperOf = (reason: ApiReason): Temper => (reason === "Invalid" ? "refused" : "transient")

const reasons: Readonly<Record<number, ApiReason>> = {
  400: "Invalid",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Missing",
  409: "Conflict",
  410: "Gone",
  413: "Invalid",
  415: "Invalid",
  422: "Invalid",
  429: "Throttled"
}

/** No server is stayed away from for longer: nobody else may decide that a pod gets no certificate for an hour. */
const longestRetryAfterMillis = 60_000

/**
 * The header Retry-After (RFC 9110, 10.2.3) in milliseconds from `now`, a minute at most; none where it is neither
 * seconds nor a date.
 */
export const retryAfterMillis = (header: string | undefined, now: number): Option.Option<number> => {
  const text = header?.trim() ?? ""
  const wanted = /^\d+$/.test(text)
    ? Option.some(Number(text) * 1000)
    : Option.map(DateTime.make(text), (time) => DateTime.toEpochMillis(time) - now)
  return Option.map(wanted, (millis) => Math.min(longestRetryAfterMillis, Math.max(0, millis)))
}

const longestDetail = 1000

const detailOf = (status: number, body: unknown): string =>
  Predicate.hasProperty(body, "message") && Predicate.isString(body.message) && body.message !== ""
    ? body.message.slice(0, longestDetail)
    : `the API server answered ${status}`

/** The error that an answer of 400 or more is; `body` is what was parsed, or undefined. `now` is in milliseconds. */
export const apiFailure = (
  action: string,
  answer: { readonly status: number; readonly retryAfter: string | undefined; readonly body: unknown },
  now: number
): ApiError =>
  new ApiError({
    reason: reasons[answer.status] ?? "Unavailable",
    action,
    detail: detailOf(answer.status, answer.body),
    status: answer.status,
    ...Option.match(retryAfterMillis(answer.retryAfter, now), {
      onNone: () => ({}),
      onSome: (retryAfterMillis) => ({ retryAfterMillis })
    })
  })
