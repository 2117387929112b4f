/**
 * The command `certlet run`, which is also what `certlet` does without a command: it serves the kubelet of its node
 * until it is stopped. That is no failure of a server, so a signal ends it with code 0.
 */
import { Effect, Layer, Option } from "effect"
import { Command } from "effect/cli"
import { Settings } from "../Settings.ts"
import { unknownVariables } from "./Flags.ts"
import { logged, untilSignal } from "./report.ts"
import { environmentNames } from "./run/NodeEnvironment.ts"
import { ignoredIn, runFlags, settingsOf } from "./run/runFlags.ts"
import { server } from "./run/server.ts"

type Given = Command.Command.Config.Infer<typeof runFlags>

/** Who relies on a flag that does nothing has to know. */
const tellIgnored = (flags: Given) => {
  const ignored = ignoredIn(flags)
  const sentence = `accepted without effect, because certlet has no use for it: ${ignored.join(", ")}`
  return ignored.length === 0 ? Effect.void : Effect.logInfo(sentence)
}

/** A variable that is mistyped sets nothing, and nobody would notice. */
const tellUnknown = Effect.flatMap(environmentNames, (names) =>
  Option.match(unknownVariables(names), {
    onNone: () => Effect.void,
    onSome: (sentence) => Effect.logWarning(sentence)
  })
)

const serve = (flags: Given) =>
  Effect.andThen(Effect.andThen(tellIgnored(flags), tellUnknown), settingsOf(flags)).pipe(
    Effect.flatMap((settings) => Effect.provideService(Layer.launch(server), Settings, settings)),
    logged(flags.log),
    untilSignal
  )

const describe = "Gives every pod of this node its own certificate from cert-manager, in a volume"

/** `certlet run`. */
export const run = Command.make("run", runFlags, serve).pipe(Command.withDescription(`${describe} (the default)`))

/** `certlet` alone, with the flags of `certlet run`. */
export const certlet = Command.make("certlet", runFlags, serve).pipe(Command.withDescription(describe))
