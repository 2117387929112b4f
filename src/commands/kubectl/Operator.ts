/**
 * The operator's way into the cluster: the same API client as the node's, commands in containers, and the namespace
 * that the kubeconfig's context names, as kubectl takes it. All three go over one set of credentials.
 */
import { Context, Effect, Layer, Option } from "effect"
import { ApiServer } from "../../kube/ApiServer.ts"
import { makeApiServer } from "../../kube/KubeApiServer.ts"
import { makeCredentials } from "../../kube/KubeCredentials.ts"
import { makePodExec } from "../../kube/KubePodExec.ts"
import { PodExec } from "../../kube/PodExec.ts"
import type { KubeSettings } from "../../Settings.ts"
import { FleetError } from "./Fleet.ts"

/** The namespace of pods that are named without one. */
export class OperatorNamespace extends Context.Service<OperatorNamespace, Effect.Effect<string, FleetError>>()(
  "certlet/commands/OperatorNamespace"
) {}

/** All that the plugin's commands ask with. */
export const layer = (settings: KubeSettings): Layer.Layer<ApiServer | PodExec | OperatorNamespace> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const credentials = yield* makeCredentials(settings)
      const namespace = credentials.current.pipe(
        Effect.map(({ namespace }) => Option.getOrElse(namespace, () => "default")),
        Effect.mapError(({ detail }) => new FleetError({ detail }))
      )
      return Layer.mergeAll(
        Layer.succeed(ApiServer, yield* makeApiServer(settings, credentials)),
        Layer.succeed(PodExec, makePodExec(credentials)),
        Layer.succeed(OperatorNamespace, namespace)
      )
    })
  )
