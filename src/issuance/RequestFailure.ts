/**
 * What an answer of the API server means when it is not the one hoped for: the HTTP status becomes a reason, the server's own
 * `Status` message becomes the detail, and its Retry-After, in seconds or as a date, becomes milliseconds. Nothing of the
 * call itself is repeated, least of all its headers. Pure.
 */
import { DateTime, Option, Predicate } from "effect"
import { RequestError } from "./CertificateRequests.ts"

const reasons: Readonly<Record<number, RequestError["reason"]>> = {
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

/** The header Retry-After (RFC 9110, 10.2.3) in milliseconds from `now`; none where it is neither seconds nor a date. */
export const retryAfterMillis = (header: string | undefined, now: number): Option.Option<number> => {
  if (header === undefined || header.trim() === "") return Option.none()
  if (/^\d+$/.test(header.trim())) return Option.some(Number(header.trim()) * 1000)
  return Option.map(DateTime.make(header), (_) => Math.max(0, DateTime.toEpochMillis(_) - now))
}

const longestDetail = 1000

const detailOf = (status: number, body: unknown): string =>
  Predicate.hasProperty(body, "message") && Predicate.isString(body.message) && body.message !== ""
    ? body.message.slice(0, longestDetail)
    : `the API server answered ${status}`

/** The error that an answer of 400 or more is; `body` is what was parsed, or undefined. `now` is in milliseconds. */
export const requestFailure = (
  action: string,
  answer: { readonly status: number; readonly retryAfter: string | undefined; readonly body: unknown },
  now: number
): RequestError =>
  new RequestError({
    reason: reasons[answer.status] ?? "Unavailable",
    action,
    detail: detailOf(answer.status, answer.body),
    ...Option.match(retryAfterMillis(answer.retryAfter, now), {
      onNone: () => ({}),
      onSome: (retryAfterMillis) => ({ retryAfterMillis })
    })
  })
