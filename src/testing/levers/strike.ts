/**
 * Incidents, struck: the one table from a fault's name to what it does to a cluster. Everything that an incident needs
 * to know stands in it already, so that striking it again in another run of the same story does the same. Nothing is
 * drawn here.
 */
import { Duration, Effect, Option } from "effect"
import { kubeletPrefix } from "../../spec/VolumeContext.ts"
import type { Cluster } from "../Cluster.ts"
import { simulationBegins } from "../parts/ClusterParts.ts"
import type { CrashPoint, DiskPoint } from "../parts/Fence.ts"
import type { SimPod, SimPodVolume } from "../parts/SimPod.ts"
import { type Incident, type IncidentName, isIncidentName, type Rate } from "./Faults.ts"
import { volumesOf } from "./volumesOf.ts"

type Strike = (cluster: Cluster, incident: Incident, time: Duration.Duration) => Effect.Effect<unknown>

/** One of the pods of the incident's node; none where there are none. */
const podOf = (cluster: Cluster, { draw, node }: Incident): SimPod | undefined => {
  const pods = cluster.world.pods.filter((pod) => pod.node === node && pod.phase === "running")
  return pods[Math.floor(draw * pods.length)]
}

const onPod = (cluster: Cluster, incident: Incident, act: (pod: SimPod) => Effect.Effect<unknown>) => {
  const pod = podOf(cluster, incident)
  return pod === undefined ? Effect.void : act(pod)
}

/** One of a pod's volumes. */
const volumeOf = (pod: SimPod, { draw2 }: Incident): string | undefined => {
  const names = [...pod.volumes.keys()]
  return names[Math.floor(draw2 * names.length)]
}

/** The attributes without those that a kubelet adds. */
const ownAttributes = (attributes: SimPodVolume["attributes"]): SimPodVolume["attributes"] =>
  Object.fromEntries(Object.entries(attributes).filter(([key]) => !key.startsWith(kubeletPrefix)))

/** As a StatefulSet does it with a pod that somebody has deleted by force: the same again, under the same name. */
const replace = Effect.fnUntraced(function* (cluster: Cluster, pod: SimPod) {
  const { fsGroup, name, namespace, node, serviceAccount } = pod
  const { conditions, labels } = cluster.world.stateOf(pod)
  const volumes = Object.fromEntries(
    volumesOf(pod).map(({ attributes, name, secret }) => [
      name,
      { attributes: ownAttributes(attributes), ...(Option.isNone(secret) ? {} : { secret: secret.value }) }
    ])
  )
  yield* cluster.forceDelete(pod)
  const next = yield* cluster.schedule({ name, namespace, node, serviceAccount, fsGroup, labels, volumes })
  yield* cluster.change(next, { conditions })
})

const onBundle = (
  cluster: Cluster,
  { draw }: Incident,
  act: (bundle: ReturnType<Cluster["bundle"]>) => Effect.Effect<void>
) => {
  const names = cluster.bundleNames
  const [name, namespace] = names[Math.floor(draw * names.length)] ?? []
  return name === undefined ? Effect.void : act(cluster.bundle(name, namespace))
}

/** One of the next calls of a process. */
const momentOf = (draw: number, draw2: number): CrashPoint => ({
  call: 1 + Math.floor(draw * 24),
  when: draw2 < 0.5 ? "before" : "after"
})

/** Which call hangs: any of the next ones, or soon one of a kind that is not made all the time. */
const hangOf = ({ draw, draw2 }: Incident): DiskPoint => {
  const kinds = [undefined, "mount", "write", "unmount", "save", "remove"] as const
  const chosen = draw * kinds.length
  const of = kinds[Math.floor(chosen)]
  const call = 1 + Math.floor((chosen % 1) * (of === undefined ? 12 : 3))
  return { call, of, when: draw2 < 0.5 ? "before" : "after" }
}

const strikes: Readonly<Record<IncidentName, Strike>> = {
  watchDropsPerDay: (cluster) => cluster.api.dropWatches(),
  watchEndsPerDay: (cluster) => cluster.api.endWatches(),
  watchSilencesPerDay: (cluster) => cluster.api.silenceWatches(),
  watchesGarbledPerDay: (cluster) => cluster.api.garbleWatches(),
  historyLossesPerDay: (cluster) => cluster.api.expire(),
  apiOutagesPerDay: (cluster, _, time) => cluster.api.down(time),
  forbiddenPerDay: (cluster, _, time) => cluster.api.forbid(time),
  cutsPerDay: (cluster, { node }, time) => cluster.cut(node, time),
  approvalStallsPerDay: (cluster, _, time) => cluster.issuer.holdApproval(time),
  issuerStallsPerDay: (cluster, _, time) => cluster.issuer.stall(time),
  denialsPerDay: (cluster, _, time) => cluster.issuer.deny(time),
  failuresPerDay: (cluster, _, time) => cluster.issuer.fail(time),
  shortLifetimesPerDay: (cluster, { draw }, time) =>
    cluster.issuer.shorten(Duration.seconds(Math.ceil(30 + draw * 600)), time),
  // Mostly as much as issuers allow for clocks, sometimes longer than the certificate lives.
  backdatingPerDay: (cluster, { draw }, time) => cluster.issuer.backdate(Duration.seconds(10 + 1e6 * draw ** 8), time),
  commonNameDropsPerDay: (cluster, _, time) => cluster.issuer.dropCommonName(time),
  caRotationsPerDay: (cluster) => cluster.issuer.rotateCa(),
  requestsDeletedPerDay: (cluster, { draw }) => cluster.api.deleteRequest(draw),
  killsPerDay: (cluster, { node }, time) => cluster.kill(node, { downtime: time }),
  crashPointsPerDay: (cluster, { draw, draw2, node }) => cluster.kill(node, { at: momentOf(draw, draw2) }),
  stopsPerDay: (cluster, { node }, time) => cluster.stop(node, { downtime: time }),
  freezesPerDay: (cluster, { node }, time) => cluster.freeze(node, time),
  kubeletRestartsPerDay: (cluster, { node }, time) => cluster.restartKubelet(node, time),
  rebootsPerDay: (cluster, { node }, time) => cluster.reboot(node, time),
  disksFullPerDay: (cluster, { node }, time) => cluster.disk(node).fill(time),
  disksBrokenPerDay: (cluster, { node }, time) => cluster.disk(node).fail(time),
  // Often longer than a kubelet waits: its next call comes while the last one still hangs.
  disksHangingPerDay: (cluster, incident, time) => cluster.disk(incident.node).hang(hangOf(incident), time),
  tornRecordsPerDay: (cluster, { node }) => cluster.disk(node).tear(),
  cleanedVolumesPerDay: (cluster, incident) =>
    onPod(cluster, incident, (pod) => cluster.disk(incident.node).clean(pod, volumeOf(pod, incident))),
  wipedRecordsPerDay: (cluster, { node }) => cluster.disk(node).wipeRecords(),
  bundleRotationsPerDay: (cluster, incident) => onBundle(cluster, incident, (bundle) => bundle.rotate()),
  bundleLossesPerDay: (cluster, incident, time) =>
    onBundle(cluster, incident, ({ damage, lose }) => (incident.draw2 < 0.5 ? lose(time) : damage(time))),
  addressChangesPerDay: (cluster, incident) => onPod(cluster, incident, cluster.readdress),
  labelChangesPerDay: (cluster, incident) =>
    onPod(cluster, incident, (pod) =>
      cluster.change(pod, { labels: { team: `team-${Math.floor(incident.draw2 * 5)}` } })
    ),
  tokenExpiriesPerDay: (cluster) => cluster.expireTokens(),
  podsReplacedPerDay: (cluster, incident) => onPod(cluster, incident, (pod) => replace(cluster, pod)),
  containerRestartsPerDay: (cluster, incident) => onPod(cluster, incident, cluster.restartContainer),
  mountsPlantedPerDay: (cluster, incident, time) =>
    onPod(cluster, incident, (pod) => cluster.disk(incident.node).plant(pod, time, volumeOf(pod, incident))),
  // The next kubelet calls before the calls of the last one have ended.
  callsRunningOnPerDay: (cluster, { draw, node }, time) =>
    cluster.restartKubelet(node, Duration.seconds(Math.ceil(draw * 10)), { callsRunOn: time }),
  callsCutShortPerDay: (cluster, { draw, draw2, node }, time) =>
    cluster.restartKubelet(node, time, { at: momentOf(draw, draw2) }),
  defectsPerDay: (cluster, { draw, draw2, node }) => cluster.meetDefect(node, momentOf(draw, draw2)),
  clockSkewsPerDay: (cluster, { draw, draw2, node }) =>
    // Mostly minutes, seldom hours.
    cluster.clock(node).skew(Duration.seconds(Math.ceil(14_400 * draw ** 8)), draw2 < 0.5 ? "ahead" : "behind")
}

/** A fault of one's own: a kind of incident, and what it does. */
export interface OwnFault extends Rate {
  readonly strike: (cluster: Cluster, incident: Incident) => Effect.Effect<unknown>
}

/** A fault of one's own, struck so often a day and cluster at times and on nodes that the seed decides. */
export const fault = (name: string, perDay: number, strike: OwnFault["strike"]): OwnFault => ({ name, perDay, strike })

/** Strikes an incident, now. */
const strike = (cluster: Cluster, incident: Incident, own: ReadonlyArray<OwnFault>): Effect.Effect<void> => {
  const { fault, millis } = incident
  if (isIncidentName(fault)) {
    // A node that has left is struck by nothing.
    if (!cluster.world.nodes.has(incident.node)) return Effect.void
    return Effect.asVoid(strikes[fault](cluster, incident, Duration.millis(millis)))
  }
  const found = own.find(({ name }) => name === fault)
  return found === undefined
    ? Effect.die(new Error(`there is no fault ${fault}: give it to the run, as one of its ownFaults`))
    : Effect.asVoid(found.strike(cluster, incident))
}

/** Strikes incidents as time passes; each is given by its time since the simulation began. */
export const strikeAll = (
  cluster: Cluster,
  incidents: ReadonlyArray<Incident>,
  own: ReadonlyArray<OwnFault> = []
): Effect.Effect<void> =>
  Effect.forEach(
    incidents,
    (incident) =>
      // Whom it strikes is settled when it does, not when it is waited for.
      Effect.suspend(() =>
        Effect.delay(
          Effect.suspend(() => strike(cluster, incident, own)),
          Math.max(0, simulationBegins + incident.at - cluster.world.now)
        )
      ),
    { discard: true }
  )
