/**
 * One line in the log for each of the kubelet's calls: how it ended and how long it took, for whoever asks for it with
 * `-v 3`. What a defect does is told to everybody. The line has the volume's id, so that a volume's calls can be found.
 */
import { Cause, DateTime, Duration, Effect, Exit, Option } from "effect"
import { oneLine } from "../spec/oneLine.ts"
import type { Status } from "./Status.ts"

/** A call of the kubelet. */
interface Call {
  readonly method: string
  readonly volumeId: string | undefined
  readonly begun: DateTime.Utc
}

const ending = (exit: Exit.Exit<unknown, Status>): string => {
  if (Exit.isSuccess(exit)) return "answered OK"
  return Option.match(Cause.findErrorOption(exit.cause), {
    onNone: () => "cancelled by its caller",
    onSome: ({ code, sentence }) => `refused with ${code}: ${oneLine(sentence)}`
  })
}

/** Says how a call ended. */
export const tellCall = Effect.fnUntraced(function* (
  { begun, method, volumeId }: Call,
  exit: Exit.Exit<unknown, Status>
) {
  const millis = Math.round(Duration.toMillis(DateTime.distance(begun, yield* DateTime.now)))
  const told =
    Exit.isFailure(exit) && Cause.hasDies(exit.cause)
      ? Effect.logError(`${method} died`, exit.cause)
      : Effect.logDebug(`${method}: ${ending(exit)}`)
  yield* Effect.annotateLogs(told, { ...(volumeId === undefined ? {} : { volumeId }), millis })
})
