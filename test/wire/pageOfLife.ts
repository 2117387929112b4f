/** The page of metrics of a real certlet on which something of everything has happened. */
import { Effect, Schedule } from "effect"
import { freePort } from "../kit/freePorts.ts"
import { startNode } from "./LiveNode.ts"

/** The text of the page. */
export const pageOfLife = Effect.gen(function* () {
  const port = yield* freePort
  const node = yield* startNode(["--metrics-bind-address", `127.0.0.1:${port}`])
  const scrape = Effect.promise(async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  yield* node.publish("web", { "csi.cert-manager.io/key-algorithm": "RSA" })
  yield* node.cluster.behave({ approval: { deny: "not today" } })
  yield* Effect.flip(node.publish("denied"))
  yield* node.cluster.dropWatches()
  yield* scrape.pipe(
    Effect.filterOrFail((text) => /certlet_watch_restarts_total\{[^}]*reason="broken"\} [1-9]/.test(text)),
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeout("15 seconds")
  )
  yield* node.kubelet.unpublish({ volumeId: "csi-none", target: node.request("none").target })
  return yield* scrape
}).pipe(Effect.scoped)
