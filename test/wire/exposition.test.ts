/**
 * What a real certlet exposes, after some life: and that everything which speaks of it speaks of what is there. The
 * dashboard and the alert rules ask for no metric, no label and no value that certlet does not have, and k8s/README.md
 * names them all.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { loadYaml } from "@kubernetes/client-node"
import { Effect, Schema } from "effect"
import { pageOfLife } from "./pageOfLife.ts"
import { readQuery } from "./promql.ts"

const root = join(import.meta.dirname, "../..")

/** Label values by label, by metric. */
type Exposed = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>

const readExposition = (text: string): Exposed => {
  const exposed = new Map<string, Map<string, Set<string>>>()
  for (const line of text.split("\n")) {
    const [, name, labels = ""] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? []
    if (name === undefined) continue
    const known = exposed.get(name) ?? new Map<string, Set<string>>()
    exposed.set(name, known)
    for (const [, label = "", value = ""] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      known.set(label, (known.get(label) ?? new Set()).add(value))
    }
  }
  return exposed
}

let once: Promise<Exposed> | undefined
const exposition = Effect.promise(() => {
  once ??= Effect.runPromise(Effect.map(pageOfLife, readExposition))
  return once
})

/** What Prometheus adds to every series, to histograms, and to a series that has a label of the target's name. */
const prometheusOwn = ["cluster", "instance", "job", "le", "exported_namespace"]

const Targets = Schema.Struct({
  panels: Schema.Array(
    Schema.Struct({
      title: Schema.String,
      targets: Schema.optionalKey(Schema.Array(Schema.Struct({ expr: Schema.String, legendFormat: Schema.String })))
    })
  )
})

const Rules = Schema.Struct({
  groups: Schema.Array(
    Schema.Struct({
      rules: Schema.Array(
        Schema.Struct({
          alert: Schema.String,
          expr: Schema.String,
          labels: Schema.Struct({ severity: Schema.Literals(["critical", "warning"]) }),
          annotations: Schema.Struct({
            runbook_url: Schema.String,
            summary: Schema.String,
            description: Schema.String
          })
        })
      )
    })
  )
})

const panels = Schema.decodeUnknownSync(Schema.fromJsonString(Targets))(
  readFileSync(join(root, "k8s/chart/files/dashboard.json"), "utf8")
).panels.flatMap(({ targets = [], title }) =>
  targets.map(({ expr, legendFormat }) => ({
    title,
    expr,
    labels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label)
  }))
)

const alerts = Schema.decodeUnknownSync(Rules)(
  loadYaml(readFileSync(join(root, "k8s/chart/files/alerts.yaml"), "utf8"))
).groups.flatMap(({ rules }) =>
  rules.map(({ alert, annotations, expr }) => ({
    title: alert,
    expr,
    labels: [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label)
  }))
)

/** What a query asks for that is not there. */
const missing = (known: Exposed, expr: string, labels: ReadonlyArray<string>): ReadonlyArray<string> => {
  const { grouping, selected } = readQuery(expr)
  const ours = selected.filter(({ metric }) => metric !== "up")
  const absent = ours.filter(({ metric }) => !known.has(metric)).map(({ metric }) => metric)
  const matched = ours.flatMap(({ matchers, metric }) =>
    matchers
      .filter(({ label }) => !prometheusOwn.includes(label))
      .filter(({ label, operator, value }) => {
        const values = known.get(metric)?.get(label)
        return values === undefined || (operator === "=" && !values.has(value))
      })
      .map(({ label, value }) => `${metric}{${label}="${value}"}`)
  )
  const anywhere = new Set(ours.flatMap(({ metric }) => [...(known.get(metric)?.keys() ?? [])]))
  const lost = [...grouping, ...labels].filter((label) => !prometheusOwn.includes(label) && !anywhere.has(label))
  return [...absent, ...matched, ...lost]
}

describe("what is exposed", () => {
  it("is asked for by as many queries as one would think", () => {
    expect(panels.length).toBeGreaterThan(25)
    expect(alerts.length).toBeGreaterThan(10)
  })

  it.live.each([...panels, ...alerts])("holds what $title asks for: $expr", ({ expr, labels }) =>
    Effect.map(exposition, (known) => expect(missing(known, expr, labels)).toEqual([]))
  )

  it.live("notices a query for what is not there", () =>
    Effect.map(exposition, (known) => {
      expect(missing(known, 'rate(certlet_volume{state="Failing"}[5m])', [])).toEqual([
        "certlet_volume",
        'certlet_volume{state="Failing"}'
      ])
      expect(missing(known, 'sum by (pod) (certlet_volumes{state="Nowhere"})', ["issuer"])).toEqual([
        'certlet_volumes{state="Nowhere"}',
        "pod",
        "issuer"
      ])
      expect(() => missing(known, "sum by (state) certlet_volumes{", [])).toThrow("no PromQL")
    })
  )

  it.live("stands in k8s/README.md, every metric of it", () =>
    Effect.map(exposition, (known) => {
      const readme = readFileSync(join(root, "k8s/README.md"), "utf8")
      const documented = [...readme.matchAll(/`(…?(?:certlet|certmanager_csi)?_[a-z_]+)(?:\{[a-z_,]+\})?`/g)].map(
        ([, name = ""]) => name.replace("…", "certmanager_csi_certificate_request")
      )
      const families = [...known.keys()].map((name) => [name, name.replace(/_(bucket|sum|count)$/, "")] as const)
      const names = families.map(([name, family]) => (known.has(`${family}_bucket`) ? family : name))
      const ours = [...new Set(names)].filter((name) => /^(certlet|certmanager_csi)_/.test(name))
      expect(ours.filter((name) => !documented.includes(name))).toEqual([])
      expect(documented.filter((name) => name.startsWith("certlet_") && !ours.includes(name))).toEqual([])
    })
  )
})
