/**
 * A node's volumes as an operator reads them: one line for each, or one volume with all that is known of it. Columns
 * are as wide as what stands in them, so that they stand under each other with one volume and with a thousand. Where a
 * terminal is narrower than a line, the last column is cut, because a wrapped table cannot be read; nothing is cut on
 * the way into a pipe or a file. Pure.
 */
import { DateTime, Duration } from "effect"
import { type NodeStatus, podName, volumeName } from "../../admin/AdminApi.ts"
import type { VolumeState, VolumeStatus } from "../../driver/VolumeStatus.ts"
import { isTooShort } from "../../issuance/RenewalTime.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { oneLine } from "../../spec/oneLine.ts"
import { rfc3339 } from "../../spec/rfc3339.ts"
import { spokenDuration } from "../../spec/spokenDuration.ts"
import { inOrder } from "./chooseVolumes.ts"

type Column = readonly [heading: string, cell: (volume: VolumeStatus, now: DateTime.Utc) => string]

/** How many names a line has room for. */
const namesShown = 2

/** `in 15h 59m`, `3m ago`. */
const when = (time: DateTime.Utc | undefined, now: DateTime.Utc): string => {
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

const waiting = ({ missing, pending, pod }: VolumeStatus, now: DateTime.Utc): string => {
  if (pending === undefined) return missing === undefined ? "" : `waits for ${missing}`
  const waited = spokenDuration(DateTime.distance(pending.since, now))
  const request = namespacedName({ namespace: pod.namespace, name: pending.requestName })
  return `CertificateRequest ${request} waits for ${pending.waitsFor}, ${waited} so far`
}

const inherited = ({ state }: VolumeStatus): string | undefined =>
  state === "Inherited" ? "another driver mounted it, and nobody renews it; restart the pod" : undefined

const tooShort = ({ certificate, state }: VolumeStatus): string | undefined =>
  (state === "Ready" || state === "Expired") && certificate !== undefined && isTooShort(certificate)
    ? "the certificate expires before it is renewed; set a longer duration, or look at the clocks"
    : undefined

const lastError = (volume: VolumeStatus, now: DateTime.Utc): string => {
  const words =
    volume.failure?.sentence ?? volume.refused ?? inherited(volume) ?? tooShort(volume) ?? waiting(volume, now)
  return words === "" ? "-" : oneLine(words)
}

const columns: ReadonlyArray<Column> = [
  ["POD", podName],
  ["VOLUME", volumeName],
  ["ISSUER", issuerOf],
  ["NAMES", namesOf],
  ["STATE", ({ state }) => state],
  ["EXPIRES", ({ certificate }, now) => when(certificate?.notAfter, now)],
  ["RENEWAL", ({ certificate, failure }, now) => when(failure?.nextTry ?? certificate?.renewAt, now)],
  ["LAST ERROR", lastError]
]

const instant = (time: DateTime.Utc | undefined): string => (time === undefined ? "-" : rfc3339(time))

const wideColumns: ReadonlyArray<Column> = [
  ["POD", podName],
  ["VOLUME", volumeName],
  ["ISSUER", ({ issuer }) => `${issuer.kind}.${issuer.group}/${issuer.name}`],
  ["NAMES", ({ names }) => names.join(",") || "-"],
  ["STATE", ({ state }) => state],
  ["EXPIRES", ({ certificate }) => instant(certificate?.notAfter)],
  ["RENEWAL", ({ certificate, failure }) => instant(failure?.nextTry ?? certificate?.renewAt)],
  ["SERIAL", ({ certificate }) => certificate?.serialNumber ?? "-"],
  ["REQUEST", ({ certificate, pending }) => pending?.requestName ?? certificate?.requestName ?? "-"],
  ["VOLUME ID", ({ volumeId }) => volumeId],
  ["LAST ERROR", lastError]
]

const gap = "   "

const cut = (line: string, width: number): string => (line.length <= width ? line : `${line.slice(0, width - 1)}…`)

/**
 * The volumes as a table with a heading; empty where there are none. `width` is the terminal's, infinite
 * without a terminal.
 */
export const statusTable = ({ at, volumes }: NodeStatus, layout: "plain" | "wide", width: number): string => {
  if (volumes.length === 0) return ""
  const shown = layout === "wide" ? wideColumns : columns
  const rows = [
    shown.map(([heading]) => heading),
    ...inOrder(volumes).map((volume) => shown.map(([, cell]) => cell(volume, at)))
  ]
  const widths = shown.map((_, column) => rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0))
  const line = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join(gap)
  return rows.map((row) => `${cut(line(row), width)}\n`).join("")
}

const states: ReadonlyArray<VolumeState> = [
  "Expired",
  "Refused",
  "Inherited",
  "Failing",
  "Issuing",
  "Renewing",
  "Ready"
]

/** The node in a sentence or two: how many volumes are how, what runs out first, and what certlet complains of. */
export const statusSummary = ({ at, complaints, dataRootOnDisk, node, volumes }: NodeStatus): string => {
  const counted = states.flatMap((state) => {
    const held = volumes.filter((volume) => volume.state === state).length
    return held === 0 ? [] : [`${held} ${state}`]
  })
  const ends = volumes.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate.notAfter]))
  const [first, ...others] = ends
  const next = first === undefined ? "" : `; the first certificate ends ${when(others.reduce(DateTime.min, first), at)}`
  const many = volumes.length === 1 ? "1 volume" : `${volumes.length} volumes`
  const volumesLine =
    volumes.length === 0 ? `no volumes on node ${node}` : `${many} on node ${node}: ${counted.join(", ")}${next}`
  const notReady = complaints.map(({ check, complaint }) => `certlet is not ready: ${check}: ${complaint}`)
  const onDisk = "the data root is on a disk, so pending requests are asked for again after a restart; put it in memory"
  return [volumesLine, ...notReady, ...(dataRootOnDisk ? [onDisk] : [])]
    .map((sentence) => `${oneLine(sentence)}\n`)
    .join("")
}

const labelled = (rows: ReadonlyArray<readonly [label: string, value: string]>): string =>
  rows.map(([label, value]) => `  ${`${label}:`.padEnd(14)}${value}\n`).join("")

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

/** One volume with all that is known of it. */
const detail = (volume: VolumeStatus, now: DateTime.Utc): string => {
  const { issuer, names, pod, refused, state, target, volumeId } = volume
  const open = waiting(volume, now)
  return `Pod ${podName(volume)}, volume ${volumeName(volume)}\n${labelled([
    ["State", state],
    ["Issuer", `${issuer.kind} ${issuer.name} (${issuer.group})`],
    ["Names", names.length === 0 ? "none" : names.join(", ")],
    ...certificateRows(volume, now),
    ...(open === "" ? [] : [["Waiting", open] as const]),
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
