/**
 * The door into a container: a command is run there and what it says comes back, as with `kubectl exec`. Only the
 * operator's side of certlet goes through it, to ask the certlet of each node; a node's process never does.
 * `KubePodExec` is the live side, over the API server's `pods/exec`. Nothing is written to the command.
 */
import { Context, type Effect, Option, Result, Schema } from "effect"
import type { ApiError } from "./ApiError.ts"

/** What is to be run, and where. */
export interface ExecCall {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly command: ReadonlyArray<string>
}

/** A command that has ended. */
export interface Executed {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Containers.
 *
 * Laws: a command that ends with another code than 0 has not failed here, its code and both outputs are returned; what
 * cannot be run is an `ApiError` with the server's own words; an interrupted call lets go of its connection.
 */
export class PodExec extends Context.Service<
  PodExec,
  { readonly run: (call: ExecCall) => Effect.Effect<Executed, ApiError> }
>()("certlet/kube/PodExec") {}

/** The `Status` (v1) at the end of an exec. */
const ExecStatus = Schema.fromJsonString(
  Schema.Struct({
    status: Schema.optionalKey(Schema.String),
    message: Schema.optionalKey(Schema.String),
    details: Schema.optionalKey(
      Schema.Struct({
        causes: Schema.optionalKey(
          Schema.Array(
            Schema.Struct({ reason: Schema.optionalKey(Schema.String), message: Schema.optionalKey(Schema.String) })
          )
        )
      })
    )
  })
)

const decodeStatus = Schema.decodeUnknownOption(ExecStatus)

/** The command's exit code; where the command was not run, what the server says of it. */
export const exitCodeIn = (status: string): Result.Result<number, string> => {
  const read = Option.getOrUndefined(decodeStatus(status))
  if (read === undefined) return Result.fail("the command's end cannot be read")
  if (read.status === "Success") return Result.succeed(0)
  const code = read.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message ?? ""
  return /^\d{1,3}$/.test(code)
    ? Result.succeed(Number(code))
    : Result.fail(read.message ?? "the command cannot be run")
}
