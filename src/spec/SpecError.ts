/**
 * The error of this room: what a pod asks for breaks a rule. Its two halves make one sentence, whose subject is the
 * attribute and whose predicate is the rule. A pod's owner reads it in the pod's events.
 */
import { Schema } from "effect"
import type { Temper } from "../Temper.ts"

/** An attribute breaks a rule. `field` is its full key; `rule` says what must hold, what was found and what to do. */
export class SpecError extends Schema.TaggedError<SpecError>()("SpecError", {
  field: Schema.String,
  rule: Schema.String
}) {
  readonly temper: Temper = "refused"
  override get message(): string {
    return `${this.field}: ${this.rule}`
  }
}

/** A rule that is broken: the attribute that has to change, without its prefix, and the predicate of the sentence. */
export type BrokenRule<Name extends string = string> = readonly [attribute: Name, rule: string]
