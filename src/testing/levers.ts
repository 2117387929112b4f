/**
 * The levers of a simulated cluster, as its user pulls them and as incidents do: what is done to the issuer, to the API server,
 * to a node's disk or clock. What lasts for a time ends by itself; where two pulls of one lever overlap, the longer one
 * counts. Every pull is told in the trace.
 */
import { Duration, Effect, Option } from "effect"
import { bundleText } from "../cluster/TrustBundles.ts"
import type { SimAccounts } from "./SimAccounts.ts"
import type { ApiBehaviour, SimApiServer } from "./SimApiServer.ts"
import { bundleNamed, type SimBundles } from "./SimBundles.ts"
import { behave } from "./SimCertificateRequests.ts"
import type { IssuanceBehaviour, SimControllers } from "./SimControllers.ts"
import type { SimIssuer } from "./SimIssuer.ts"
import type { SimNetwork } from "./SimNetwork.ts"
import type { SimNode } from "./SimNode.ts"
import type { SimPod } from "./SimPod.ts"
import type { Trace } from "./Trace.ts"

type Behaviour = ApiBehaviour & IssuanceBehaviour

/** What the levers work on. */
export interface Workings {
  readonly trace: Trace
  readonly server: SimApiServer
  readonly controllers: SimControllers
  readonly issuer: SimIssuer
  readonly network: SimNetwork
  readonly accounts: SimAccounts
  readonly bundles: SimBundles
  readonly nodes: ReadonlyMap<string, SimNode>
  readonly now: () => number
  /** How things are when nobody pulls: what the weather makes of them. */
  readonly usual: () => Behaviour
  readonly run: (effect: Effect.Effect<unknown>) => unknown
}

/** Tells the trace what was done to the cluster. */
export const tell = ({ trace }: Pick<Workings, "trace">, where: string, sentence: string): Effect.Effect<void> =>
  Effect.sync(() => trace.record(where, { _tag: "Struck", sentence }))

const timeOf = (time: Duration.Input): Duration.Duration => Duration.fromInputUnsafe(time)
const worded = (time: Duration.Input): string => Duration.format(timeOf(time))

/** Levers that go back by themselves; `release` lets all of them go. */
export class TimedLevers {
  readonly #workings: Workings
  readonly #until = new Map<string, { readonly at: number; readonly back: Effect.Effect<void> }>()

  constructor(workings: Workings) {
    this.#workings = workings
  }

  /** Pulls a lever for a time. */
  readonly pull = (
    name: string,
    time: Duration.Input,
    pull: Effect.Effect<void>,
    back: Effect.Effect<void>
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { now, run } = this.#workings
      const at = now() + Duration.toMillis(timeOf(time))
      if ((this.#until.get(name)?.at ?? 0) < at) this.#until.set(name, { at, back })
      const end = Effect.suspend(() => {
        const held = this.#until.get(name)
        if (held === undefined || held.at > now()) return Effect.void
        this.#until.delete(name)
        return back
      })
      return Effect.andThen(
        pull,
        Effect.sync(() => void run(Effect.delay(end, timeOf(time))))
      )
    })

  /** Lets every lever go, now. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    const held = [...this.#until.values()]
    this.#until.clear()
    return Effect.forEach(held, ({ back }) => back, { discard: true })
  })
}

/** The issuer's levers. */
export const issuerLevers = (workings: Workings, levers: TimedLevers) => {
  const change = (change: Partial<Behaviour>) => behave(workings.server, workings.controllers, change)
  const usual = <K extends keyof Behaviour>(key: K) => Effect.suspend(() => change({ [key]: workings.usual()[key] }))
  const pull = (sentence: string, key: keyof Behaviour, to: Partial<Behaviour>, time: Duration.Input) =>
    Effect.andThen(
      tell(workings, "issuer", `${sentence} for ${worded(time)}`),
      levers.pull(key, time, change(to), usual(key))
    )
  return {
    /** Nothing is signed for so long; afterwards everything that waits is. */
    stall: (time: Duration.Input) => pull("signs nothing", "issuer", { issuer: "hold" }, time),
    /** Nothing is approved for so long; afterwards everything that waits is. */
    holdApproval: (time: Duration.Input) => pull("approves nothing", "approval", { approval: "hold" }, time),
    /** Every request is denied. */
    deny: (time: Duration.Input) => pull("denies every request", "approval", { approval: "deny" }, time),
    /** Every request fails. */
    fail: (time: Duration.Input) => pull("fails every request", "issuer", { issuer: "fail" }, time),
    /** Every certificate is for a key that nobody asked about. */
    signWrongKey: (time: Duration.Input) => pull("signs other keys", "issuer", { issuer: "signWrongKey" }, time),
    /** Certificates live this long, whatever is asked for. */
    shorten: (lifetime: Duration.Input, time: Duration.Input) =>
      pull(
        `shortens every lifetime to ${worded(lifetime)}`,
        "lifetime",
        { lifetime: Option.some(timeOf(lifetime)) },
        time
      ),
    /** From now on it signs with another key. */
    rotateCa: Effect.andThen(tell(workings, "issuer", "signs with a new key from now on"), workings.issuer.rotate)
  }
}

/** The API server's levers. */
export const apiLevers = (workings: Workings, levers: TimedLevers) => {
  const { server } = workings
  const change = (change: Partial<Behaviour>) => behave(server, workings.controllers, change)
  const usual = <K extends keyof Behaviour>(key: K) => Effect.suspend(() => change({ [key]: workings.usual()[key] }))
  const pull = (sentence: string, key: keyof Behaviour, to: Partial<Behaviour>, time: Duration.Input) =>
    Effect.andThen(
      tell(workings, "api", `${sentence} for ${worded(time)}`),
      levers.pull(key, time, change(to), usual(key))
    )
  return {
    /** Calls take up to `most`, each way. */
    latency: (most: Duration.Input, time: Duration.Input) =>
      pull(`takes up to ${worded(most)} each way`, "callLatency", { callLatency: timeOf(most) }, time),
    /** This share of calls is throttled (429). */
    throttle: (share: number, time: Duration.Input) =>
      pull(`throttles ${Math.round(share * 100)} % of calls`, "throttled", { throttled: share }, time),
    /** Every watch is cut off once. */
    dropWatches: Effect.andThen(
      tell(workings, "api", "drops every watch"),
      server.dropWatches(() => true, "the connection was dropped (simulated)")
    ),
    /** History is forgotten and watches end: clients have to list anew (410). */
    expire: Effect.andThen(
      tell(workings, "api", "forgets its history"),
      Effect.andThen(
        Effect.sync(() => server.store.compact()),
        server.dropWatches(() => true, "the connection was dropped (simulated)")
      )
    ),
    /** Somebody deletes one of the requests that are there; `draw`, from [0, 1), picks it. */
    deleteRequest: (draw: number) =>
      Effect.suspend(() => {
        const all = server.store.all()
        const object = all[Math.floor(draw * all.length)]
        if (object === undefined) return Effect.void
        const { name, namespace } = object.metadata
        return Effect.andThen(
          tell(workings, "api", `somebody deletes request ${namespace}/${name}`),
          Effect.sync(() => void server.store.delete(namespace, name))
        )
      }),
    /** Every call is forbidden (403). */
    forbid: (time: Duration.Input) => pull("forbids every call", "api", { api: "Forbidden" }, time),
    /** It is away: no call is answered, every watch ends. */
    down: (time: Duration.Input) => pull("is down", "api", { api: "Unavailable" }, time)
  }
}

/** The levers of a node's disk, with its volumes and its records. */
export const diskLevers = (workings: Workings, levers: TimedLevers, node: SimNode) => {
  const { disk, records } = node
  const pull = (
    sentence: string,
    name: string,
    time: Duration.Input,
    on: Effect.Effect<void>,
    off: Effect.Effect<void>
  ) =>
    Effect.andThen(
      tell(workings, node.name, `${sentence} for ${worded(time)}`),
      levers.pull(`${node.name}/${name}`, time, on, off)
    )
  return {
    /** There is no space left for so long. */
    fill: (time: Duration.Input) =>
      pull(
        "the disk is full",
        "full",
        time,
        Effect.andThen(disk.levers.fill, records.levers.fill),
        Effect.andThen(disk.levers.free, records.levers.free)
      ),
    /** Every operation fails (EIO) for so long. */
    fail: (time: Duration.Input) =>
      pull(
        "the disk fails",
        "broken",
        time,
        Effect.andThen(disk.levers.fail, records.levers.fail),
        Effect.andThen(disk.levers.heal, records.levers.heal)
      ),
    /** The record that was written last before certlet's next death is left half written. */
    tear: Effect.andThen(tell(workings, node.name, "the next crash will tear a record"), node.tear),
    /** A stranger unmounts the pod's volume. */
    clean: (pod: SimPod) =>
      Effect.andThen(
        tell(workings, node.name, `a stranger unmounts the volume of ${pod.namespace}/${pod.name}`),
        disk.levers.clean(pod.target)
      ),
    /** A stranger removes the whole data root. */
    wipeRecords: Effect.andThen(tell(workings, node.name, "a stranger wipes the data root"), records.levers.wipe)
  }
}

/** The lever of a node's clock. */
export const clockLever = (workings: Workings, node: SimNode) => ({
  /** From now on the node's clock is this wrong. */
  skew: (by: Duration.Input, direction: "ahead" | "behind" = "ahead") =>
    Effect.andThen(
      tell(workings, node.name, `the clock is ${worded(by)} ${direction}`),
      Effect.sync(() => {
        node.skew.millis = Duration.toMillis(timeOf(by)) * (direction === "ahead" ? 1 : -1)
      })
    )
})

/** The levers of a trust bundle, by the words of the attribute `trust-bundle`. */
export const bundleLevers = (workings: Workings, levers: TimedLevers, name: string, namespace?: string) => {
  const bundle = bundleNamed(name, namespace)
  const text = bundleText(bundle)
  const { rotate, turn, write } = workings.bundles
  const pull = (sentence: string, sight: "lost" | "damaged", time: Duration.Input) =>
    Effect.andThen(
      tell(workings, "api", `${text} ${sentence} for ${worded(time)}`),
      levers.pull(text, time, turn(bundle, sight), turn(bundle, "whole"))
    )
  return {
    /** It holds a new CA from now on; the first time, it is made. */
    rotate: Effect.andThen(tell(workings, "api", `${text} holds a new CA`), rotate(bundle)),
    /** It holds this text from now on. */
    write: (pem: string) => Effect.andThen(tell(workings, "api", `${text} is written`), write(bundle, pem)),
    /** It is deleted, and made again after so long. */
    lose: (time: Duration.Input) => pull("is deleted", "lost", time),
    /** It is cut off in the middle of a certificate, and mended after so long. */
    damage: (time: Duration.Input) => pull("is damaged", "damaged", time)
  }
}
