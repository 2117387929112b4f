/**
 * The plugin of kubectl, by the name of the file that was started. The plugin is a part apart: the exit code comes out
 * of it.
 */
import { Effect } from "effect"
import { endWith } from "./ExitCode.ts"
import { partApart } from "./partApart.ts"
import { spoken } from "./report.ts"

/** True where the program was started under the name by which kubectl knows its plugin. */
export const isKubectlPlugin = (program: string): boolean => /(^|[/\\])kubectl-certlet(\.m?js|\.exe)?$/.test(program)

/** `kubectl certlet`. */
export const kubectl = partApart(
  { does: "run kubectl certlet", file: "certlet-kubectl.mjs" },
  () => import("./kubectl/NodeKubectlPlugin.ts"),
  ({ kubectlPlugin }, signal) => kubectlPlugin(signal)
).pipe(Effect.flatMap(endWith), spoken)
