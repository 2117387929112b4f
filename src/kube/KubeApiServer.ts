/**
 * The live `ApiServer`, over node:https: JSON in, JSON out, and a line of JSON for each event of a watch. It knows
 * connections, time limits, credentials that are refused and an optional limit of its own rate; what a call means is
 * its caller's affair. Every failure is an `ApiError` with the server's own words and nothing of ours, so that no
 * secret leaves in a text. A kept-alive connection that the server has closed meanwhile is replaced at once: every call
 * made here may be sent twice.
 */
import { type IncomingMessage, request as overHttp } from "node:http"
import { request as overHttps } from "node:https"
import { Clock, Duration, Effect, Layer, Option, Predicate, Redacted } from "effect"
import { type KubeSettings, Settings } from "../Settings.ts"
import { ApiError, apiFailure } from "./ApiError.ts"
import { observeCall, observeNothing, observeWait } from "./ApiMetrics.ts"
import { type ApiCall, ApiServer } from "./ApiServer.ts"
import {
  type Connection,
  type KubeCredentials,
  keepAliveMillis,
  makeCredentials,
  tryConnection
} from "./KubeCredentials.ts"
import { tokenBucket } from "./tokenBucket.ts"

/** The network's own failure, before any answer. */
export interface Severed {
  readonly _tag: "Severed"
  readonly detail: string
  /** The connection had been used before, and broke before an answer: the server had most likely closed it as idle. */
  readonly stale: boolean
}

/** The answer has a body or a line that is longer than certlet reads. */
export interface Oversized {
  readonly _tag: "Oversized"
}

const oversized: Oversized = { _tag: "Oversized" }

/** The network's failure as a value. `reused`: the connection had served a call before. */
export const severed = (cause: unknown, stale: boolean): Severed => {
  const code = Predicate.hasProperty(cause, "code") ? cause.code : undefined
  const detail = Predicate.isError(cause) ? cause.message : "the connection failed"
  return { _tag: "Severed", detail, stale: stale && (code === "ECONNRESET" || code === "EPIPE") }
}

const identity = (connection: Connection, call: ApiCall) =>
  Option.match(call.token ?? Option.none(), {
    onNone: () => ({ agent: connection.agent, headers: connection.headers }),
    // Our certificate must not go with it: the API server looks at a certificate first, and would take the call for
    // ours.
    onSome: (token) => ({
      agent: connection.anonymous,
      headers: { authorization: `Bearer ${Redacted.value(token)}` }
    })
  })

const urlOf = (server: string, call: ApiCall): string =>
  call.query === undefined ? server + call.path : `${server}${call.path}?${new URLSearchParams(call.query)}`

const contentType = ({ method }: ApiCall): string =>
  method === "PATCH" ? "application/merge-patch+json" : "application/json"

/** Sends the call; succeeds when the headers of its answer are there. Interrupted, it is taken back. */
const open = (connection: Connection, call: ApiCall): Effect.Effect<IncomingMessage, Severed> =>
  Effect.callback((resume) => {
    try {
      const { agent, headers } = identity(connection, call)
      const payload = call.body === undefined ? undefined : JSON.stringify(call.body)
      const send = connection.server.startsWith("http:") ? overHttp : overHttps
      const outgoing = send(urlOf(connection.server, call), {
        method: call.method,
        agent,
        headers: {
          ...headers,
          accept: "application/json",
          "user-agent": "certlet",
          ...(payload === undefined
            ? {}
            : { "content-type": contentType(call), "content-length": Buffer.byteLength(payload) })
        }
      })
      outgoing.on("socket", (socket) => socket.setKeepAlive(true, keepAliveMillis))
      outgoing.on("error", (cause) => resume(Effect.fail(severed(cause, outgoing.reusedSocket))))
      outgoing.on("response", (answer) => resume(Effect.succeed(answer)))
      outgoing.end(payload)
      return Effect.sync(() => outgoing.destroy())
    } catch (cause) {
      resume(Effect.fail(severed(cause, false)))
      return undefined
    }
  })

/**
 * No body and no line of a watch is longer, in characters. The largest object that etcd takes by default is a tenth of
 * it, and JSON may write a character as six.
 */
export const longestText = 16 * 1024 * 1024

/**
 * Reads an answer line by line, the last one also where it has no line break. What goes wrong in a reader is a defect
 * of the effect and never an exception in the socket's own handler, which would end the process.
 */
const readLines = (
  answer: IncomingMessage,
  onLine: (line: string) => "more" | "enough"
): Effect.Effect<void, Severed | Oversized> =>
  Effect.callback((resume) => {
    // The connection may have broken between its headers and this line; no event tells of it any more.
    if (answer.destroyed) return resume(Effect.fail(severed(undefined, false)))
    let rest = ""
    let open = true
    const end = (outcome: Effect.Effect<void, Severed | Oversized>) => {
      open = false
      rest = ""
      resume(outcome)
    }
    const feed = (text: string, last: boolean) => {
      // Only what is new is searched: a list is one line of a megabyte, in a hundred pieces.
      const [first = "", ...others] = text.split("\n")
      if (rest.length + first.length > longestText) return end(Effect.fail(oversized))
      const lines = [rest + first, ...others]
      rest = last ? "" : (lines.pop() ?? "")
      for (const line of lines) {
        if (line !== "" && onLine(line) === "enough") return end(Effect.void)
      }
      if (last) end(Effect.void)
    }
    const take = (text: string, last: boolean) => {
      if (!open) return
      try {
        feed(text, last)
      } catch (cause) {
        end(Effect.die(cause))
      }
    }
    answer.setEncoding("utf8")
    answer.on("data", (text: string) => take(text, false))
    answer.on("end", () => take("", true))
    answer.on("error", (cause) => resume(Effect.fail(severed(cause, false))))
    answer.on("close", () => resume(Effect.fail(severed(undefined, false))))
  })

const readAll = (answer: IncomingMessage): Effect.Effect<string, Severed | Oversized> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    let length = 0
    const keep = (line: string) => {
      length += line.length + 1
      lines.push(line)
      return length > longestText + 1 ? "enough" : "more"
    }
    return Effect.flatMap(readLines(answer, keep), () =>
      length > longestText + 1 ? Effect.fail(oversized) : Effect.succeed(lines.join("\n"))
    )
  })

/** The JSON in a text; undefined where it is not JSON. */
const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Lets `qps` calls a second pass, and `burst` at once when it has been quiet: 10 where nothing is said, as in
 * client-go.
 */
const rateLimit = (qps: number, burst: number): Effect.Effect<void> =>
  qps <= 0
    ? Effect.void
    : tokenBucket({ burst: Math.max(1, burst > 0 ? burst : 10), intervalMillis: 1000 / qps }, observeWait)

const unavailable = (call: ApiCall, detail: string) =>
  new ApiError({ reason: "Unavailable", action: call.action, detail })

/** What was asked for may well have been done: the answer is not read to its end. */
const tooLarge = (call: ApiCall) =>
  new ApiError({
    reason: "Unavailable",
    action: call.action,
    detail: `the answer is larger than the ${longestText / 1024 / 1024} MiB that certlet reads`,
    oversized: true
  })

/** An answer of 400 or more as the error that it is. */
export const refused = Effect.fnUntraced(function* (action: string, answer: IncomingMessage) {
  // The status alone says enough where the text with it is too long.
  const text = yield* Effect.catchTag(readAll(answer), "Oversized", () => Effect.succeed(""))
  const body = parseJson(text)
  const status = answer.statusCode ?? 0
  const retryAfter = answer.headers["retry-after"]
  return yield* apiFailure(action, { status, retryAfter, body }, yield* Clock.currentTimeMillis)
})

/**
 * A refusal of a call that was sent again on another connection. If it creates an object, the first may have done so,
 * and only the answer that there is one already tells.
 */
const ofSecond = (call: ApiCall, error: ApiError | Severed): ApiError | Severed => {
  const isKnown = call.method !== "POST" || error._tag === "Severed"
  if (isKnown || error.reason === "Conflict" || error.reason === "Unauthorized") return error
  return unavailable(call, `${error.detail} (to the second of two tries)`)
}

/** An effect that may fail as the network does, or with an answer that is a refusal. */
type Attempt<A> = Effect.Effect<A, Severed | Oversized | ApiError>

/**
 * An answer below 400, handed to `use`, and let go of in every case. `opening` may limit the time until its headers are
 * there, and the time of a refusal's text.
 */
const exchange = <A>(
  connection: Connection,
  call: ApiCall,
  opening: <B>(_: Attempt<B>) => Attempt<B>,
  use: (answer: IncomingMessage) => Attempt<A>
): Attempt<A> => {
  let sentTwice = false
  const opened = Effect.catchIf(
    open(connection, call),
    (severed) => severed.stale,
    () => {
      sentTwice = true
      return open(connection, call)
    }
  )
  const refusal = (answer: IncomingMessage) =>
    Effect.mapError(refused(call.action, answer), (error) => (sentTwice ? ofSecond(call, error) : error))
  // Between the answer's headers and its reader nothing may slip away: whoever has the answer also lets go of it.
  return Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(opening(opened)), (answer) =>
      Effect.ensuring(
        restore((answer.statusCode ?? 0) >= 400 ? opening(refusal(answer)) : use(answer)),
        Effect.sync(() => answer.destroy())
      )
    )
  )
}

const json = (call: ApiCall) => (answer: IncomingMessage) =>
  Effect.flatMap(readAll(answer), (text) => {
    const body = parseJson(text)
    return body === undefined ? Effect.fail(unavailable(call, "the answer is no JSON")) : Effect.succeed(body)
  })

/** The API server to which these credentials lead. */
export const makeApiServer = Effect.fnUntraced(function* (settings: KubeSettings, credentials: KubeCredentials) {
  const limited = rateLimit(settings.qps, settings.burst)
  yield* observeNothing

  const limitTime = <A, E>(call: ApiCall, effect: Effect.Effect<A, E>) =>
    Effect.timeoutOrElse(effect, {
      duration: settings.requestTimeout,
      orElse: () =>
        Effect.fail(unavailable(call, `no answer within ${Duration.toSeconds(settings.requestTimeout)} seconds`))
    })

  const perform = <A>(call: ApiCall, attempt: (connection: Connection) => Attempt<A>): Effect.Effect<A, ApiError> => {
    const ours = Option.isNone(call.token ?? Option.none())
    const isStale = (error: Severed | Oversized | ApiError) =>
      ours && error._tag === "ApiError" && error.reason === "Unauthorized"
    return tryConnection(credentials, attempt, isStale).pipe(
      Effect.catchTag(["Severed", "CredentialsUnusable"], (error) => Effect.fail(unavailable(call, error.detail))),
      Effect.catchTag("Oversized", () => Effect.fail(tooLarge(call)))
    )
  }

  return ApiServer.of({
    call: (call) => {
      const performed = perform(call, (connection) => exchange(connection, call, (opened) => opened, json(call)))
      return Effect.andThen(limited, observeCall(call)(limitTime(call, performed)))
    },
    follow: (call, reader) => {
      // A stream may last: only its beginning is waited for with impatience.
      const take = (line: string) => reader.take(parseJson(line))
      const read = (answer: IncomingMessage) => Effect.andThen(reader.opened, readLines(answer, take))
      const opening = <B>(attempt: Attempt<B>) => limitTime(call, attempt)
      return Effect.andThen(
        limited,
        perform(call, (connection) => exchange(connection, call, opening, read))
      )
    }
  })
})

/** The API server that the settings name; nobody is called before somebody asks. */
export const layer: Layer.Layer<ApiServer, never, Settings> = Layer.effect(
  ApiServer,
  Effect.gen(function* () {
    const { kube } = yield* Settings
    return yield* makeApiServer(kube, yield* makeCredentials(kube))
  })
)
