/**
 * The verbs about pods: they come and go in every way that Kubernetes knows, and are looked at from everywhere that
 * their owner can look. `Cluster` has them, with those about nodes and time. In the examples `cluster` has the nodes
 * node-1 and node-2, `pod` asks for certificates of an hour and runs on node-1, and `assert` is `node:assert/strict`;
 * each of them is run by the tests.
 */
import { type Duration, Effect, Option } from "effect"
import type { VolumeStatus } from "../driver/VolumeStatus.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import type { PodState } from "../spec/PodState.ts"
import { CannotSee, type Sight, seeVolume } from "./judges/Sight.ts"
import { askCertlet } from "./levers/askCertlet.ts"
import { known, Misuse, named, present, worded } from "./levers/misuse.ts"
import { changeableNames, soundWish } from "./levers/soundWish.ts"
import { tell } from "./levers/TimedLevers.ts"
import { oneVolume, volumesOf } from "./levers/volumesOf.ts"
import type { ClusterParts } from "./parts/ClusterParts.ts"
import { eventIn } from "./parts/SimEvents.ts"
import type { SimNode } from "./parts/SimNode.ts"
import { makePod, type PodWish, type SimPod, type SimPodVolume } from "./parts/SimPod.ts"
import type { Question } from "./story/Happening.ts"

/** What can be done with the pods of a cluster. */
export class PodVerbs {
  protected readonly parts: ClusterParts
  #pods = 0

  constructor(parts: ClusterParts) {
    this.parts = parts
  }

  /** Everything happens by the cluster's own clock and chance. */
  protected readonly within = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      if (this.parts.hasEnded()) return Effect.die(new Misuse("this cluster has ended: nothing can be asked of it"))
      return Effect.provideContext(effect, this.parts.context)
    })

  /** A node by its name. */
  readonly node = (name: string): SimNode => named("node", this.parts.nodes, name)

  /**
   * Schedules a pod; its kubelet takes it from there.
   *
   * @example
   * const web = yield* cluster.schedule({ name: "web", node: "node-2", duration: "2 hours", issuer: "ca" })
   * yield* cluster.advance("1 minute")
   * assert.deepEqual((yield* cluster.exec(web)).certificate.names, ["DNS:web.apps.svc"])
   *
   * // Several volumes, by their names: what stands beside them holds for each of them.
   * const volumes = { tls: {}, client: { dnsNames: "api.shop" } }
   * const api = yield* cluster.schedule({ name: "api", duration: "2 hours", volumes })
   * yield* cluster.advance("1 minute")
   * assert.deepEqual((yield* cluster.exec(api, "client")).certificate.names, ["DNS:api.shop"])
   */
  readonly schedule = (wish: PodWish = {}): Effect.Effect<SimPod> =>
    this.within(
      Effect.suspend(() => {
        const { dice, network, pods } = this.parts
        const node = this.node(wish.node ?? this.#nextNode())
        soundWish(wish)
        const name = wish.name ?? `pod-${this.#pods + 1}`
        const pod = makePod({ ...wish, name, node: node.name }, dice)
        const isTaken = (other: SimPod) => namespacedName(other) === namespacedName(pod) && network.shows(other)
        if ([...pods.values()].some(isTaken)) {
          throw new Misuse(`there is a pod ${namespacedName(pod)} already; give the other one another name`)
        }
        this.#pods += 1
        pods.set(pod.uid, pod)
        const begin = Effect.sync(() => node.kubelet.add(pod))
        const shown = network.change(pod, wish.labels === undefined ? {} : { labels: wish.labels })
        if (wish.inherited !== true) return Effect.as(Effect.andThen(begin, shown), pod)
        const inherited = Effect.forEach(pod.volumes.values(), ({ target }) => node.disk.levers.inherit(target))
        return Effect.as(Effect.all([inherited, begin, shown, network.readdress(pod)]), pod)
      })
    )

  /**
   * Deletes a pod: its container ends, its volumes go, its requests follow.
   *
   * @example
   * yield* cluster.delete(pod)
   * yield* cluster.advance("1 minute")
   * assert.equal(pod.phase, "gone")
   */
  readonly delete = (pod: SimPod): Effect.Effect<void> =>
    this.within(Effect.sync(() => this.node(present(this.parts.pods, pod).node).kubelet.delete(pod)))

  /**
   * Deletes a pod by force: the API server forgets it at once, so that another one may have its name, and the kubelet
   * takes its container and its volumes away afterwards.
   *
   * @example
   * const old = yield* cluster.schedule({ name: "db-0" })
   * yield* cluster.advance("1 minute")
   * yield* cluster.forceDelete(old)
   * const next = yield* cluster.schedule({ name: "db-0" })
   * yield* cluster.advance("1 minute")
   * assert.deepEqual([old.phase, next.phase], ["gone", "running"])
   */
  readonly forceDelete = (pod: SimPod): Effect.Effect<void> =>
    this.#onPod(pod, "is deleted by force", ({ kubelet }) => {
      kubelet.delete(pod)
      return Effect.andThen(this.parts.network.forget(pod), this.parts.controllers.bury(pod.uid))
    })

  /**
   * Evicts a pod, as a node does that is short of something: it goes as one that is deleted.
   *
   * @example
   * yield* cluster.evict(pod)
   * yield* cluster.advance("1 minute")
   * assert.equal(pod.phase, "gone")
   */
  readonly evict = (pod: SimPod): Effect.Effect<void> =>
    this.#onPod(pod, "is evicted", ({ kubelet }) => Effect.sync(() => kubelet.delete(pod)))

  /**
   * Drains a node: its pods are evicted, and for so long no pod comes to it that does not name it.
   *
   * @example
   * yield* cluster.drain("node-1", "1 hour")
   * const elsewhere = yield* Effect.forEach([1, 2, 3], () => cluster.schedule())
   * assert.deepEqual(elsewhere.map(({ node }) => node), ["node-2", "node-2", "node-2"])
   * yield* cluster.advance("1 minute")
   * assert.equal(pod.phase, "gone")
   */
  readonly drain = (node: string, time: Duration.Input): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() => {
        const drained = this.node(node)
        const turn = (isDrained: boolean) => Effect.sync(() => void Object.assign(drained, { isDrained }))
        return Effect.andThen(
          Effect.andThen(
            tell(this.parts, node, `the node is drained for ${worded(time)}`),
            this.parts.timed.pull(`${node}/drained`, time, turn(true), turn(false))
          ),
          Effect.sync(() => drained.kubelet.pods.forEach(drained.kubelet.delete))
        )
      })
    )

  /**
   * The pod's container ends and is started again: it sees what stands at its volumes' places now.
   *
   * @example
   * yield* cluster.disk("node-1").clean(pod)
   * yield* cluster.advance("3 minutes")
   * const before = yield* cluster.exec(pod)
   * yield* cluster.restartContainer(pod)
   * assert.notDeepEqual(yield* cluster.exec(pod), before)
   */
  readonly restartContainer = (pod: SimPod): Effect.Effect<void> =>
    this.#onPod(pod, "has its container started again", ({ kubelet }) => {
      if (pod.phase === "running") return Effect.sync(() => kubelet.restartContainer(pod))
      throw new Misuse(`no container of ${namespacedName(pod)} runs, the pod is ${pod.phase}`)
    })

  /**
   * An operator has the pod's certificates renewed now, as `certlet renew` does, or that of one volume; they come as
   * time passes.
   *
   * @example
   * const before = yield* cluster.exec(pod)
   * yield* cluster.renew(pod)
   * yield* cluster.advance("1 minute")
   * assert.notEqual((yield* cluster.exec(pod)).certificate.serialNumber, before.certificate.serialNumber)
   */
  readonly renew = (pod: SimPod, volume?: string): Effect.Effect<void> =>
    this.#ask(() => volumesOf(present(this.parts.pods, pod), volume), "renew")

  /**
   * An operator looks at all that certlet tells of the pod's volumes: status, statistics, metrics. A judge reads it.
   *
   * @example
   * yield* cluster.look(pod)
   * yield* cluster.check()
   */
  readonly look = (pod: SimPod): Effect.Effect<void> => this.#ask(() => volumesOf(pod), "status")

  /**
   * What `certlet status` says of the pod's volume, or of the one of this name.
   *
   * @example
   * const { certificate, state } = yield* cluster.status(pod)
   * assert.equal(state, "Ready")
   * assert.ok(certificate)
   */
  readonly status = (pod: SimPod, volume?: string): Effect.Effect<VolumeStatus, CannotSee> =>
    this.within(
      Effect.suspend(() => {
        const { volumeId } = oneVolume(pod, volume)
        const fail = (detail: string) => new CannotSee({ pod: namespacedName(pod), detail })
        return this.node(pod.node)
          .ask(({ status }) => status)
          .pipe(
            Effect.mapError(({ sentence }) => fail(sentence)),
            Effect.map((all) => all.find((one) => one.volumeId === volumeId)),
            Effect.filterOrElse(
              (found) => found !== undefined,
              () => Effect.fail(fail(`certlet on ${pod.node} knows no volume of it`))
            )
          )
      })
    )

  /**
   * The Events on a pod, as `kubectl describe pod` shows them.
   *
   * @example
   * yield* cluster.issuer.deny("10 minutes")
   * const refused = yield* cluster.schedule()
   * yield* cluster.advance("1 minute")
   * const [event] = yield* cluster.events(refused)
   * assert.match(event?.note ?? "", /denied/)
   */
  readonly events = (
    pod: SimPod
  ): Effect.Effect<ReadonlyArray<{ readonly reason: string; readonly note: string; readonly count: number }>> =>
    this.within(
      Effect.sync(() =>
        this.parts.server.api.stores.events.inOrder().flatMap((object) =>
          Option.match(eventIn(object), {
            onNone: () => [],
            onSome: ({ count, event }) =>
              event.pod.uid === pod.uid ? [{ reason: event.reason, note: event.note, count }] : []
          })
        )
      )
    )

  /**
   * What a process in the pod's container sees in its volume, or in the one of this name: files and modes, the
   * certificate, whether it chains and matches its key.
   *
   * @example
   * const { certificate, chains, files, matchesKey } = yield* cluster.exec(pod)
   * assert.equal(chains && matchesKey, true)
   * assert.equal(files.get("tls.key")?.mode, 0o440)
   * assert.deepEqual(certificate.names, ["DNS:pod-1.apps.svc"])
   */
  readonly exec = (pod: SimPod, volume?: string): Effect.Effect<Sight, CannotSee> =>
    this.within(
      Effect.suspend(() => {
        const { held } = oneVolume(pod, volume)
        const fail = (detail: string) => Effect.fail(new CannotSee({ pod: namespacedName(pod), detail }))
        if (pod.phase !== "running") return fail(`no container runs, the pod is ${pod.phase}`)
        if (Option.isNone(held)) return fail("the container has no volume")
        return Effect.catch(Effect.fromResult(seeVolume(held.value)), fail)
      })
    )

  /**
   * Changes what the API server shows of a pod: its labels, annotations, conditions or addresses.
   *
   * @example
   * yield* cluster.change(pod, { labels: { team: "blue" } })
   * assert.deepEqual(cluster.world.stateOf(pod).labels, { team: "blue" })
   */
  readonly change = (pod: SimPod, change: Partial<PodState>): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() =>
        this.parts.network.change(present(this.parts.pods, pod), known("a change of a pod", change, changeableNames))
      )
    )

  /** The pod's sandbox is made again, under another address. */
  readonly readdress = (pod: SimPod) => this.within(Effect.suspend(() => this.parts.network.readdress(pod)))

  /** The nodes take turns, but for those that are drained. */
  #nextNode(): string {
    const names = [...this.parts.nodes.values()].filter(({ isDrained }) => !isDrained).map(({ name }) => name)
    const name = names[this.#pods % names.length]
    if (name === undefined) throw new Misuse("every node is drained; name the one that the pod is to run on")
    return name
  }

  /** Somebody asks certlet about volumes; it answers as time passes. */
  readonly #ask = (volumes: () => ReadonlyArray<SimPodVolume>, question: Question): Effect.Effect<void> =>
    this.within(
      Effect.sync(() => {
        for (const volume of volumes()) this.parts.run(askCertlet(this.node(volume.pod.node), volume, question))
      })
    )

  readonly #onPod = (pod: SimPod, sentence: string, act: (node: SimNode) => Effect.Effect<void>): Effect.Effect<void> =>
    this.within(
      Effect.suspend(() => {
        const { name, node } = present(this.parts.pods, pod)
        const done = act(this.node(node))
        return Effect.andThen(tell(this.parts, node, `${pod.namespace}/${name} ${sentence}`), done)
      })
    )
}
