/**
 * What certlet says in its log when something of a volume has failed and will be tried again, as judges read it: whose
 * it was, the how many-th failure in a row, how long the pause is, and why. Pure.
 */
import { Option, Result, Schema } from "effect"
import type { Event, Happening } from "../story/Happening.ts"

/** How certlet says that a rotation of the trust bundle has failed. */
export const notRotated = "the new trust bundle is not in place"

/** How it says what has failed: a first attempt, one for the next certificate, or a rotation. */
const outcomes = ["no certificate yet", "not renewed", notRotated] as const

/** Something that has failed. */
export interface ToldFailure {
  readonly volumeId: string
  readonly outcome: (typeof outcomes)[number]
  readonly temper: string
  /** In a row, this one included. */
  readonly failures: number
  /** Until the next try, in whole seconds, rounded up. */
  readonly pause: number
  readonly why: string
}

const Annotations = Schema.fromJsonString(
  Schema.Struct({ volumeId: Schema.String, temper: Schema.String, failures: Schema.Number })
)
const decodeAnnotations = Schema.decodeUnknownResult(Annotations)

type LogLine = Extract<Happening, { readonly _tag: "Logged" }>

const readFailure = ({ annotations, message }: LogLine): ToldFailure | undefined => {
  const outcome = outcomes.find((outcome) => message.startsWith(`${outcome}, next try in `))
  if (outcome === undefined) return undefined
  const [, seconds, why = ""] = /, next try in (\d+) s: (.*)$/s.exec(message) ?? []
  const told = Option.getOrUndefined(Result.getSuccess(decodeAnnotations(annotations)))
  return told === undefined ? undefined : { ...told, outcome, pause: Number(seconds), why }
}

/** Several judges ask about the same line: it is read once. */
const read = new WeakMap<LogLine, ToldFailure | undefined>()

/** The failure that an event tells; undefined where it tells none. */
export const failureTold = ({ what }: Event): ToldFailure | undefined => {
  if (what._tag !== "Logged") return undefined
  if (!read.has(what)) read.set(what, readFailure(what))
  return read.get(what)
}
