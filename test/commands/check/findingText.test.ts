/**
 * How findings read: for people with the place in front, for programs whole, and for GitHub in its own words, whatever
 * characters a name holds.
 */
import { Option } from "effect"
import { describe, expect, it } from "vitest"
import type { CheckedVolume, Finding } from "../../../src/commands/check/checkVolume.ts"
import { findingLines, hasFailed, reportOf, summaryText } from "../../../src/commands/check/findingText.ts"
import type { Paint } from "../../../src/observability/NodePaint.ts"

const finding = (change: Partial<Finding> = {}): Finding => ({
  severity: "error",
  file: "web.yaml",
  place: Option.some({ line: 13, column: 5 }),
  kind: "Deployment",
  namespace: "apps",
  name: "web",
  volume: "tls",
  attribute: "csi.cert-manager.io/duration",
  rule: "must be a duration",
  ...change
})

const volumeWith = (...findings: ReadonlyArray<Finding>): CheckedVolume => ({
  volume: {
    manifest: { file: "web.yaml", value: {}, placeOf: () => Option.none() },
    object: { kind: "Deployment", namespace: "apps", name: "web" },
    path: [],
    volume: "tls",
    csi: {},
    inline: true,
    pod: { name: "web-0", serviceAccount: "default", labels: {}, annotations: {} }
  },
  spec: Option.none(),
  findings
})

const unreadable = [{ file: "b.yaml", line: 2, column: 7, detail: "is not YAML: a bracket is missing" }]
const warning = finding({ severity: "warning", place: Option.none(), file: "-" })

const plain: Paint = (_, text) => text

describe("findings", () => {
  it("paints where something is and how bad it is, for people only", () => {
    const marked: Paint = (style, text) => `<${String(style)} ${text}>`
    const checked = { unreadable: [], volumes: [volumeWith(finding()), volumeWith(warning)] }
    expect(findingLines(checked, "text", marked)).toMatch(/^<bold [^>]+:\d+:\d+>: <(red error|yellow warning)>: /)
    expect(findingLines(checked, "github", marked)).toBe(findingLines(checked, "github", plain))
  })

  it("are lines with a place that editors know", () => {
    const volumes = [volumeWith(finding()), volumeWith(warning)]
    expect(findingLines({ unreadable, volumes }, "text", plain).split("\n")).toEqual([
      expect.stringMatching(/^b\.yaml:2:7: error: is not YAML: a bracket is missing \(.*helm template/),
      "web.yaml:13:5: error: Deployment apps/web, volume tls: csi.cert-manager.io/duration: must be a duration",
      "-: warning: Deployment apps/web, volume tls: csi.cert-manager.io/duration: must be a duration",
      ""
    ])
  })

  it("are annotations whose text cannot end them", () => {
    const odd = finding({ file: "a:b,c.yaml", rule: "100%\nsure" })
    expect(findingLines({ unreadable: [], volumes: [volumeWith(odd)] }, "github", plain)).toBe(
      "::error file=a%3Ab%2Cc.yaml,line=13,col=5,title=Deployment apps/web%2C volume tls::" +
        "csi.cert-manager.io/duration: 100%25%0Asure\n"
    )
  })

  it("are values for programs", () => {
    const report = reportOf({ unreadable, volumes: [volumeWith(finding(), warning)] })
    expect(report).toMatchObject({ volumes: 1, refused: 1, unreadable })
    expect(report.findings).toMatchObject([{ line: 13, column: 5 }, { severity: "warning" }])
    expect(report.findings[1]).not.toHaveProperty("line")
  })

  it.each([
    [[], [], "no volume of the driver found", false],
    [[volumeWith()], [], "1 volume: 1 served, 0 refused", false],
    [[volumeWith(warning), volumeWith()], [], "2 volumes: 2 served (1 with warnings), 0 refused", false],
    [[volumeWith(finding(), warning)], [], "1 volume: 0 served, 1 refused", true],
    [[], unreadable, "no volume of the driver found; not read: 1 document", true]
  ])("are summed up", (volumes, broken, sentence, failed) => {
    expect(summaryText({ volumes, unreadable: broken })).toBe(sentence)
    expect(hasFailed({ volumes, unreadable: broken })).toBe(failed)
  })
})
