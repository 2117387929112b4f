/**
 * The levers of a simulated node's disk and clock, and those of the cluster's trust bundles. In the examples `cluster`
 * has the nodes node-1 and node-2, `pod` asks for certificates of an hour and runs on node-1, and `assert` is
 * `node:assert/strict`; each of them is run by the tests.
 */

import { Duration, Effect, Option } from "effect"
import { bundleText } from "../../kube/TrustBundles.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { sound } from "../parts/ClusterParts.ts"
import { type DiskPoint, diskCalls } from "../parts/Fence.ts"
import { bundleNamed } from "../parts/SimBundles.ts"
import type { SimNode } from "../parts/SimNode.ts"
import { type SimPod, type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import { Misuse, oneOf, timeOf, worded } from "./misuse.ts"
import { type TimedLevers, tell, type Workings } from "./TimedLevers.ts"
import { volumesOf } from "./volumesOf.ts"

/** A pod's volumes on the node that it is on: all of them, or the one of this name. */
const volumesOn = (node: SimNode, pod: SimPod, name?: string): ReadonlyArray<SimPodVolume> => {
  if (pod.node === node.name) return volumesOf(pod, name)
  throw new Misuse(`${namespacedName(pod)} has no volume on ${node.name}; it runs on ${pod.node}`)
}

/** The levers of a node's disk, with its volumes and its records. */
export const diskLevers = (workings: Workings, levers: TimedLevers, node: SimNode) => {
  const { disk, records } = node
  const pull = (
    sentence: string,
    name: string,
    time: Duration.Input,
    on: ReadonlyArray<Effect.Effect<void>>,
    off: ReadonlyArray<Effect.Effect<void>>
  ) =>
    Effect.andThen(
      tell(workings, node.name, `${sentence} for ${worded(time)}`),
      levers.pull(`${node.name}/${name}`, time, Effect.all(on, { discard: true }), Effect.all(off, { discard: true }))
    )
  return {
    /**
     * There is no space left for so long.
     *
     * @example
     * yield* cluster.disk("node-1").fill("50 minutes")
     * const before = yield* cluster.exec(pod)
     * yield* cluster.advance("50 minutes")
     * assert.deepEqual(yield* cluster.exec(pod), before)
     */
    fill: (time: Duration.Input) =>
      pull(
        "the disk is full",
        "full",
        time,
        [disk.levers.fill, records.levers.fill],
        [disk.levers.free, records.levers.free]
      ),
    /**
     * Every operation fails (EIO) for so long.
     *
     * @example
     * yield* cluster.disk("node-2").fail("10 minutes")
     * const unlucky = yield* cluster.schedule({ node: "node-2" })
     * yield* cluster.advance("9 minutes")
     * assert.equal(unlucky.phase, "pending")
     */
    fail: (time: Duration.Input) =>
      pull(
        "the disk fails",
        "broken",
        time,
        [disk.levers.fail, records.levers.fail],
        [disk.levers.heal, records.levers.heal]
      ),
    /**
     * One of certlet's next calls to the disk hangs for so long, before it is done or after it: the `call`-th from now
     * on, or the `call`-th of one kind, such as `{ of: "unmount" }`. Other calls take their usual time.
     *
     * @example
     * yield* cluster.disk("node-1").hang({ call: 1, when: "before" }, "10 minutes")
     * const waiting = yield* cluster.schedule({ node: "node-1" })
     * yield* cluster.advance("9 minutes")
     * assert.equal(waiting.phase, "pending")
     * yield* cluster.advance("5 minutes")
     * assert.equal(waiting.phase, "running")
     */
    hang: ({ of, ...point }: DiskPoint, time: Duration.Input) => {
      const kind = of === undefined ? "a call to the disk" : `the disk's ${oneOf("a call's kind", of, diskCalls)}`
      return Effect.andThen(
        tell(workings, node.name, `${kind} hangs for ${worded(time)}`),
        node.hang({ ...sound(point), of, time: timeOf(time) })
      )
    },
    /**
     * The record that was written last before certlet's next death is left half written.
     *
     * @example
     * yield* cluster.disk("node-1").tear()
     * yield* cluster.kill("node-1")
     * yield* cluster.advance("1 hour")
     * assert.match(cluster.trace.lines().join(), /a record makes no sense and is set aside/)
     */
    tear: () => Effect.andThen(tell(workings, node.name, "the next crash will tear a record"), node.tear),
    /**
     * A stranger unmounts the pod's volumes, or the one of this name.
     *
     * @example
     * yield* cluster.disk("node-1").clean(pod)
     * yield* cluster.advance("2 minutes")
     * assert.match(cluster.trace.lines().join(), /VolumeMountLost/)
     */
    clean: (pod: SimPod, volume?: string) =>
      Effect.forEach(
        volumesOn(node, pod, volume),
        (one) =>
          Effect.andThen(
            tell(workings, node.name, `a stranger unmounts the volume of ${volumeText(one)}`),
            disk.levers.clean(one.target)
          ),
        { discard: true }
      ),
    /**
     * A stranger has something mounted over the pod's volumes for so long, or over the one of this name.
     *
     * @example
     * yield* cluster.disk("node-1").plant(pod, "10 minutes")
     * yield* cluster.advance("5 minutes")
     * assert.match(cluster.trace.lines().join(), /is not published/)
     * yield* cluster.settle()
     */
    plant: (pod: SimPod, time: Duration.Input, volume?: string) =>
      Effect.forEach(
        volumesOn(node, pod, volume),
        (one) => {
          const turn = (what: Option.Option<"mount">) => disk.levers.plant(one.target, what)
          const sentence = `a stranger mounts something over the volume of ${volumeText(one)}`
          return pull(sentence, `planted/${one.volumeId}`, time, [turn(Option.some("mount"))], [turn(Option.none())])
        },
        { discard: true }
      ),
    /**
     * A stranger removes the whole data root.
     *
     * @example
     * yield* cluster.disk("node-1").wipeRecords()
     * yield* cluster.kill("node-1")
     * yield* cluster.advance("2 hours")
     * yield* cluster.check()
     */
    wipeRecords: () => Effect.andThen(tell(workings, node.name, "a stranger wipes the data root"), records.levers.wipe)
  }
}

/** Cuts a node off from the API server for so long. */
export const cutOff = (workings: Workings, levers: TimedLevers, { link, name }: SimNode, time: Duration.Input) => {
  const { cut, mend } = workings.server.watches
  return Effect.andThen(
    tell(workings, name, `the API server is out of reach for ${worded(time)}`),
    levers.pull(`${name}/cut`, time, cut(link), mend(link))
  )
}

/** The lever of a node's clock. */
export const clockLever = (workings: Workings, node: SimNode) => ({
  /**
   * From now on the node's clock is this wrong.
   *
   * @example
   * yield* cluster.clock("node-1").skew("5 minutes", "behind")
   * yield* cluster.advance("2 hours")
   * yield* cluster.exec(pod)
   */
  skew: (by: Duration.Input, direction: "ahead" | "behind" = "ahead") =>
    Effect.andThen(
      tell(
        workings,
        node.name,
        `the clock is ${worded(by)} ${oneOf("where a clock goes", direction, ["ahead", "behind"])}`
      ),
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
    /**
     * It holds a new CA from now on; the first time, it is made.
     *
     * @example
     * yield* cluster.bundle("ConfigMap/roots").rotate()
     * const attributes = { "csi.cert-manager.io/trust-bundle": "ConfigMap/roots" }
     * const trusting = yield* cluster.schedule({ attributes })
     * yield* cluster.advance("1 minute")
     * const before = yield* cluster.exec(trusting)
     * yield* cluster.bundle("ConfigMap/roots").rotate()
     * yield* cluster.advance("1 minute")
     * const after = yield* cluster.exec(trusting)
     * assert.notEqual(after.files.get("ca.crt")?.text, before.files.get("ca.crt")?.text)
     * assert.equal(after.certificate.pem, before.certificate.pem)
     */
    rotate: () => Effect.andThen(tell(workings, "api", `${text} holds a new CA`), rotate(bundle)),
    /**
     * It holds this text from now on.
     *
     * @example
     * yield* cluster.bundle("ClusterTrustBundle/corp").write("no certificate at all")
     * const attributes = { "csi.cert-manager.io/trust-bundle": "ClusterTrustBundle/corp" }
     * const trusting = yield* cluster.schedule({ attributes })
     * yield* cluster.advance("10 minutes")
     * assert.equal(trusting.phase, "pending")
     */
    write: (pem: string) => Effect.andThen(tell(workings, "api", `${text} is written`), write(bundle, pem)),
    /**
     * It is deleted, and made again after so long.
     *
     * @example
     * yield* cluster.bundle("ConfigMap/roots").rotate()
     * yield* cluster.bundle("ConfigMap/roots").lose("1 hour")
     * const late = yield* cluster.schedule({ attributes: { "csi.cert-manager.io/trust-bundle": "ConfigMap/roots" } })
     * yield* cluster.advance("50 minutes")
     * assert.equal(late.phase, "pending")
     * yield* cluster.advance("15 minutes")
     * assert.equal(late.phase, "running")
     */
    lose: (time: Duration.Input) => pull("is deleted", "lost", time),
    /**
     * It is cut off in the middle of a certificate, and mended after so long.
     *
     * @example
     * yield* cluster.bundle("ConfigMap/roots").rotate()
     * const attributes = { "csi.cert-manager.io/trust-bundle": "ConfigMap/roots" }
     * const trusting = yield* cluster.schedule({ attributes })
     * yield* cluster.advance("1 minute")
     * const before = (yield* cluster.exec(trusting)).files.get("ca.crt")
     * yield* cluster.bundle("ConfigMap/roots").damage("1 hour")
     * yield* cluster.advance("30 minutes")
     * assert.deepEqual((yield* cluster.exec(trusting)).files.get("ca.crt"), before)
     */
    damage: (time: Duration.Input) => pull("is damaged", "damaged", time)
  }
}
