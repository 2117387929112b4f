// What many nodes cost the API server: a real one, with as many watches as there are nodes, while pods renew. Three
// kinds of nodes take turns: none, which is what the renewals alone cost; nodes that select their own requests by
// label, as certlet does and cert-manager's own driver too; and nodes that watch the whole collection, which shows what
// the label is worth. Each turn has a control plane of its own, so that no memory of the turn before is in the figures.
// The client takes its share of the same cores: the server's figures are its own processor time.
import { setTimeout as pause } from "node:timers/promises"
import { requestSelector } from "../../src/issuance/RequestLabels.ts"
import type { ControlPlane } from "../cluster/ControlPlane.ts"
import { type KubeObject, textAt } from "../cluster/objects.ts"
import { RealCluster } from "../cluster/RealCluster.ts"
import { copyOf, startRenewals, staysMilliseconds } from "./renewals.ts"
import type { Figures, Side } from "./takeTurns.ts"
import { type Received, Watches } from "./Watches.ts"

export interface ScaleOptions {
  /** Nodes with a watch on their own requests. */
  readonly watches: number
  /** Nodes with a watch on all of them: each gets every event, so a machine bears fewer. */
  readonly whole: number
  /** Renewals a second. */
  readonly rate: number
  /** How long the machine is looked at. */
  readonly seconds: number
}

export const scaleKinds = ["no watches", "by label", "whole"] as const
type Kind = (typeof scaleKinds)[number]

const path = "/apis/cert-manager.io/v1/certificaterequests"
const settling = 10_000
const mebibyte = 1024 * 1024

/** A request in certlet's own shape: one that it has made. */
const requestOfCertlet = async (cluster: RealCluster): Promise<KubeObject> => {
  const certlet = await cluster.certlet({ nodeId: "example", verbosity: "1" })
  const stage = await cluster.stage("scale")
  await certlet.publish(await stage.volume(certlet, "web-7f9c6d5b8-x2x4q"))
  const [request] = await cluster.requests(stage.namespace)
  if (request === undefined) throw new Error("certlet has left no request")
  await certlet.end()
  return request
}

const nodeName = (index: number) => `node-${index}.example.internal`

/** The labels of a request of the volume's, made on a node. */
const labelsOn = (request: KubeObject, node: string): Readonly<Record<string, string>> => {
  const [label = "", value = ""] = requestSelector(node).split("=")
  return { ...request.metadata.labels, [label]: value }
}

/** The sum of a counter of the server's over the series about CertificateRequests. */
const counterOf = async ({ api }: ControlPlane, name: string, except = /^$/): Promise<number> => {
  const text = String(await api.request("GET", "/metrics"))
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && !except.test(line))
  const ours = lines.filter((line) => line.includes('resource="certificaterequests"'))
  return ours.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
}

/** How often the server was called for a single CertificateRequest. */
const callsOf = (plane: ControlPlane): Promise<number> =>
  counterOf(plane, "apiserver_request_total", /verb="(LIST|WATCH)"/)

const openWatches = async (cluster: RealCluster, kind: Kind, { watches, whole }: ScaleOptions): Promise<Watches> => {
  const opened = new Watches(cluster.plane, cluster.access.tokenFile)
  const list = await cluster.plane.api.request("GET", path, { query: { limit: "1" } })
  const resourceVersion = textAt(list, "metadata", "resourceVersion") ?? ""
  const selected = (count: number, query: (index: number) => Readonly<Record<string, string>>) =>
    opened.open(
      path,
      Array.from({ length: count }, (_, index) => ({ resourceVersion, ...query(index) }))
    )
  if (kind === "by label") await selected(watches, (index) => ({ labelSelector: requestSelector(nodeName(index)) }))
  if (kind === "whole") await selected(whole, () => ({}))
  return opened
}

/** What has come between two looks, for a second and for a renewal. */
const arrivals = (
  before: ReadonlyMap<string, Received>,
  after: ReadonlyMap<string, Received>,
  seconds: number,
  renewals: number
): Figures => {
  const rows = [...after].map(([type, { bytes, count }]) => {
    const was = before.get(type) ?? { count: 0, bytes: 0 }
    return { type, count: count - was.count, bytes: bytes - was.bytes }
  })
  const sum = (field: "count" | "bytes") => rows.reduce((all, row) => all + row[field], 0)
  const each = rows.flatMap(({ bytes, count, type }) => [
    [`${type} events for a renewal`, count / renewals],
    [`bytes of an event, ${type}`, bytes / count]
  ])
  return {
    "watch events a second": sum("count") / seconds,
    "watch bytes a second": sum("bytes") / seconds,
    ...Object.fromEntries(each)
  }
}

/** The machine under load for so many seconds. */
const look = async (
  cluster: RealCluster,
  watches: Watches,
  request: KubeObject,
  { rate, seconds, ...options }: ScaleOptions
) => {
  const { plane } = cluster
  const load = startRenewals(plane.api, rate, (index) =>
    copyOf(request, index, labelsOn(request, nodeName(index % options.watches)))
  )
  // By then each creation has its deletion.
  await pause(staysMilliseconds + settling)
  const [usage, calls, received, created] = [
    await plane.usage(),
    await callsOf(plane),
    watches.received(),
    load.created()
  ]
  const begun = performance.now()
  await pause(seconds * 1000)
  const elapsed = (performance.now() - begun) / 1000
  const [usageNow, receivedNow, createdNow] = [await plane.usage(), watches.received(), load.created()]
  const callsNow = await callsOf(plane)
  await load.stop()
  const renewals = createdNow - created
  const share = (program: keyof typeof usage) =>
    (usageNow[program].cpuMilliseconds - usage[program].cpuMilliseconds) / elapsed / 10
  return {
    "renewals a second": renewals / elapsed,
    "calls of the API server for a renewal": (callsNow - calls) / renewals,
    "processor time of the API server, % of a core": share("apiServer"),
    "processor time of etcd, % of a core": share("etcd"),
    "processor time of cert-manager, % of a core": share("certManager"),
    "memory of the API server under load, MiB": usageNow.apiServer.residentBytes / mebibyte,
    "watches that ended": watches.ended,
    "watches that the server ended, for they did not keep up": await counterOf(
      plane,
      "apiserver_terminated_watchers_total"
    ),
    ...arrivals(received, receivedNow, elapsed, renewals)
  }
}

/** One kind of nodes. */
export const scaleSide = (kind: Kind, options: ScaleOptions): Side => ({
  name: kind,
  take: async () => {
    const cluster = await RealCluster.start()
    try {
      const request = await requestOfCertlet(cluster)
      await pause(settling)
      const before = (await cluster.plane.usage()).apiServer
      const watches = await openWatches(cluster, kind, options)
      const opened = (await cluster.plane.usage()).apiServer
      const count = { "no watches": 0, "by label": options.watches, whole: options.whole }[kind]
      const opening =
        count === 0
          ? {}
          : {
              watches: count,
              "processor time of the API server to open a watch, ms":
                (opened.cpuMilliseconds - before.cpuMilliseconds) / count,
              "memory of the API server for a watch, KiB": (opened.residentBytes - before.residentBytes) / count / 1024
            }
      try {
        const figures = { ...opening, ...(await look(cluster, watches, request, options)) }
        // A kind takes minutes, and the next one may be more than the machine bears.
        console.error(`${kind}: ${JSON.stringify(figures)}`)
        return figures
      } finally {
        watches.close()
      }
    } finally {
      await cluster.stop()
    }
  }
})
