/**
 * The levers of a simulated cluster's API server, as its user pulls them and as incidents do. In the examples `cluster`
 * has the nodes node-1 and node-2, `pod` asks for certificates of an hour and runs on node-1, and `assert` is
 * `node:assert/strict`; each of them is run by the tests.
 */
import { type Duration, Effect } from "effect"
import { type ResourceName, resourceNames } from "../../embedded/Resource.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { behave } from "../parts/SimControlPlane.ts"
import { oneOf, shareOf, timeOf, worded } from "./misuse.ts"
import { puller } from "./puller.ts"
import { type Behaviour, type TimedLevers, tell, type Workings } from "./TimedLevers.ts"

/** The API server's levers. */
export const apiLevers = (workings: Workings, levers: TimedLevers) => {
  const { server } = workings
  const change = (change: Partial<Behaviour>) => behave(server, workings.controllers, change)
  const pull = puller(workings, levers, { where: "api", name: "", change })
  const { requests } = server.api.stores
  const forget = Effect.sync(() => server.api.forget())
  const drop = server.watches.drop("the connection was dropped")
  return {
    /**
     * Calls take up to `most`, each way, for so long.
     *
     * @example
     * yield* cluster.api.latency("10 seconds", "1 hour")
     * const slow = yield* cluster.schedule()
     * yield* cluster.advance("1 second")
     * assert.equal(slow.phase, "pending")
     */
    latency: (most: Duration.Input, time: Duration.Input) =>
      pull(`takes up to ${worded(most)} each way`, "callLatency", { callLatency: timeOf(most) }, time),
    /**
     * This share of calls, from 0 to 1, is throttled (429) for so long.
     *
     * @example
     * yield* cluster.api.throttle(0.5, "1 hour")
     * const patient = yield* cluster.schedule()
     * yield* cluster.advance("10 minutes")
     * assert.equal(patient.phase, "running")
     */
    throttle: (share: number, time: Duration.Input) =>
      pull(
        `throttles ${Math.round(shareOf("how much the API server throttles", share) * 100)} % of calls`,
        "throttled",
        { throttled: share },
        time
      ),
    /**
     * Every watch is cut off once.
     *
     * @example
     * yield* cluster.api.dropWatches()
     * yield* cluster.advance("1 hour")
     * yield* cluster.exec(pod)
     */
    dropWatches: () => Effect.andThen(tell(workings, "api", "drops every watch"), drop),
    /**
     * Every watch ends in order, before its time, as those of a server that is told to stop: clients go on where they
     * were.
     *
     * @example
     * yield* cluster.api.endWatches()
     * yield* cluster.advance("1 hour")
     * yield* cluster.exec(pod)
     */
    endWatches: () => Effect.andThen(tell(workings, "api", "ends every watch in order"), server.watches.end),
    /**
     * The connection of every watch goes silent and stays open: clients have to notice by themselves.
     *
     * @example
     * yield* cluster.api.silenceWatches()
     * const late = yield* cluster.schedule()
     * yield* cluster.advance("5 minutes")
     * assert.equal(late.phase, "running")
     */
    silenceWatches: () => Effect.andThen(tell(workings, "api", "falls silent on every watch"), server.watches.silence),
    /**
     * Every watch gets something that is no event, as a broken proxy would send it: clients take the watch up again.
     *
     * @example
     * yield* cluster.api.garbleWatches()
     * yield* cluster.advance("1 hour")
     * yield* cluster.exec(pod)
     */
    garbleWatches: () => Effect.andThen(tell(workings, "api", "garbles every watch"), server.watches.garble),
    /**
     * History is forgotten and watches end: clients have to list again (410).
     *
     * @example
     * yield* cluster.api.expire()
     * yield* cluster.advance("1 minute")
     * assert.match(cluster.trace.lines().join(), /Gone/)
     */
    expire: () => Effect.andThen(tell(workings, "api", "forgets its history"), Effect.andThen(forget, drop)),
    /**
     * Somebody deletes one of the requests that are there; `draw`, a share from 0 to 1, picks it.
     *
     * @example
     * assert.equal(cluster.world.server.api.stores.requests.all().length, 1)
     * yield* cluster.api.deleteRequest(0)
     * assert.equal(cluster.world.server.api.stores.requests.all().length, 0)
     */
    deleteRequest: (draw: number) =>
      Effect.suspend(() => {
        const all = requests.all()
        const object = all[Math.min(all.length - 1, Math.floor(shareOf("which request", draw) * all.length))]
        if (object === undefined) return Effect.void
        const { name, namespace } = object.metadata
        return Effect.andThen(
          tell(workings, "api", `somebody deletes request ${namespacedName(object.metadata)}`),
          Effect.sync(() => void requests.delete(namespace, name))
        )
      }),
    /**
     * Every call is forbidden (403) for so long, or every call that is about one resource.
     *
     * @example
     * yield* cluster.api.forbid("10 minutes")
     * const kept = yield* cluster.schedule()
     * yield* cluster.advance("9 minutes")
     * assert.equal(kept.phase, "pending")
     */
    forbid: (time: Duration.Input, resource?: ResourceName) =>
      resource === undefined
        ? pull("forbids every call", "api", { api: "Forbidden" }, time)
        : pull(
            `forbids every call about ${oneOf("what is forbidden", resource, resourceNames)}`,
            "forbidden",
            { forbidden: [resource] },
            time
          ),
    /**
     * cert-manager's webhook is down for so long: no request is taken in, and everything else works.
     *
     * @example
     * yield* cluster.api.failWebhook("10 minutes")
     * const refused = yield* cluster.schedule()
     * yield* cluster.advance("9 minutes")
     * assert.equal(refused.phase, "pending")
     */
    failWebhook: (time: Duration.Input) => pull("has no webhook", "webhook", { webhook: "down" }, time),
    /**
     * It is away for so long: no call is answered, every watch ends.
     *
     * @example
     * yield* cluster.api.down("30 minutes")
     * yield* cluster.advance("2 hours")
     * assert.equal((yield* cluster.exec(pod)).matchesKey, true)
     */
    down: (time: Duration.Input) => pull("is down", "api", { api: "Unavailable" }, time)
  }
}
