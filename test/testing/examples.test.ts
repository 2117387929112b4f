/**
 * Every example in the documentation of the kit: taken out of the sources, compiled by the project's own rules, and run
 * on the cluster that the documentation says it is about.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Cluster, SimCluster, type SimPod } from "../../src/testing/index.ts"

const root = resolve(import.meta.dirname, "../..")
const sources = join(root, "src/testing")

interface Example {
  readonly name: string
  readonly lines: ReadonlyArray<string>
}

/** The module that is made of them. */
interface Written {
  readonly examples: ReadonlyArray<(cluster: Cluster, pod: SimPod) => Effect.Effect<void, Error>>
}

/** The examples of a source file, each under the name of what stands behind its comment. */
const examplesIn = (file: string): ReadonlyArray<Example> =>
  [
    ...readFileSync(join(sources, file), "utf8").matchAll(
      /@example\n((?:\s*\*(?!\/).*\n)+)\s*\*\/\n\s*(?:readonly |get )?(\w+)/g
    )
  ].map(([, body = "", name = ""]) => ({
    name: `${file}: ${name}`,
    lines: body
      .split("\n")
      .map((line) => line.replace(/^\s*\* ?/, ""))
      .filter((line) => line !== "")
  }))

const examples = readdirSync(sources, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .flatMap(examplesIn)

const moduleOf = (all: ReadonlyArray<Example>): string =>
  [
    `import assert from "node:assert/strict"`,
    `import { DateTime, Duration, Effect } from "effect"`,
    `import type { Cluster, SimPod } from "../../../src/testing/index.ts"`,
    `export const inScope = { DateTime, Duration }`,
    "export const examples = [",
    ...all.flatMap(({ lines }) => [
      "(cluster: Cluster, pod: SimPod) => Effect.gen(function* () {",
      "assert.equal(pod.phase, 'running')",
      ...lines.map((line) => `  ${line}`),
      "  yield* cluster.check()",
      "}),"
    ]),
    "]",
    ""
  ].join("\n")

/** The words that a simulated cluster is promised to have. */
const verbs = [
  ...[
    "addIssuer",
    "schedule",
    "delete",
    "forceDelete",
    "evict",
    "drain",
    "restartContainer",
    "renew",
    "exec",
    "status",
    "events"
  ],
  ...["advance", "stop", "kill", "freeze", "cut", "run", "settle", "check"]
]
const levers = [
  ...["stall", "deny", "lose", "fail", "signWrongKey", "shorten", "backdate", "dropCommonName", "rotateCa"],
  ...["latency", "throttle", "dropWatches", "expire", "forbid", "down"],
  ...["fill", "fail", "tear", "clean", "plant"],
  "skew"
]

describe("the kit's documentation", () => {
  const folder = mkdtempSync(join(import.meta.dirname, "examples-"))
  const file = join(folder, "examples.ts")
  beforeAll(() => writeFileSync(file, moduleOf(examples)))
  afterAll(() => rmSync(folder, { recursive: true }))

  it("has an example for every verb and every lever", () => {
    const documented = examples.map(({ name }) => name.split(": ")[1])
    expect([...verbs, ...levers].filter((word) => !documented.includes(word))).toEqual([])
  })

  it("compiles", () => {
    const project = join(folder, "tsconfig.json")
    writeFileSync(
      project,
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        include: ["examples.ts", join(root, "src/pki/forge.d.ts")]
      })
    )
    const compiler = join(root, "node_modules/typescript/bin/tsc")
    const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", project], { encoding: "utf8" })
    expect([status, stdout]).toEqual([0, ""])
  })

  for (const [index, { name }] of examples.entries()) {
    it.live(name, () =>
      Effect.gen(function* () {
        const written: Written = yield* Effect.promise(() => import(file))
        const cluster = yield* SimCluster.make({ seed: name, nodes: 2 })
        const pod = yield* cluster.schedule({ duration: "1 hour" })
        yield* cluster.advance("1 minute")
        yield* written.examples[index]?.(cluster, pod) ?? Effect.die("there is no such example")
      }).pipe(Effect.scoped)
    )
  }
})
