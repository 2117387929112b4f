/**
 * How a Kubernetes API server says no: the `Status` object (`meta/v1`) that every refusal carries, with its HTTP code,
 * its machine-readable reason and its sentence. It is pure, and the one place of the embedded API server that words a
 * refusal. Only the refusals that certlet's client has to understand are here.
 */

/** A refusal, not yet on the wire. */
export interface Refusal {
  readonly code: number
  readonly reason: string
  readonly message: string
  /** Seconds; becomes the header Retry-After. */
  readonly retryAfter?: string
}

/** The refusals by what went wrong. */
export const refusal = {
  badRequest: (message: string): Refusal => ({ code: 400, reason: "BadRequest", message }),
  unauthorized: { code: 401, reason: "Unauthorized", message: "Unauthorized" } satisfies Refusal,
  forbidden: (user: string, verb: string, resource: string): Refusal => ({
    code: 403,
    reason: "Forbidden",
    message: `${resource} is forbidden: User "${user}" cannot ${verb} resource "${resource}"`
  }),
  notFound: (what: string, name: string): Refusal => ({
    code: 404,
    reason: "NotFound",
    message: `${what} "${name}" not found`
  }),
  noSuchPath: { code: 404, reason: "NotFound", message: "the server could not find the requested resource" } as Refusal,
  alreadyExists: (resource: string, name: string): Refusal => ({
    code: 409,
    reason: "AlreadyExists",
    message: `${resource} "${name}" already exists`
  }),
  conflict: (resource: string, name: string, why: string): Refusal => ({
    code: 409,
    reason: "Conflict",
    message: `Operation cannot be fulfilled on ${resource} "${name}": ${why}`
  }),
  expired: (message: string): Refusal => ({ code: 410, reason: "Expired", message }),
  invalid: (name: string, field: string, why: string): Refusal => ({
    code: 422,
    reason: "Invalid",
    message: `CertificateRequest.cert-manager.io "${name}" is invalid: ${field}: ${why}`
  })
}

const reasons: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout"
}

/** A refusal made to order, for servers that are told to fail. */
export const refusalOf = (code: number, retryAfter?: string): Refusal => ({
  code,
  reason: reasons[code] ?? "Unknown",
  message: `the server was told to answer ${code}`,
  ...(retryAfter === undefined ? {} : { retryAfter })
})

/** The `Status` object of a refusal. */
export const statusBody = (no: Refusal) => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  message: no.message,
  reason: no.reason,
  ...(no.retryAfter === undefined ? {} : { details: { retryAfterSeconds: Number.parseInt(no.retryAfter, 10) || 0 } }),
  code: no.code
})
