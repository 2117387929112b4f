/**
 * The kubelet's calls, answered by the driver: publish and unpublish go to the programs, their errors to the table of
 * statuses. It stands between the door and the programs and decides nothing itself. It is ready as soon as it runs:
 * a call for a volume that is still being resumed waits in the driver.
 */
import { Effect } from "effect"
import { Driver } from "../driver/Driver.ts"
import { Health, isWell } from "../Health.ts"
import { Kubelet } from "./Kubelet.ts"
import { statusOf } from "./Status.ts"

/** Listens to the kubelet until the scope closes. */
export const serve = Effect.gen(function* () {
  const kubelet = yield* Kubelet
  const driver = yield* Driver
  const health = yield* Health
  yield* kubelet.listen({
    publish: (request) => Effect.mapError(driver.publish(request), statusOf),
    unpublish: (request) => Effect.mapError(driver.unpublish(request), statusOf),
    inspect: (volumeId, path) => Effect.mapError(driver.inspect(volumeId, path), statusOf),
    ready: Effect.map(health.look, isWell)
  })
})
