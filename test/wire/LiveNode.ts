/**
 * A node for the wire tests: certlet as a process of its own, with whatever flags and environment a test gives it,
 * before an embedded API server with an approver and a CA. The test plays the kubelet, and runs certlet's other
 * commands beside it, as `kubectl exec` would.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { certlet, type Environment, flagsIn, kubeletIn, startCertlet, startCommand } from "../kit/certlet.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { publishCall } from "../kit/SimulatedNode.ts"

/** A certlet that serves; its folder, its cluster, its kubelet, and its end. */
export const startNode = Effect.fnUntraced(function* (
  flags: ReadonlyArray<string> = [],
  environment: (folder: string) => Environment = () => ({})
) {
  return yield* startNodeOn(yield* EmbeddedCluster.make(), "node-1", flags, environment)
})

/** The same as one of the nodes of a cluster. */
export const startNodeOn = Effect.fnUntraced(function* (
  cluster: EmbeddedCluster,
  nodeId: string,
  flags: ReadonlyArray<string> = [],
  environment: (folder: string) => Environment = () => ({})
) {
  const folder = yield* temporaryFolder
  yield* cluster.writeKubeconfig(join(folder, "kubeconfig"), "certificate")
  const running = yield* startCertlet([...flagsIn(folder, nodeId), ...flags], environment(folder))
  const kubelet = yield* kubeletIn(folder)
  const request = (pod: string, attributes: Environment = {}) => {
    const volumes = join(folder, "pods", `uid-${pod}`, "volumes", "kubernetes.io~csi", "tls")
    mkdirSync(volumes, { recursive: true })
    return {
      volumeId: `csi-${pod}`,
      target: join(volumes, "mount"),
      context: publishCall(pod, { "csi.cert-manager.io/key-algorithm": "ECDSA", ...attributes }).context
    }
  }
  return {
    ...running,
    folder,
    cluster,
    kubelet,
    request,
    publish: (pod: string, attributes: Environment = {}) => kubelet.publish(request(pod, attributes)),
    /** A command of certlet with the same data root. */
    ask: (...args: ReadonlyArray<string>) => certlet([...args, "--data-root", join(folder, "data")]),
    /** The same for a command that goes on until it is told to end. */
    watch: (...args: ReadonlyArray<string>) => startCommand([...args, "--data-root", join(folder, "data")])
  }
})
