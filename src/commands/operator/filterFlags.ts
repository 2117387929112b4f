/**
 * The flags that choose among volumes, and how they are shown: the same for one node and for many, so that what
 * somebody has learnt of the one holds for the other. A state that does not exist is answered with those that do.
 */
import { Flag } from "effect/cli"
import { VolumeState } from "../../driver/VolumeStatus.ts"
import * as Rules from "../FlagRules.ts"
import { onOff, ruled } from "../Flags.ts"

/** `--namespace`, `--state`, `--watch`. */
export const filterFlags = {
  namespace: ruled("namespace", Rules.nonEmpty, "volumes of pods in this namespace only").pipe(
    Flag.withAlias("n"),
    Flag.optional
  ),
  state: ruled(
    "state",
    Rules.listOf(Rules.oneOf(VolumeState.literals)),
    `volumes in these states only, with commas between: ${VolumeState.literals.join(", ")}`
  ).pipe(Flag.optional),
  watch: onOff("watch", "show it again whenever it changes, until a signal comes").pipe(Flag.withAlias("w"))
}
