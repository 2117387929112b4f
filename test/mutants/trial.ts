/**
 * Whether a mutant dies: by the tests that are near it, by the other tests of the fast tier, by the seeds of the swarm.
 * A mutant that makes the tests hang dies too. Every trial is bounded in time, and says what it was that noticed.
 */
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Mutant } from "./Mutant.ts"
import type { Workshop } from "./Workshop.ts"

/** What came of a trial: what has noticed the mutant; nothing where it lives. */
export interface Verdict {
  readonly killer?: string
  /** The file of the test that noticed. */
  readonly test?: string
}

/** How long the tests that are near a mutant may take, all the others, and one seed, in seconds. */
const patience = { near: 400, others: 2400, seed: 20 } as const

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

/** The first test that failed in a report of vitest's, with its file. */
const failureIn = (folder: string, path: string): { readonly file: string; readonly name: string } | undefined => {
  if (!existsSync(path)) return undefined
  const report: Report = JSON.parse(readFileSync(path, "utf8"))
  for (const { assertionResults, message, name } of report.testResults) {
    const failed = assertionResults.find(({ status }) => status === "failed")
    const file = name.slice(folder.length + 1)
    if (failed !== undefined) return { file, name: failed.fullName }
    if (message !== "") return { file, name: message.split("\n")[0] ?? "" }
  }
  return undefined
}

const byTests = async (workshop: Workshop, which: ReadonlyArray<string>, seconds: number): Promise<Verdict> => {
  const report = join(workshop.folder, "mutant-report.json")
  rmSync(report, { force: true })
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "node", "--bail=1"]
  const { code, output } = await workshop.run(
    [...vitest, "--reporter=json", `--outputFile=${report}`, ...which],
    seconds
  )
  if (code === undefined) return { killer: `the tests did not end within ${seconds} s` }
  if (code === 0) return {}
  const failed = failureIn(workshop.folder, report)
  if (failed === undefined) throw new Error(`vitest ended with ${code} and no failed test:\n${output.slice(-2000)}`)
  return { killer: `${failed.file}: ${failed.name}`, test: failed.file }
}

/** The tests that are near. */
export const byNear = (workshop: Workshop, { near }: Mutant): Promise<Verdict> =>
  byTests(workshop, ["--maxWorkers=1", ...near.map((path) => join("test", path))], patience.near)

/** The other tests of the fast tier, but for those of the list of mutants itself. */
export const byOthers = (workshop: Workshop, { near }: Mutant): Promise<Verdict> => {
  const others = ["mutants/**", ...near].map((path) => `--exclude=test/${path}`)
  return byTests(workshop, others, patience.others)
}

/** So many seeds of the swarm, from 1 on. */
export const bySeeds = async (workshop: Workshop, seeds: number): Promise<Verdict> => {
  const seconds = 60 + seeds * patience.seed
  const { code, output } = await workshop.run(["test/mutants/seeds.ts", String(seeds)], seconds)
  if (code === undefined) return { killer: `${seeds} seeds did not end within ${seconds} s` }
  return code === 0 ? {} : { killer: output.trim().split("\n")[0] ?? "" }
}
