/**
 * The plugin of kubectl, by the name of the file that was started. A node's process does not load the plugin:
 * it is a file of its own with a copy of Effect of its own, so what crosses is plain: the exit code.
 */
import { Effect, Schema } from "effect"
import { ExitCode } from "./ExitCode.ts"
import { spoken } from "./report.ts"

/** The plugin's file is missing. */
class PluginError extends Schema.TaggedError<PluginError>()("PluginError", { detail: Schema.String }) {
  override get message(): string {
    return `kubectl certlet cannot be run (certlet-kubectl.mjs must lie in the folder of certlet.mjs): ${this.detail}`
  }
}

/** True where the program was started under the name by which kubectl knows its plugin. */
export const isKubectlPlugin = (program: string): boolean => /(^|[/\\])kubectl-certlet(\.m?js|\.exe)?$/.test(program)

/** `kubectl certlet`. */
export const kubectl = Effect.tryPromise({
  try: (signal) => import("./kubectl/NodeKubectlPlugin.ts").then(({ kubectlPlugin }) => kubectlPlugin(signal)),
  catch: (cause) => new PluginError({ detail: String(cause) })
}).pipe(
  Effect.flatMap((code) => (code === 0 ? Effect.void : Effect.fail(new ExitCode({ code })))),
  spoken
)
