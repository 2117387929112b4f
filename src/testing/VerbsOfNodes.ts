/**
 * The verbs about nodes: they join and leave, and what befalls a node's certlet, its kubelet and its way to the API
 * server. `Cluster` has them, with those about pods and time. In the examples `cluster` has the nodes node-1 and
 * node-2, `pod` asks for certificates of an hour and runs on node-1, and `assert` is `node:assert/strict`; each of them
 * is run by the tests.
 */
import { type Duration, Effect, Option } from "effect"
import { cutOff } from "./levers/leversOfNodes.ts"
import { isLabel, known, Misuse, timeOf, worded } from "./levers/misuse.ts"
import { tell } from "./levers/TimedLevers.ts"
import { PodVerbs } from "./PodVerbs.ts"
import { downtimeOf, type Ending, nextCall, sound } from "./parts/ClusterParts.ts"
import type { CrashPoint } from "./parts/Fence.ts"
import type { SimNode } from "./parts/SimNode.ts"

/** What else there is to a kubelet's restart. */
interface KubeletRestart {
  /** It comes at certlet's n-th call to anything from now on; by default now. */
  readonly at?: CrashPoint
  /** So long certlet does not hear that its calls were cancelled; by default it hears at once. */
  readonly callsRunOn?: Duration.Input
}

/** What can be done with the nodes of a cluster, besides what can be done with its pods. */
export class VerbsOfNodes extends PodVerbs {
  #added = 0

  /**
   * A node joins, with a certlet that starts now; answers with its name. By default it is `joined-1`, `joined-2`, and
   * so on.
   *
   * @example
   * const name = yield* cluster.addNode()
   * const first = yield* cluster.schedule({ node: name })
   * yield* cluster.advance("1 minute")
   * assert.equal(first.phase, "running")
   */
  readonly addNode = (name?: string): Effect.Effect<string> =>
    this.within(
      Effect.suspend(() => {
        const { machines, nodes, run } = this.parts
        const called = name ?? `joined-${this.#added + 1}`
        if (!isLabel(called)) throw new Misuse(`a node has a name such as node-7, and not ${called}`)
        if (nodes.has(called)) throw new Misuse(`there is a node ${called} already; give the other one another name`)
        this.#added += 1
        const node = machines.add(called)
        return Effect.andThen(
          tell(this.parts, called, "the node joins"),
          Effect.sync(() => {
            run(node.start)
            return called
          })
        )
      })
    )

  /**
   * A node leaves for good, with its certlet and whatever was on it; its pods are gone. Whoever wants them to go in
   * order drains the node before.
   *
   * @example
   * yield* cluster.removeNode("node-1")
   * assert.equal(pod.phase, "gone")
   * const elsewhere = yield* cluster.schedule()
   * assert.equal(elsewhere.node, "node-2")
   * yield* cluster.settle()
   */
  readonly removeNode = (name: string): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() => {
        const node = this.node(name)
        if (this.parts.nodes.size === 1) throw new Misuse(`${name} is the only node, and a cluster has one at least`)
        this.parts.timed.forget(name)
        return Effect.andThen(tell(this.parts, name, "the node leaves for good"), this.parts.machines.drop(node))
      })
    )

  /**
   * Ends certlet on a node in order, as a rollout does; it is started again.
   *
   * @example
   * yield* cluster.stop("node-1", { downtime: "10 minutes" })
   * yield* cluster.advance("1 hour")
   * yield* cluster.exec(pod)
   */
  readonly stop = (node: string, ending: Ending = {}): Effect.Effect<void> =>
    this.within(
      Effect.andThen(
        tell(this.parts, node, "certlet is told to stop"),
        Effect.sync(() => void this.parts.run(this.node(node).stop(downtimeOf(ending))))
      )
    )

  /**
   * Kills certlet on a node, now or, with `at`, at its n-th call to anything from now on; it is started again.
   *
   * @example
   * yield* cluster.kill("node-1", { at: { call: 3, when: "after" } })
   * yield* cluster.advance("6 hours")
   * assert.equal((yield* cluster.exec(pod)).matchesKey, true)
   */
  readonly kill = (node: string, ending: Ending & { readonly at?: CrashPoint } = {}): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() =>
        this.node(node).kill(downtimeOf(ending), Option.map(Option.fromUndefinedOr(ending.at), sound))
      )
    )

  /**
   * certlet meets a defect at its next call to anything, or at its n-th from now on: what it does there ends in a way
   * that nobody has thought of, and everything else goes on.
   *
   * @example
   * yield* cluster.meetDefect("node-1")
   * yield* cluster.advance("6 hours")
   * assert.equal((yield* cluster.exec(pod)).matchesKey, true)
   */
  readonly meetDefect = (node: string, at: CrashPoint = nextCall): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() => {
        const defect = Effect.die(new Error("what nobody has thought of (simulated)"))
        const told = tell(this.parts, node, "certlet meets a defect")
        return this.node(node).strikeAt({ ...sound(at), strike: Effect.andThen(told, defect) })
      })
    )

  /**
   * Nothing of certlet on this node moves for so long: no call, no answer, no timer.
   *
   * @example
   * yield* cluster.freeze("node-2", "10 minutes")
   * const waiting = yield* cluster.schedule({ node: "node-2" })
   * yield* cluster.advance("9 minutes")
   * assert.equal(waiting.phase, "pending")
   */
  readonly freeze = (node: string, time: Duration.Input): Effect.Effect<void> =>
    this.within(
      Effect.andThen(
        tell(this.parts, node, `certlet is frozen for ${worded(time)}`),
        this.node(node).freeze(timeOf(time))
      )
    )

  /**
   * The node cannot reach the API server for so long.
   *
   * @example
   * yield* cluster.cut("node-1", "15 minutes")
   * yield* cluster.advance("1 hour")
   * yield* cluster.exec(pod)
   */
  readonly cut = (node: string, time: Duration.Input): Effect.Effect<void> =>
    this.within(cutOff(this.parts, this.parts.timed, this.node(node), time))

  /**
   * The node's kubelet is away for so long, now or, with `at`, from certlet's n-th call to anything on, in the middle
   * of what the kubelet waits for; containers run on. With `callsRunOn` certlet hears only after that time that its
   * calls were cancelled: those that come meanwhile run while the old ones do.
   *
   * @example
   * yield* cluster.restartKubelet("node-1", "5 minutes")
   * yield* cluster.advance("6 minutes")
   * assert.equal(pod.phase, "running")
   */
  readonly restartKubelet = (node: string, time: Duration.Input, more: KubeletRestart = {}): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() => {
        const { at, callsRunOn } = known("a kubelet's restart", more, { at: true, callsRunOn: true })
        const restart = this.#kubeletAway(this.node(node), time, callsRunOn)
        if (at === undefined) return restart
        return this.node(node).strikeAt({ ...sound(at), strike: Effect.sync(() => void this.parts.run(restart)) })
      })
    )

  #kubeletAway(
    { kubelet, letCallsRunOn, name }: SimNode,
    time: Duration.Input,
    callsRunOn: Duration.Input | undefined
  ): Effect.Effect<void> {
    const { pull } = this.parts.timed
    const restart = pull(`${name}/kubelet`, time, Effect.sync(kubelet.stop), Effect.sync(kubelet.start))
    if (callsRunOn === undefined) return Effect.andThen(tell(this.parts, name, "the kubelet restarts"), restart)
    return Effect.andThen(
      tell(this.parts, name, `the kubelet restarts, and its calls run on for ${worded(callsRunOn)}`),
      Effect.andThen(pull(`${name}/calls`, callsRunOn, letCallsRunOn(true), letCallsRunOn(false)), restart)
    )
  }

  /**
   * The node restarts: mounts, data root and containers are gone and made again.
   *
   * @example
   * yield* cluster.reboot("node-1", "3 minutes")
   * assert.equal(pod.phase, "pending")
   * yield* cluster.settle()
   * assert.equal(pod.phase, "running")
   */
  readonly reboot = (node: string, time: Duration.Input): Effect.Effect<void> =>
    this.within(Effect.andThen(tell(this.parts, node, "the node reboots"), this.node(node).reboot(timeOf(time))))
}
