/**
 * The API server as certlet meets it: single calls, and watches. `KubeApiServer` is the live side, over HTTPS; in a
 * simulation a simulated network stands in its place, and everything above this door is the same code in both. Objects
 * come parsed, so that nobody above knows of bytes or lines. Every failure is an `ApiError`.
 */
import { Context, type Effect, type Option, type Redacted } from "effect"
import type { ApiError } from "./ApiError.ts"

/** One call. `action` is a verb phrase for errors: "create CertificateRequest ns/name". */
export interface ApiCall {
  readonly action: string
  /** A PATCH is a JSON merge patch (RFC 7386). */
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  /** Absolute path, encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Call in the name of whom this bearer token belongs to, and not in our own. */
  readonly token?: Option.Option<Redacted.Redacted<string>>
}

/** Who reads a watch. */
export interface EventReader {
  /** Run once, when the server has agreed to answer. */
  readonly opened: Effect.Effect<void>
  /** Called with each event, parsed; with undefined where what came is no JSON. It decides whether to go on reading. */
  readonly take: (event: unknown) => "more" | "enough"
}

/**
 * The API server. One of it, and so one pool of connections, serves the whole process.
 *
 * Laws: a call that fails with anything but `Unavailable` was answered, and what it asked for was not done; after
 * `Unavailable` nobody knows; a call may be sent twice; `follow` ends when the server ends the watch or its reader has
 * enough, and fails when the connection breaks; an interrupted call or watch is taken back.
 */
export class ApiServer extends Context.Service<
  ApiServer,
  {
    /** The parsed answer of a call. */
    readonly call: (call: ApiCall) => Effect.Effect<unknown, ApiError>
    /** Hands each event of a watch to its reader. */
    readonly follow: (call: ApiCall, reader: EventReader) => Effect.Effect<void, ApiError>
  }
>()("certlet/kube/ApiServer") {}
