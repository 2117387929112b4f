/**
 * Volumes as an operator reads them: a row of a table for each, or one volume with all that is known of it. A row fits
 * the terminal (`layOut`), and into a pipe or a file it goes as one line. What has gone wrong stands with what to do.
 * Pure.
 */
import { DateTime, Duration } from "effect"
import { type NodeStatus, podName, volumeName } from "../../admin/AdminApi.ts"
import type { VolumeState, VolumeStatus } from "../../driver/VolumeStatus.ts"
import { isTooShort } from "../../issuance/RenewalTime.ts"
import type { Paint } from "../../observability/NodePaint.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { oneLine } from "../../spec/oneLine.ts"
import { rfc3339 } from "../../spec/rfc3339.ts"
import { spokenDuration } from "../../spec/spokenDuration.ts"
import { inOrder } from "./chooseVolumes.ts"
import { type Column, layOut } from "./layOut.ts"
import { paintState } from "./paintState.ts"

/** How many names a line has room for. */
const namesShown = 2

/** `in 15h 59m`, `3m ago`. */
export const when = (time: DateTime.Utc | undefined, now: DateTime.Utc): string => {
  if (time === undefined) return "-"
  const left = DateTime.distance(now, time)
  const span = spokenDuration(Duration.abs(left))
  return Duration.isNegative(left) ? `${span} ago` : `in ${span}`
}

const issuerOf = ({ issuer }: VolumeStatus): string => `${issuer.kind}/${issuer.name}`

const namesOf = ({ names }: VolumeStatus): string => {
  const more = names.length - namesShown
  return names.length === 0 ? "-" : `${names.slice(0, namesShown).join(",")}${more > 0 ? ` +${more}` : ""}`
}

/** What the volume waits for, as long as nothing has gone wrong. */
const waiting = ({ missing, pending, pod }: VolumeStatus, now: DateTime.Utc): string => {
  if (pending === undefined) return missing === undefined ? "" : `waits for ${missing}`
  const waited = spokenDuration(DateTime.distance(pending.since, now))
  const request = namespacedName({ namespace: pod.namespace, name: pending.requestName })
  return `CertificateRequest ${request} waits for ${pending.waitsFor}, ${waited} so far`
}

const withAdvice = (sentence: string, advice: string | undefined): string =>
  advice === undefined ? sentence : `${sentence}; ${advice}`

const waitingWords = (volume: VolumeStatus, now: DateTime.Utc): string => {
  const { message, advice } = volume.pending ?? {}
  const words = waiting(volume, now)
  return words === "" ? "" : withAdvice(message === undefined ? words : `${words}: ${message}`, advice)
}

const inherited = ({ state }: VolumeStatus): string | undefined =>
  state === "Inherited" ? "another driver mounted it, and nobody renews it; restart the pod" : undefined

const tooShort = ({ certificate, state }: VolumeStatus): string | undefined =>
  (state === "Ready" || state === "Expired") && certificate !== undefined && isTooShort(certificate)
    ? "the certificate expires before it is renewed; set a longer duration, or look at the clocks"
    : undefined

const wentWrong = ({ failure, harm, refused }: VolumeStatus): string | undefined => {
  const failed = failure === undefined ? refused : withAdvice(failure.sentence, failure.advice)
  return harm === undefined || failed === undefined ? (harm ?? failed) : `${harm}; ${failed}`
}

const remarked = ({ remarks = [] }: VolumeStatus): string => {
  const [first, ...others] = remarks
  return first === undefined ? "" : `${first}${others.length === 0 ? "" : ` (and ${others.length} more)`}`
}

const lastError = (volume: VolumeStatus, now: DateTime.Utc): string => {
  const words = wentWrong(volume) ?? inherited(volume) ?? tooShort(volume) ?? waitingWords(volume, now)
  return oneLine(words) || oneLine(remarked(volume)) || "-"
}

/** A volume as it was seen: where, and when by that node's clock. */
export interface SeenVolume {
  readonly volume: VolumeStatus
  readonly node: string
  readonly at: DateTime.Utc
}

interface VolumeColumn extends Column {
  readonly cell: (volume: VolumeStatus, now: DateTime.Utc, node: string) => string
}

const columns: ReadonlyArray<VolumeColumn> = [
  { heading: "POD", cell: podName },
  { heading: "VOLUME", cell: volumeName, goes: 4 },
  { heading: "ISSUER", cell: issuerOf, goes: 2 },
  { heading: "NAMES", cell: namesOf, goes: 1 },
  { heading: "STATE", cell: ({ state }) => state },
  { heading: "EXPIRES", cell: ({ certificate }, now) => when(certificate?.notAfter, now) },
  {
    heading: "RENEWAL",
    cell: ({ certificate, failure }, now) => when(failure?.nextTry ?? certificate?.renewAt, now),
    goes: 3
  },
  { heading: "LAST ERROR", cell: lastError }
]

const instant = (time: DateTime.Utc | undefined): string => (time === undefined ? "-" : rfc3339(time))

const wideColumns: ReadonlyArray<VolumeColumn> = [
  { heading: "POD", cell: podName },
  { heading: "VOLUME", cell: volumeName },
  { heading: "ISSUER", cell: ({ issuer }) => `${issuer.kind}.${issuer.group}/${issuer.name}` },
  { heading: "NAMES", cell: ({ names }) => names.join(",") || "-" },
  { heading: "STATE", cell: ({ state }) => state },
  { heading: "EXPIRES", cell: ({ certificate }) => instant(certificate?.notAfter) },
  { heading: "RENEWAL", cell: ({ certificate, failure }) => instant(failure?.nextTry ?? certificate?.renewAt) },
  { heading: "SERIAL", cell: ({ certificate }) => certificate?.serialNumber ?? "-" },
  { heading: "REQUEST", cell: ({ certificate, pending }) => pending?.requestName ?? certificate?.requestName ?? "-" },
  { heading: "VOLUME ID", cell: ({ volumeId }) => volumeId },
  { heading: "LAST ERROR", cell: lastError }
]

const nodeColumn: VolumeColumn = { heading: "NODE", cell: (_, __, node) => node }

/** How a table is to look: absolute times and more columns where it is wide, and with the node in front. */
export interface TableLook {
  readonly layout: "plain" | "wide"
  readonly withNode: boolean
  /** The terminal's, infinite without one. */
  readonly width: number
  readonly paint: Paint
}

const painted = (column: VolumeColumn, paint: Paint): VolumeColumn =>
  column.heading === "STATE" ? { ...column, paint: paintState(paint) } : column

/** Volumes as a table with a heading, in the order given; empty where there are none. */
export const volumesTable = (
  seen: ReadonlyArray<SeenVolume>,
  { layout, paint, width, withNode }: TableLook
): string => {
  if (seen.length === 0) return ""
  const shown = [...(withNode ? [nodeColumn] : []), ...(layout === "wide" ? wideColumns : columns)].map((column) =>
    painted(column, paint)
  )
  const cells = seen.map(({ at, node, volume }) => shown.map(({ cell }) => cell(volume, at, node)))
  // Whoever asks for everything gets whole lines, however wide.
  return layOut(shown, cells, layout === "wide" ? Number.POSITIVE_INFINITY : width)
    .map((line) => `${line}\n`)
    .join("")
}

/** A node's volumes as a table. */
export const statusTable = ({ at, node, volumes }: NodeStatus, look: Omit<TableLook, "withNode">): string =>
  volumesTable(
    inOrder(volumes).map((volume) => ({ volume, node, at })),
    { ...look, withNode: false }
  )

/** The worst first. */
const states: ReadonlyArray<VolumeState> = [
  "Expired",
  "Lost",
  "Refused",
  "Inherited",
  "Failing",
  "Damaged",
  "Issuing",
  "Renewing",
  "Ready"
]

/** How many volumes are in which state, the worst first. */
const counted = (volumes: ReadonlyArray<VolumeStatus>): string =>
  states
    .flatMap((state) => {
      const held = volumes.filter((volume) => volume.state === state).length
      return held === 0 ? [] : [`${held} ${state}`]
    })
    .join(", ")

/**
 * Volumes at a place in a sentence: how many are how, and what runs out first. `among` is how many there are, where
 * only some are shown.
 */
export const volumesSentence = (seen: ReadonlyArray<SeenVolume>, place: string, among: number): string => {
  const volumes = seen.map(({ volume }) => volume)
  const of = among > volumes.length ? ` of ${among}` : ""
  const many = of === "" && volumes.length === 1 ? "1 volume" : `${volumes.length}${of} volumes`
  const [first, ...others] = seen.flatMap(({ at, volume: { certificate } }) =>
    certificate === undefined ? [] : [{ at, end: certificate.notAfter }]
  )
  if (volumes.length === 0)
    return of === "" ? `no volumes on ${place}` : `none of ${among} volumes on ${place} is shown`
  const whole = `${many} on ${place}: ${counted(volumes)}`
  if (first === undefined) return whole
  const next = others.reduce((one, other) => (DateTime.isLessThan(other.end, one.end) ? other : one), first)
  return `${whole}; the first certificate ends ${when(next.end, next.at)}`
}

/** What a node's certlet complains of, a sentence each. */
export const nodeComplaints = ({ complaints, dataRootOnDisk }: NodeStatus): ReadonlyArray<string> => [
  ...complaints.map(({ check, complaint }) => `certlet is not ready: ${check}: ${complaint}`),
  ...(dataRootOnDisk
    ? ["the data root is on a disk, so pending requests are asked for again after a restart; put it in memory"]
    : [])
]

/** The node in a sentence or two: how many volumes are how, what runs out first, and what certlet complains of. */
export const statusSummary = (status: NodeStatus, among = status.volumes.length): string => {
  const { at, node, volumes } = status
  const seen = volumes.map((volume) => ({ volume, node, at }))
  return [volumesSentence(seen, `node ${node}`, among), ...nodeComplaints(status)]
    .map((sentence) => `${oneLine(sentence)}\n`)
    .join("")
}

/** Values with their labels, a line each. */
export const labelled = (rows: ReadonlyArray<readonly [label: string, value: string]>, indent = "  "): string =>
  rows.map(([label, value]) => `${indent}${`${label}:`.padEnd(14)}${value}\n`).join("")

const certificateRows = ({ certificate }: VolumeStatus, now: DateTime.Utc) =>
  certificate === undefined
    ? [["Certificate", "none yet"] as const]
    : [
        ["Certificate", `request ${certificate.requestName}, serial ${certificate.serialNumber}`] as const,
        ["From", rfc3339(certificate.notBefore)] as const,
        ["Until", `${rfc3339(certificate.notAfter)} (${when(certificate.notAfter, now)})`] as const,
        ["Renewal", `${rfc3339(certificate.renewAt)} (${when(certificate.renewAt, now)})`] as const
      ]

const failureRows = ({ failure }: VolumeStatus, now: DateTime.Utc) =>
  failure === undefined
    ? []
    : [
        ["Last error", oneLine(failure.sentence)] as const,
        ["What to do", oneLine(failure.advice)] as const,
        ["Failures", `${failure.failures} in a row, the last ${when(failure.at, now)} (${failure.temper})`] as const,
        ["Next try", `${rfc3339(failure.nextTry)} (${when(failure.nextTry, now)})`] as const
      ]

const keyText = ({ algorithm, size }: NonNullable<VolumeStatus["key"]>): string =>
  size === undefined ? algorithm : `${algorithm}, ${size} bits`

const contentRows = ({ files, key, keystores = [] }: VolumeStatus) => [
  ...(key === undefined ? [] : [["Key", keyText(key)] as const]),
  ...(files === undefined ? [] : [["Files", `${files.names.join(", ")} (mode ${files.mode})`] as const]),
  ...keystores.map(({ file, kind, password, truststore }) => {
    const trust = truststore === undefined ? "" : `, truststore ${truststore}`
    return ["Keystore", `${kind}, file ${file}${trust}; password: ${password}`] as const
  })
]

const pendingRows = (volume: VolumeStatus, now: DateTime.Utc) => {
  const open = waiting(volume, now)
  const { advice, message } = volume.pending ?? {}
  return [
    ...(open === "" ? [] : [["Waiting", open] as const]),
    ...(message === undefined ? [] : [["Issuer says", oneLine(message)] as const]),
    ...(advice === undefined ? [] : [["What to do", advice] as const])
  ]
}

/** One volume with all that is known of it. */
const detail = (volume: VolumeStatus, now: DateTime.Utc): string => {
  const { harm, issuer, names, pod, refused, state, target, volumeId } = volume
  return `Pod ${podName(volume)}, volume ${volumeName(volume)}\n${labelled([
    ["State", state],
    ["Issuer", `${issuer.kind} ${issuer.name} (${issuer.group})`],
    ["Names", names.length === 0 ? "none" : names.join(", ")],
    ...certificateRows(volume, now),
    ...contentRows(volume),
    ...pendingRows(volume, now),
    ...(harm === undefined ? [] : [["Harm", oneLine(harm)] as const]),
    ...failureRows(volume, now),
    ...(refused === undefined ? [] : [["Refused", oneLine(refused)] as const]),
    ...(volume.remarks ?? []).map((remark) => ["Remark", oneLine(remark)] as const),
    ["Pod UID", pod.uid],
    ["Volume ID", volumeId],
    ["Target", target]
  ])}`
}

/** Some volumes, each with all that is known of it, with an empty line between them. */
export const statusDetails = (volumes: ReadonlyArray<VolumeStatus>, now: DateTime.Utc): string =>
  inOrder(volumes)
    .map((volume) => detail(volume, now))
    .join("\n")

/** A volume that has just been renewed. */
export const renewedText = (volume: VolumeStatus, now: DateTime.Utc): string => {
  const { certificate } = volume
  const ends = certificate === undefined ? "" : `; the new certificate ends ${when(certificate.notAfter, now)}`
  const next = certificate === undefined ? "" : `, its renewal is due ${when(certificate.renewAt, now)}`
  return `pod ${podName(volume)}, volume ${volumeName(volume)}: renewed${ends}${next}`
}
