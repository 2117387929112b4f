/**
 * The command `certlet run`, which is also what `certlet` does without a command: it serves the kubelet of its node
 * until it is stopped. That is no failure of a server, so a signal ends it with code 0.
 */
import { Effect, Layer, Option } from "effect"
import type { Command } from "effect/cli"
import { Settings } from "../Settings.ts"
import { command } from "./command.ts"
import { unknownVariables } from "./Flags.ts"
import { logged, untilSignal } from "./report.ts"
import { environmentNames } from "./run/NodeEnvironment.ts"
import { ignoredIn, mistakesAmong, runFlags, settingsOf } from "./run/runFlags.ts"
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
  Effect.andThen(tellIgnored(flags), tellUnknown).pipe(
    Effect.andThen(Effect.provideService(Layer.launch(server), Settings, settingsOf(flags))),
    logged(flags.log),
    untilSignal
  )

const describe = "Gives every pod of this node its own certificate from cert-manager, in a volume"

const serving = "certlet run --node-id node-1 --endpoint unix:///csi/csi.sock"

const examples = [
  { description: "Serve the kubelet, which a sidecar tells of it", command: serving },
  {
    description: "Register with the kubelet too, and say how certlet is",
    command: `${serving} --kubelet-root-dir /var/lib/kubelet --health-bind-address :9809 --metrics-bind-address :9402`
  },
  { description: "Say what each call does", command: `${serving} -v 3` }
]

/** `certlet run`. */
export const run = command("run", {
  description: `${describe} (the default)`,
  examples,
  flags: runFlags,
  mistakesAmong,
  does: serve
})

/** `certlet` alone, with the flags of `certlet run`. */
export const certlet = command("certlet", {
  description: describe,
  examples: [
    { description: "See it work, without a cluster", command: "certlet demo" },
    { description: "Check manifests before they reach a cluster", command: "certlet check deploy/*.yaml" },
    { description: "Look at a node's volumes", command: "kubectl exec -n cert-manager POD -- certlet status" }
  ],
  flags: runFlags,
  mistakesAmong,
  does: serve
})
