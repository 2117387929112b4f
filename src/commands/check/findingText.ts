/**
 * What was found, as text for people, as JSON for programs, and as the annotations that GitHub shows at the lines of a
 * change. Pure.
 */
import { Option, Schema } from "effect"
import type { Paint } from "../../observability/NodePaint.ts"
import type { CheckedVolume, Finding } from "./checkVolume.ts"
import { Unreadable } from "./Manifest.ts"
import type { ObjectName } from "./podVolumes.ts"

/** What a check comes to. */
export interface Checked {
  readonly volumes: ReadonlyArray<CheckedVolume>
  readonly unreadable: ReadonlyArray<Unreadable>
}

/** The object and the volume that a finding is about: "Deployment apps/web, volume tls". */
export const subjectText = ({ kind, name, namespace, volume }: ObjectName & { readonly volume: string }): string =>
  `${kind} ${namespace === "" ? "" : `${namespace}/`}${name === "" ? "(unnamed)" : name}, volume ${volume}`

const placeText = ({ file, place }: Finding): string =>
  Option.match(place, { onNone: () => file, onSome: ({ column, line }) => `${file}:${line}:${column}` })

const severityText = (severity: Finding["severity"], paint: Paint): string =>
  paint(severity === "error" ? "red" : "yellow", severity)

/** One line for each finding, with its place in front as compilers write it. */
const line =
  (paint: Paint) =>
  (finding: Finding): string =>
    `${paint("bold", placeText(finding))}: ${severityText(finding.severity, paint)}: ` +
    `${subjectText(finding)}: ${finding.attribute}: ${finding.rule}`

/** GitHub reads a command up to the end of the line, and a property up to the next comma. */
const escapeMessage = (text: string): string =>
  text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")
const escapeProperty = (text: string): string => escapeMessage(text).replaceAll(":", "%3A").replaceAll(",", "%2C")

const annotation = (finding: Finding): string => {
  const { attribute, file, place, rule, severity } = finding
  const properties = [
    `file=${escapeProperty(file)}`,
    ...Option.match(place, {
      onNone: () => [],
      onSome: ({ column, line: at }) => [`line=${at}`, `col=${column}`]
    }),
    `title=${escapeProperty(subjectText(finding))}`
  ]
  return `::${severity} ${properties.join(",")}::${escapeMessage(`${attribute}: ${rule}`)}`
}

const advice = (detail: string): string =>
  detail.startsWith("is not YAML")
    ? `${detail} (a template is to be rendered first: helm template ... | certlet check -)`
    : detail

const brokenLine =
  (paint: Paint) =>
  ({ column, detail, file, line: at }: Unreadable): string =>
    `${paint("bold", `${file}:${at}:${column}`)}: ${severityText("error", paint)}: ${advice(detail)}`

const brokenAnnotation = ({ column, detail, file, line: at }: Unreadable): string =>
  `::error file=${escapeProperty(file)},line=${at},col=${column}::${escapeMessage(advice(detail))}`

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

const refusedOf = (volumes: ReadonlyArray<CheckedVolume>): number =>
  volumes.filter(({ findings }) => findings.some(({ severity }) => severity === "error")).length

/** Whether a volume would be refused, or a document could not be read. */
export const hasFailed = ({ unreadable, volumes }: Checked): boolean => unreadable.length > 0 || refusedOf(volumes) > 0

/** How many volumes, and how the driver would serve them, in one sentence. */
export const summaryText = ({ unreadable, volumes }: Checked): string => {
  const refused = refusedOf(volumes)
  const unread = unreadable.length === 0 ? "" : `; not read: ${plural(unreadable.length, "document")}`
  const warned = volumes.filter(({ findings }) => findings.length > 0).length - refused
  if (volumes.length === 0) return `no volume of the driver found${unread}`
  const served = volumes.length - refused
  const warnings = warned === 0 ? "" : ` (${warned} with warnings)`
  return `${plural(volumes.length, "volume")}: ${served} served${warnings}, ${refused} refused${unread}`
}

/** What `-o json` prints. */
export const CheckReport = Schema.Struct({
  volumes: Schema.Number,
  refused: Schema.Number,
  unreadable: Schema.Array(Unreadable),
  findings: Schema.Array(
    Schema.Struct({
      severity: Schema.Literals(["error", "warning"]),
      file: Schema.String,
      line: Schema.optionalKey(Schema.Number),
      column: Schema.optionalKey(Schema.Number),
      kind: Schema.String,
      namespace: Schema.String,
      name: Schema.String,
      volume: Schema.String,
      attribute: Schema.String,
      rule: Schema.String
    })
  )
})

/** The findings for programs. */
export const reportOf = ({ unreadable, volumes }: Checked): typeof CheckReport.Type => ({
  volumes: volumes.length,
  refused: refusedOf(volumes),
  unreadable,
  findings: volumes
    .flatMap(({ findings }) => findings)
    .map(({ place, ...finding }) => ({ ...finding, ...Option.getOrElse(place, () => ({})) }))
})

/** The findings as lines: for people, or for GitHub. */
export const findingLines = ({ unreadable, volumes }: Checked, form: "text" | "github", paint: Paint): string =>
  [
    ...unreadable.map(form === "text" ? brokenLine(paint) : brokenAnnotation),
    ...volumes.flatMap(({ findings }) => findings).map(form === "text" ? line(paint) : annotation)
  ]
    .map((text) => `${text}\n`)
    .join("")
