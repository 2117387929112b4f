/**
 * The dashboard as Grafana reads it. Whether its queries ask for what certlet exposes is for
 * `test/wire/exposition.test.ts` to say, and whether Prometheus takes them for `test/cluster/alerts.test.ts`.
 */
import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { textOf } from "../kit/sources.ts"
import { readQuery } from "../wire/promql.ts"

const Step = Schema.Struct({ color: Schema.String, value: Schema.NullOr(Schema.Number) })

const Panel = Schema.Struct({
  id: Schema.Number,
  type: Schema.Literals(["stat", "timeseries", "table", "row"]),
  title: Schema.String,
  gridPos: Schema.Struct({ x: Schema.Number, y: Schema.Number, w: Schema.Number, h: Schema.Number }),
  targets: Schema.optionalKey(Schema.Array(Schema.Struct({ refId: Schema.String, expr: Schema.String }))),
  fieldConfig: Schema.optionalKey(
    Schema.Struct({
      defaults: Schema.Struct({
        unit: Schema.optionalKey(Schema.String),
        thresholds: Schema.optionalKey(Schema.Struct({ steps: Schema.Array(Step) }))
      })
    })
  )
})

const Variable = Schema.Struct({
  name: Schema.String,
  type: Schema.Literals(["datasource", "query"]),
  query: Schema.Union([Schema.String, Schema.Struct({ query: Schema.String })]),
  regex: Schema.optionalKey(Schema.String),
  allValue: Schema.optionalKey(Schema.String)
})

const Dashboard = Schema.Struct({
  uid: Schema.NonEmptyString,
  schemaVersion: Schema.Number,
  templating: Schema.Struct({ list: Schema.Array(Variable) }),
  panels: Schema.Array(Panel)
})

const { panels, templating } = Schema.decodeUnknownSync(Schema.fromJsonString(Dashboard))(
  textOf("k8s/chart/files/dashboard.json")
)
const queries = panels.flatMap(({ targets = [], title }) => targets.map(({ expr }) => ({ title, expr })))
const perVolume = /^certmanager_csi_certificate_request_/

describe("the dashboard", () => {
  it("has panels of their own, side by side and not over each other", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) => {
      expect(x + w).toBeLessThanOrEqual(24)
      return Array.from({ length: h * w }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`)
    })
    expect(new Set(cells).size).toBe(cells.length)
  })

  it("asks for its cluster, job, instance and namespace, and for nothing that is not chosen", () => {
    const names = templating.list.map(({ name }) => name)
    expect(names).toEqual(["datasource", "cluster", "job", "instance", "namespace"])
    for (const { allValue, type } of templating.list) if (type === "query") expect(allValue).toBe(".*")
    const used = queries.flatMap(({ expr }) => [...expr.matchAll(/\$(\w+)/g)].map(([, name = ""]) => name))
    expect(used.filter((name) => name !== "__rate_interval" && !names.includes(name))).toEqual([])
  })

  it.each(queries)("of $title asks for chosen certlets only: $expr", ({ expr }) => {
    for (const { matchers, metric } of readQuery(expr).selected) {
      const labels = matchers.map(({ label }) => label)
      if (metric === "certlet_build_info" && labels.length === 0) continue
      expect(labels).toEqual(expect.arrayContaining(["cluster", "job", "instance"]))
      if (perVolume.test(metric)) expect(labels).toEqual(expect.arrayContaining(["exported_namespace"]))
    }
  })

  it.each([
    ['{exported_namespace="apps", namespace="cert-manager"} 1 1700000000000', "apps"],
    ['{namespace="apps"} 1 1700000000000', "apps"]
  ])("offers the namespaces of pods: %s", (series, namespace) => {
    const regex = templating.list.find(({ name }) => name === "namespace")?.regex ?? ""
    expect(new RegExp(regex.slice(1, -1)).exec(series)?.[1]).toBe(namespace)
  })

  it("colours no time by a number of seconds: how soon is too soon depends on the certificate's life", () => {
    const seconds = panels.filter(({ fieldConfig }) => fieldConfig?.defaults.unit === "s")
    const steps = seconds.flatMap(({ fieldConfig }) => fieldConfig?.defaults.thresholds?.steps ?? [])
    expect(steps.filter(({ value }) => value !== null && value !== 0)).toEqual([])
    const [share] = panels.filter(({ title }) => title === "Time left for a renewal")
    expect(share?.fieldConfig?.defaults).toMatchObject({ unit: "percentunit" })
    expect(share?.targets?.[0]?.expr).toContain("renewal_timestamp_seconds")
  })

  it("names pods, and no request", () => {
    const whole: { readonly panels: ReadonlyArray<{ readonly type: string; readonly transformations?: unknown }> } =
      JSON.parse(textOf("k8s/chart/files/dashboard.json"))
    const [table] = whole.panels.filter(({ type }) => type === "table")
    expect(table?.transformations).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          id: "organize",
          options: expect.objectContaining({
            excludeByName: expect.objectContaining({ name: true }),
            renameByName: expect.objectContaining({ pod_name: "pod" })
          })
        })
      ])
    )
  })
})
