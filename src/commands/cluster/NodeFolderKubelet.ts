/**
 * The kubelet of `certlet cluster`: it takes the pods that have no node, has certlet publish their volumes, and lets
 * them go when they are deleted. What it cannot do it says as a real kubelet does, by an Event on the pod, and tries
 * again. Other volumes than certlet's are passed over, and no container is run.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { DateTime, Duration, Effect, FiberMap, Predicate, Schedule } from "effect"
import type { EmbeddedCluster } from "../../embedded/EmbeddedCluster.ts"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { textAt, valueAt } from "../../embedded/valueAt.ts"
import { rfc3339 } from "../../spec/rfc3339.ts"
import type { CallError, connectKubelet } from "../demo/GrpcKubeletClient.ts"

/** What the kubelet works with. */
interface Workings {
  readonly cluster: EmbeddedCluster
  /** Its side of certlet's socket. */
  readonly kubelet: Effect.Success<ReturnType<typeof connectKubelet>>
  readonly folder: string
  readonly nodeId: string
}

/** A volume of a pod that certlet is to fill. */
interface Volume {
  readonly name: string
  readonly volumeId: string
  readonly target: string
  /** Where a person finds it. */
  readonly link: string
  readonly context: Readonly<Record<string, string>>
}

const driver = "csi.cert-manager.io"

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(Object(value)).flatMap(([name, one]) => (Predicate.isString(one) ? [[name, one]] : []))
  )

const volumesOf = (folder: string, pod: StoredObject): ReadonlyArray<Volume> => {
  const { name, namespace, uid } = pod.metadata
  const volumes = valueAt(pod, "spec", "volumes")
  return (Array.isArray(volumes) ? volumes : [])
    .filter((volume) => textAt(volume, "csi", "driver") === driver)
    .map((volume) => {
      const called = textAt(volume, "name") ?? ""
      return {
        name: called,
        volumeId: `csi-${uid}-${called}`,
        target: join(folder, "node/pods", uid, "volumes/kubernetes.io~csi", called, "mount"),
        link: join(folder, namespace, name, called),
        context: {
          ...textsOf(valueAt(volume, "csi", "volumeAttributes")),
          "csi.storage.k8s.io/ephemeral": "true",
          "csi.storage.k8s.io/pod.name": name,
          "csi.storage.k8s.io/pod.namespace": namespace,
          "csi.storage.k8s.io/pod.uid": uid,
          "csi.storage.k8s.io/serviceAccount.name": textAt(pod, "spec", "serviceAccountName") ?? "default"
        }
      }
    })
}

/** Writes a pod's status, and its node. */
const write = ({ cluster, nodeId }: Workings, { metadata }: StoredObject, phase: string, since: string): void => {
  const ready = phase === "Running"
  cluster.stores.pods.update(metadata.namespace, metadata.name, (pod) => {
    const containers = valueAt(pod, "spec", "containers")
    return {
      ...pod,
      spec: { ...Object(pod.spec), nodeName: nodeId },
      status: {
        phase,
        podIPs: [{ ip: "10.0.0.1" }],
        podIP: "10.0.0.1",
        conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: since }],
        containerStatuses: (Array.isArray(containers) ? containers : []).map((one) => ({
          name: textAt(one, "name"),
          image: textAt(one, "image"),
          ready,
          state: ready ? { running: { startedAt: since } } : { waiting: { reason: "ContainerCreating" } }
        }))
      }
    }
  })
}

/** Says on the pod what its volume lacks. */
const complain = Effect.fnUntraced(function* ({ cluster, nodeId }: Workings, pod: StoredObject, what: string) {
  const { name, namespace, uid } = pod.metadata
  const now = rfc3339(yield* DateTime.now)
  const event = `${name}.failedmount`
  const before = cluster.stores.events.get(namespace, event)
  cluster.stores.events.put({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: event, namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, uid },
    type: "Warning",
    reason: "FailedMount",
    message: what,
    source: { component: "kubelet", host: nodeId },
    count: Number(valueAt(before, "count") ?? 0) + 1,
    firstTimestamp: textAt(before, "firstTimestamp") ?? now,
    lastTimestamp: now
  })
})

/** A real kubelet looks at its pods about once a minute, and calls again where it has failed after growing pauses. */
const look = Duration.minutes(1)
const pauses = Schedule.min([Schedule.exponential("500 millis", 2), Schedule.spaced("1 minute")])

const publish = (workings: Workings, pod: StoredObject, volume: Volume): Effect.Effect<void, CallError> =>
  Effect.suspend(() => {
    mkdirSync(dirname(volume.target), { recursive: true })
    mkdirSync(dirname(volume.link), { recursive: true })
    return workings.kubelet.publish(volume)
  }).pipe(
    Effect.tapError(({ message }) =>
      complain(workings, pod, `MountVolume.SetUp failed for volume "${volume.name}" : rpc error: ${message}`)
    ),
    Effect.tap(() =>
      Effect.sync(() => {
        rmSync(volume.link, { force: true })
        symlinkSync(volume.target, volume.link)
      })
    )
  )

/** A pod's life: its volumes, and then a look now and then. */
const live = Effect.fnUntraced(function* (workings: Workings, pod: StoredObject) {
  const volumes = volumesOf(workings.folder, pod)
  write(workings, pod, "Pending", rfc3339(yield* DateTime.now))
  yield* Effect.forEach(volumes, (volume) => Effect.retry(publish(workings, pod, volume), pauses), { concurrency: 8 })
  write(workings, pod, "Running", rfc3339(yield* DateTime.now))
  const again = Effect.forEach(volumes, (volume) => Effect.ignore(publish(workings, pod, volume)), { discard: true })
  yield* Effect.repeat(Effect.delay(again, look), Schedule.forever)
})

/** A pod's end: its volumes go, and then itself. */
const end = Effect.fnUntraced(function* ({ cluster, folder, kubelet }: Workings, pod: StoredObject) {
  for (const volume of volumesOf(folder, pod)) {
    rmSync(volume.link, { force: true })
    yield* Effect.retry(kubelet.unpublish(volume), pauses)
  }
  const { name, namespace, uid } = pod.metadata
  rmSync(join(folder, "node/pods", uid), { recursive: true, force: true })
  rmSync(join(folder, namespace, name), { recursive: true, force: true })
  cluster.stores.pods.delete(namespace, name, uid)
})

/** Opens a volume's folders, which nobody may write to, so that they can be removed without root. */
const open = (folder: string): void => {
  chmodSync(folder, 0o700)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) open(join(folder, entry.name))
  }
}

/** Runs the kubelet until the scope ends. */
export const runKubelet = Effect.fnUntraced(function* (workings: Workings) {
  const run = yield* FiberMap.makeRuntime<never, string>()
  const { cluster, folder, nodeId } = workings
  const { pods } = cluster.stores
  const [begun, over] = [new Set<string>(), new Set<string>()]
  const tend = (pod: StoredObject, isGone: boolean): void => {
    const { deletionTimestamp, uid } = pod.metadata
    const isOver = isGone || deletionTimestamp !== undefined
    const known = isOver ? over : begun
    if (known.has(uid) || (textAt(pod, "spec", "nodeName") ?? nodeId) !== nodeId) return
    known.add(uid)
    run(uid, isOver ? end(workings, pod) : live(workings, pod))
  }
  for (const pod of pods.all()) tend(pod, false)
  const stop = pods.subscribe(({ object, type }) => tend(object, type === "DELETED"))
  const clear = Effect.sync(() => {
    stop()
    // Keys do not outlive the cluster that they were made for.
    for (const { metadata } of pods.all()) rmSync(join(folder, metadata.namespace), { recursive: true, force: true })
    const published = join(folder, "node/pods")
    if (existsSync(published)) open(published)
    rmSync(published, { recursive: true, force: true })
  })
  yield* Effect.addFinalizer(() => clear)
})
