/**
 * `certlet cluster`: the embedded API server and one node, for kubectl. certlet is a process of its own, as on a real
 * node; a small kubelet publishes what pods ask for, into folders. It runs no containers: a pod "runs" when its volumes
 * are there, and one looks at its files by hand.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { Console, DateTime, Effect, Schema } from "effect"
import { EmbeddedCluster } from "../../embedded/EmbeddedCluster.ts"
import { rfc3339 } from "../../spec/rfc3339.ts"
import { say, serve, temporaryFolder } from "../demo/NodeServing.ts"
import { runKubelet } from "./NodeFolderKubelet.ts"

const nodeId = "node-1"

const nodeObject = (since: string) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: nodeId, namespace: "" },
  status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", lastTransitionTime: since }] }
})

/** A folder in it may be somebody's: at its end the cluster removes those of its pods, and must not take it for one. */
class FolderError extends Schema.TaggedError<FolderError>()("FolderError", { folder: Schema.String }) {
  override get message(): string {
    return `--folder ${this.folder}: holds folders that are not a cluster's; name another one, which need not be there`
  }
}

const requireOwn = (folder: string): Effect.Effect<void, FolderError> =>
  Effect.suspend(() => {
    const held = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []
    const folders = held.filter((entry) => entry.isDirectory()).map(({ name }) => name)
    return folders.length === 0 || folders.includes("node") ? Effect.void : Effect.fail(new FolderError({ folder }))
  })

/** Keeps a cluster, with its files in a folder; empty is a new one that is gone at the end. */
export const keepCluster = Effect.fnUntraced(function* (wanted: string) {
  const folder = wanted === "" ? yield* temporaryFolder("certlet-cluster-") : wanted
  yield* requireOwn(folder)
  const at = (name: string) => join(folder, name)
  mkdirSync(at("node"), { recursive: true })
  const cluster = yield* EmbeddedCluster.make()
  yield* cluster.writeKubeconfig(at("kubeconfig"))
  yield* cluster.writeKubeconfig(at("node/kubeconfig"), "certificate")
  yield* say("cluster", `embedded API server, approver and CA at ${cluster.url}`)
  const node = { nodeId, socket: at("node/csi.sock"), records: at("node/records"), kubeconfig: at("node/kubeconfig") }
  const { kubelet } = yield* serve(node)
  cluster.stores.nodes.put(nodeObject(rfc3339(yield* DateTime.now)))
  yield* runKubelet({ cluster, kubelet, folder, nodeId })
  yield* say("node", `${nodeId} publishes what pods ask for, into ${folder}/NAMESPACE/POD/VOLUME`)
  yield* Console.log(`\nexport KUBECONFIG=${at("kubeconfig")}`)
  yield* Effect.never
}, Effect.scoped)
