/**
 * The error of this room: what a pod asks for breaks one or more rules. Each fault makes one sentence, whose subject is
 * the attribute and whose predicate is the rule. All faults of a spec are told at once, because a pod's owner who reads
 * them in the pod's events has to replace the pod to mend any of them.
 */
import { Schema } from "effect"
import type { Temper } from "../Temper.ts"

/** A rule that is broken: the attribute that has to change, without its prefix, and the predicate of the sentence. */
export type BrokenRule<Name extends string = string> = readonly [attribute: Name, rule: string]

/** An attribute by its full key, and what must hold of it, what was found and what to do. */
export const Fault = Schema.Struct({ field: Schema.String, rule: Schema.String })
export type Fault = typeof Fault.Type

/** How many faults a sentence holds: an Event and a gRPC status have little room. */
const mostTold = 10

/** The faults in one sentence. */
export const faultsSentence = (faults: ReadonlyArray<Fault>): string => {
  const told = faults.slice(0, mostTold).map(({ field, rule }) => `${field}: ${rule}`)
  const untold = faults.length - told.length
  return [...told, ...(untold === 0 ? [] : [`and ${untold} more`])].join("; ")
}

/** Attributes break rules: `field` and `rule` say which comes first, `others` holds the rest. */
export class SpecError extends Schema.TaggedError<SpecError>()("SpecError", {
  field: Schema.String,
  rule: Schema.String,
  others: Schema.optionalKey(Schema.Array(Fault))
}) {
  readonly temper: Temper = "refused"
  /** Every fault, the first one first. */
  get faults(): ReadonlyArray<Fault> {
    return [{ field: this.field, rule: this.rule }, ...(this.others ?? [])]
  }
  override get message(): string {
    return faultsSentence(this.faults)
  }
}
