/**
 * The chart's README is what its values say, each setting is in the schema, and each setting of the schema is in the
 * values or one of the driver that certlet replaces.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { chartReadme, settingsOf } from "../../k8s/chartReadme.ts"

const chart = join(import.meta.dirname, "../../k8s/chart")
const values = readFileSync(join(chart, "values.yaml"), "utf8")

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

const schema: Schema = JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8"))

const ofTheOther =
  /^(global|imageRegistry|imageNamespace|livenessProbeImage|nodeDriverRegistrarImage|image\.(name|_\w+))$/

/** The settings of a schema: what has no named settings below it. */
const leaves = (one: Schema, path = ""): ReadonlyArray<string> =>
  one.properties === undefined
    ? [path]
    : Object.entries(one.properties).flatMap(([key, below]) => leaves(below, path === "" ? key : `${path}.${key}`))

const isCovered = (path: string, others: ReadonlyArray<string>) =>
  others.some((other) => other === path || other.startsWith(`${path}.`) || path.startsWith(`${other}.`))

describe("the chart's README", () => {
  it("is what values.yaml says: `node k8s/chartReadme.ts` writes it", () => {
    expect(readFileSync(join(chart, "README.md"), "utf8")).toBe(chartReadme(values))
  })

  it("has the default of each setting and what stands above it", () => {
    const text = '# The first.\none: 1\ntwo:\n  # In two\n  # lines.\n  three: ""\n  four: [a]\nfive: { six: 6 }\n'
    expect(settingsOf(text)).toEqual([
      { path: "one", value: "1", meaning: "The first." },
      { path: "two.three", value: '""', meaning: "In two lines." },
      { path: "two.four", value: '["a"]', meaning: "" },
      { path: "five", value: '{"six":6}', meaning: "" }
    ])
  })
})

describe("values and schema", () => {
  const settings = settingsOf(values).map(({ path }) => path)
  const known = leaves(schema)

  it("have the same settings", () => {
    expect(settings.length).toBeGreaterThan(40)
    expect(settings.filter((path) => !isCovered(path, known))).toEqual([])
    expect(known.filter((path) => !isCovered(path, settings) && !ofTheOther.test(path))).toEqual([])
  })
})
