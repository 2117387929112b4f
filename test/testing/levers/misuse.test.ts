/** What somebody can get wrong with a simulated cluster, and the sentence that says so at the door. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit } from "effect"
import { type Cluster, Misuse, SimCluster, type SimPod } from "../../../src/testing/index.ts"

/** What a caller without a compiler would write. */
const anything = JSON.parse
const month = JSON.stringify("1 month")

const wrong: ReadonlyArray<
  readonly [sentence: string, call: (cluster: Cluster, pod: SimPod) => Effect.Effect<unknown, unknown>]
> = [
  ["there is no node node-9; there are node-1, node-2", (cluster) => cluster.schedule({ node: "node-9" })],
  ["there is no node node-9; there are node-1, node-2", (cluster) => cluster.kill("node-9")],
  ["there is no node node-9; there are node-1, node-2", (cluster) => cluster.disk("node-9").tear()],
  ["there is a pod apps/web already; give the other one another name", (cluster) => cluster.schedule({ name: "web" })],
  [
    "how much the API server throttles is a share from 0 (none) to 1 (all), and not 50",
    (cluster) => cluster.api.throttle(50, "1 hour")
  ],
  ["which request is a share from 0 (none) to 1 (all), and not -1", (cluster) => cluster.api.deleteRequest(-1)],
  [
    "apps/stranger is no pod of this cluster; there are apps/web",
    (cluster, pod) => cluster.delete({ ...pod, uid: "0", name: "stranger" })
  ],
  ["apps/web has no volume on node-2; it runs on node-1", (cluster, pod) => cluster.disk("node-2").clean(pod)],
  // A live edge: what a caller without a compiler would write.
  ['5 parsecs is no length of time; write "20 minutes"', (cluster) => cluster.advance("5 parsecs" as "5 days")],
  ['-5 minutes is no length of time; write "20 minutes"', (cluster) => cluster.issuer.stall("-5 minutes")],
  ["calls count from 1, and none is number 0", (cluster) => cluster.kill("node-1", { at: { call: 0, when: "after" } })],
  ["the nearest is duration", (cluster) => cluster.schedule(anything('{ "durration": "1 hour" }'))],
  [
    "a pod's duration: 1 month is no length of time",
    (cluster) => cluster.schedule(anything(`{ "duration": ${month} }`))
  ],
  ["a pod's renewBefore: 1h30m is no length", (cluster) => cluster.schedule(anything('{ "renewBefore": "1h30m" }'))],
  ["a pod's dnsNames are a text or a list of texts", (cluster) => cluster.schedule(anything('{ "dnsNames": [7] }'))],
  ["a pod's name is a text", (cluster) => cluster.schedule(anything('{ "name": 7 }'))],
  ["has no label; the nearest is labels", (cluster, pod) => cluster.change(pod, anything('{ "label": {} }'))],
  [
    "a kubelet's restart has no callRunOn; the nearest is callsRunOn",
    (cluster) => cluster.restartKubelet("node-1", "1 second", anything('{ "callRunOn": 1 }'))
  ],
  ["has no downTime; the nearest is downtime", (cluster) => cluster.stop("node-1", anything('{ "downTime": 1 }'))],
  [
    "a call's when is before or after, and not during",
    (cluster) => cluster.kill("node-1", anything('{ "at": { "call": 1, "when": "during" } }'))
  ],
  [
    "a call's kind is inspect or mount or write or read or sweep or unmount or save or remove, and not umount",
    (cluster) => cluster.disk("node-1").hang(anything('{ "call": 1, "of": "umount", "when": "after" }'), "1 hour")
  ],
  ["is ahead or behind, and not fast", (cluster) => cluster.clock("node-1").skew("1 hour", anything('"fast"'))],
  ["and not podz", (cluster) => cluster.api.forbid("1 hour", anything('"podz"'))],
  [
    "what the volume client asks for has no isuer; the nearest is issuer",
    (cluster) => cluster.schedule(anything('{ "volumes": { "client": { "isuer": "ca" } } }'))
  ],
  [
    "the volume client's duration: 1 month is no length of time",
    (cluster) => cluster.schedule(anything(`{ "volumes": { "client": { "duration": ${month} } } }`))
  ],
  [
    "a volume has a name such as tls or client-tls, and not a/b",
    (cluster) => cluster.schedule({ volumes: { "a/b": {} } })
  ],
  ["a pod's volumes are an object with a name for each, and one", (cluster) => cluster.schedule({ volumes: {} })],
  ["Issuer apps/ca is there already", (cluster) => cluster.addIssuer({ name: "ca" })],
  [
    "ClusterIssuer corp is there already",
    (cluster) => {
      const again = cluster.addIssuer({ name: "corp", kind: "ClusterIssuer" })
      return Effect.andThen(again, again)
    }
  ],
  ["an issuer has no nmae; the nearest is name", (cluster) => cluster.addIssuer(anything('{ "nmae": "corp" }'))],
  ["an issuer has a name", (cluster) => cluster.addIssuer(anything("{}"))],
  ["an issuer's kind is a text", (cluster) => cluster.addIssuer(anything('{ "name": "corp", "kind": "" }'))],
  [
    "has the kinds Issuer and ClusterIssuer, and not Vault",
    (cluster) => cluster.addIssuer({ name: "a", kind: "Vault" })
  ],
  [
    "a ClusterIssuer serves every namespace, and is in none",
    (cluster) => cluster.addIssuer({ name: "corp", kind: "ClusterIssuer", namespace: "apps" })
  ],
  ["a trust bundle must be ConfigMap/NAME", (cluster) => cluster.bundle("roots").rotate()]
]

const wrongTimes: ReadonlyArray<readonly [said: string, time: Duration.Input]> = [
  ["1 month", anything(month)],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["Infinity", "Infinity"],
  ['{"hour":1}', anything('{"hour":1}')],
  ["{}", {}],
  ["null", anything("null")]
]

const wrongOptions: ReadonlyArray<readonly [sentence: string, options: string]> = [
  ["a cluster's options has no node; the nearest is nodes", '{ "node": 3 }'],
  ["a cluster has one node at least, and not 3", '{ "nodes": "3" }'],
  ["a set of faults has no killPerDay; the nearest is killsPerDay", '{ "faults": { "killPerDay": 3 } }'],
  ["killsPerDay is a number from 0 on, and not often", '{ "faults": { "killsPerDay": "often" } }'],
  ["apiLostShare is a share from 0 (none) to 1 (all), and not 20", '{ "faults": { "apiLostShare": 20 } }'],
  ["a node's settings has no publishTimeOut; the nearest is publishTimeout", '{ "settings": { "publishTimeOut": 3 } }'],
  ["the setting rsaKeyPool is a value of type number, and not a value", '{ "settings": { "rsaKeyPool": "many" } }'],
  ["soon is no length of time", '{ "settings": { "publishTimeout": "soon" } }'],
  ["a kubelet has no sync; the nearest is syncFrequency", '{ "kubelet": { "sync": 3 } }'],
  ["a kind of keys is Ed25519 or P-256, and not RSA", '{ "keys": "RSA" }'],
  ["a cluster's layers has no issuers; the nearest is issuer", '{ "layers": { "issuers": 1 } }']
]

const sentenceOf = <A, E>(exit: Exit.Exit<A, E>): string =>
  Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "nothing is wrong"

describe("a cluster that is asked for what makes no sense", () => {
  it.live.each(wrong)("says: %s", ([sentence, call]) =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "misuse", nodes: 2 })
      const pod = yield* cluster.schedule({ name: "web", node: "node-1" })
      const exit = yield* Effect.exit(Effect.suspend(() => call(cluster, pod)))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      expect(error).toBeInstanceOf(Misuse)
      expect(String(error)).toContain(sentence)
    }).pipe(Effect.scoped)
  )

  it.live("says that a deleted pod is gone", () =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "gone" })
      const pod = yield* cluster.schedule({ name: "web" })
      yield* cluster.delete(pod)
      yield* cluster.advance("1 minute")
      expect((yield* Effect.flip(cluster.exec(pod))).message).toContain("the pod is gone")
      const exit = yield* Effect.exit(cluster.delete(pod))
      expect(String(Exit.isFailure(exit) ? Cause.squash(exit.cause) : "")).toContain("apps/web is gone; there are none")
    }).pipe(Effect.scoped)
  )

  it.live.each(wrongTimes)("takes no time that is %s", ([said, time]) =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: "times" })
      for (const call of [() => cluster.advance(time), () => cluster.issuer.stall(time)]) {
        expect(sentenceOf(yield* Effect.exit(Effect.suspend(call)))).toContain(`Misuse: ${said} is no length of time`)
      }
    }).pipe(Effect.scoped)
  )

  it.live.each(wrongOptions)("says of its options: %s", ([sentence, options]) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(SimCluster.make(anything(options))))
      expect(sentenceOf(exit)).toContain(`Misuse: ${sentence}`)
    })
  )

  it.live("takes a setting's length of time as every other", () =>
    Effect.gen(function* () {
      const { world } = yield* SimCluster.make({ settings: { publishTimeout: "9 seconds", rsaKeyPool: 2 } })
      expect([Duration.toSeconds(world.settings.publishTimeout), world.settings.rsaKeyPool]).toEqual([9, 2])
    }).pipe(Effect.scoped)
  )

  it.live("has ended with its scope", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.scoped(SimCluster.make())
      expect(sentenceOf(yield* Effect.exit(cluster.schedule()))).toContain("Misuse: this cluster has ended")
    })
  )

  it.live("wants a node at least", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(SimCluster.make({ nodes: 0 })))
      expect(String(Exit.isFailure(exit) ? Cause.squash(exit.cause) : "")).toContain("a cluster has one node at least")
    })
  )
})
