/**
 * The levers of a simulated cluster's approver, issuer and API server, as its user pulls them and as incidents do. In
 * the examples `cluster` has the nodes node-1 and node-2, `pod` asks for certificates of an hour and runs on node-1,
 * and `assert` is `node:assert/strict`; each of them is run by the tests.
 */
import { type Duration, Effect, Option } from "effect"
import { type ResourceName, resourceNames } from "../../embedded/Resource.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { behave } from "../parts/SimControlPlane.ts"
import { oneOf, shareOf, timeOf, worded } from "./misuse.ts"
import { type Behaviour, type TimedLevers, tell, type Workings } from "./TimedLevers.ts"

/** How a behaviour is changed for a time, and told of as something that happens there. */
const puller = (workings: Workings, levers: TimedLevers, where: string) => {
  const change = (change: Partial<Behaviour>) => behave(workings.server, workings.controllers, change)
  const usual = <K extends keyof Behaviour>(key: K) => Effect.suspend(() => change({ [key]: workings.usual()[key] }))
  return (sentence: string, key: keyof Behaviour, to: Partial<Behaviour>, time: Duration.Input) =>
    Effect.andThen(
      tell(workings, where, `${sentence} for ${worded(time)}`),
      levers.pull(key, time, change(to), usual(key))
    )
}

/** The issuer's levers. */
export const issuerLevers = (workings: Workings, levers: TimedLevers) => {
  const pull = puller(workings, levers, "issuer")
  return {
    /**
     * Nothing is signed for so long; afterwards everything that waits is.
     *
     * @example
     * yield* cluster.issuer.stall("20 minutes")
     * const late = yield* cluster.schedule()
     * yield* cluster.advance("19 minutes")
     * assert.equal(late.phase, "pending")
     * yield* cluster.advance("5 minutes")
     * assert.equal(late.phase, "running")
     */
    stall: (time: Duration.Input) => pull("signs nothing", "issuer", { issuer: "hold" }, time),
    /**
     * Nothing is approved for so long; afterwards everything that waits is.
     *
     * @example
     * yield* cluster.issuer.holdApproval("1 hour")
     * yield* cluster.schedule()
     * yield* cluster.advance("30 minutes")
     * assert.match(cluster.trace.lines().join(), /CertificateNotApproved/)
     */
    holdApproval: (time: Duration.Input) => pull("approves nothing", "approval", { approval: "hold" }, time),
    /**
     * Every request is denied for so long.
     *
     * @example
     * yield* cluster.issuer.deny("10 minutes")
     * const refused = yield* cluster.schedule()
     * yield* cluster.advance("5 minutes")
     * assert.equal(refused.phase, "pending")
     */
    deny: (time: Duration.Input) => pull("denies every request", "approval", { approval: { deny: "by policy" } }, time),
    /**
     * Every request fails for so long.
     *
     * @example
     * const before = yield* cluster.exec(pod)
     * yield* cluster.issuer.fail("45 minutes")
     * yield* cluster.advance("45 minutes")
     * assert.deepEqual(yield* cluster.exec(pod), before)
     */
    fail: (time: Duration.Input) => pull("fails every request", "issuer", { issuer: { fail: "out of ink" } }, time),
    /**
     * Every certificate is for a key that nobody asked about, for so long.
     *
     * @example
     * yield* cluster.issuer.signWrongKey("50 minutes")
     * yield* cluster.advance("50 minutes")
     * assert.equal((yield* cluster.exec(pod)).matchesKey, true)
     */
    signWrongKey: (time: Duration.Input) => pull("signs other keys", "issuer", { issuer: "signWrongKey" }, time),
    /**
     * Certificates live no longer than this, whatever is asked for.
     *
     * @example
     * yield* cluster.issuer.shorten("5 minutes", "1 day")
     * const brief = yield* cluster.schedule({ duration: "30 days" })
     * yield* cluster.advance("1 minute")
     * const { notAfter, notBefore } = (yield* cluster.exec(brief)).certificate
     * assert.equal(DateTime.toEpochMillis(notAfter) - DateTime.toEpochMillis(notBefore), 300_000)
     */
    shorten: (lifetime: Duration.Input, time: Duration.Input) =>
      pull(
        `shortens every lifetime to ${worded(lifetime)}`,
        "lifetime",
        { lifetime: Option.some(timeOf(lifetime)) },
        time
      ),
    /**
     * Certificates begin to be valid so long before they are issued, for so long; they do not end sooner.
     *
     * @example
     * yield* cluster.issuer.backdate("30 seconds", "1 day")
     * const dated = yield* cluster.schedule({ duration: "1 hour", renewBefore: "1 hour" })
     * yield* cluster.advance("1 minute")
     * const { notAfter, notBefore } = (yield* cluster.exec(dated)).certificate
     * assert.equal(DateTime.toEpochMillis(notAfter) - DateTime.toEpochMillis(notBefore), 3_630_000)
     */
    backdate: (by: Duration.Input, time: Duration.Input) =>
      pull(`dates every certificate back by ${worded(by)}`, "backdating", { backdating: timeOf(by) }, time),
    /**
     * Certificates have no common name for so long, as those of public CAs.
     *
     * @example
     * yield* cluster.issuer.dropCommonName("1 day")
     * const named = yield* cluster.schedule({ attributes: { "csi.cert-manager.io/common-name": "web" } })
     * yield* cluster.advance("1 minute")
     * assert.equal((yield* cluster.exec(named)).certificate.subject, "")
     * assert.match(cluster.trace.lines().join(), /CertificateNotAsRequested/)
     */
    dropCommonName: (time: Duration.Input) =>
      pull("drops every common name", "dropCommonName", { dropCommonName: true }, time),
    /**
     * From now on it signs with another key.
     *
     * @example
     * const before = yield* cluster.exec(pod)
     * yield* cluster.issuer.rotateCa()
     * yield* cluster.advance("1 hour")
     * const after = yield* cluster.exec(pod)
     * assert.notEqual(after.files.get("ca.crt")?.text, before.files.get("ca.crt")?.text)
     * assert.equal(after.chains, true)
     */
    rotateCa: () => Effect.andThen(tell(workings, "issuer", "signs with a new key from now on"), workings.issuer.rotate)
  }
}

/** The API server's levers. */
export const apiLevers = (workings: Workings, levers: TimedLevers) => {
  const { server } = workings
  const pull = puller(workings, levers, "api")
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
