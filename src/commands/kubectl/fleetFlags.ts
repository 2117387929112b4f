/**
 * The flags of `kubectl certlet`: how the API server is reached, as with kubectl, which pods are certlet's, and how
 * long a node may take. Every command of the plugin has them.
 */
import { Duration } from "effect"
import { Flag } from "effect/cli"
import * as Rules from "../FlagRules.ts"
import { argument, ruled } from "../Flags.ts"
import { kubeFlags } from "../run/kubeFlags.ts"

/** What the plugin is called where it is used. */
export const pluginName = "kubectl certlet"

/** The flags of every command. */
export const fleetFlags = {
  kube: kubeFlags,
  selector: ruled(
    "selector",
    Rules.nonEmpty,
    "the label of certlet's pods (default app.kubernetes.io/name=certlet)"
  ).pipe(Flag.withAlias("l"), Flag.withDefault("app.kubernetes.io/name=certlet")),
  certletNamespace: ruled("certlet-namespace", Rules.nonEmpty, "look for certlet's pods in this namespace only").pipe(
    Flag.optional
  ),
  nodeTimeout: ruled("node-timeout", Rules.timeout, "how long one node may take to answer (default 20s)").pipe(
    Flag.withDefault(Duration.seconds(20))
  )
}

/** The flags of the commands that are about one pod. */
export const podFlags = {
  ...fleetFlags,
  pod: argument("pod", Rules.nonEmpty, "NAME or NAMESPACE/NAME of a pod"),
  namespace: ruled("namespace", Rules.nonEmpty, "the pod's namespace (default the context's)").pipe(
    Flag.withAlias("n"),
    Flag.optional
  )
}
