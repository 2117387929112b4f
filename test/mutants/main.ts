/**
 * Tries mutants of the programs against the tests, and says which of them nobody notices.
 *
 *     npm run mutants                              all of them, against the whole fast tier
 *     npm run mutants -- --near                    only against the tests that each names
 *     npm run mutants -- --only NAME --seeds 150   one of them, also against 150 seeds of the swarm
 *     npm run mutants -- --seeds 150 --seeds-alone only against the seeds, without the tests
 *     npm run mutants -- --list                    what there is
 *
 * It ends with 1 where a mutant lives. A run that was cut off goes on where it was (`Ledger`).
 */
import { parseArgs } from "node:util"
import { root } from "../kit/sources.ts"
import { Ledger } from "./Ledger.ts"
import { mutants } from "./list/mutants.ts"
import type { Mutant } from "./Mutant.ts"
import { byNear, byOthers, bySeeds, type Verdict } from "./trial.ts"
import { Workshop } from "./Workshop.ts"

interface Order {
  readonly chosen: ReadonlyArray<Mutant>
  readonly seeds: number
  readonly onlyNear: boolean
  readonly onlySeeds: boolean
  readonly onlyList: boolean
}

const orderOf = (args: ReadonlyArray<string>): Order => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true },
      seeds: { type: "string", default: "0" },
      near: { type: "boolean", default: false },
      "seeds-alone": { type: "boolean", default: false },
      list: { type: "boolean", default: false }
    }
  })
  const seeds = Number(values.seeds)
  if (!Number.isInteger(seeds) || seeds < 0) throw new Error("--seeds is how many seeds, a whole number")
  const unknown = values.only?.find((name) => !mutants.some((mutant) => mutant.name === name))
  if (unknown !== undefined) throw new Error(`there is no mutant ${unknown}; --list shows them`)
  const chosen = mutants.filter(({ name }) => values.only?.includes(name) ?? true)
  const onlySeeds = values["seeds-alone"]
  if (onlySeeds && seeds === 0) throw new Error("--seeds-alone is to be told how many: --seeds 150")
  return { chosen, seeds, onlyNear: values.near, onlySeeds, onlyList: values.list }
}

const byAllTests = async (workshop: Workshop, ledger: Ledger, mutant: Mutant, onlyNear: boolean): Promise<Verdict> => {
  const near = await ledger.verdict(mutant, "near", () => byNear(workshop, mutant))
  if (near.killer !== undefined || onlyNear) return near
  return await ledger.verdict(mutant, "others", () => byOthers(workshop, mutant))
}

const share = (some: number, all: number): string =>
  `${some} of ${all}${all === 0 ? "" : ` (${Math.round((some / all) * 100)} %)`}`

const tryAll = async ({ chosen, onlyNear, onlySeeds, seeds }: Order, workshop: Workshop): Promise<number> => {
  const ledger = new Ledger(workshop)
  const counted = chosen.filter(({ equivalent }) => equivalent === undefined)
  const survivors: Array<Mutant> = []
  let inSeeds = 0
  for (const [i, mutant] of counted.entries()) {
    const said = `${i + 1}/${counted.length} ${mutant.name}`
    if (!onlySeeds) {
      const { killer } = await workshop.with(mutant, () => byAllTests(workshop, ledger, mutant, onlyNear))
      console.log(`${said} ${killer === undefined ? "LIVES" : `dies: ${killer}`}`)
      if (killer === undefined) survivors.push(mutant)
    }
    if (seeds === 0) continue
    const seen = await workshop.with(mutant, () =>
      ledger.verdict(mutant, `${seeds} seeds`, () => bySeeds(workshop, seeds))
    )
    console.log(`${onlySeeds ? said : "   "} ${seen.killer ?? `${seeds} seeds hold`}`)
    if (seen.killer !== undefined) inSeeds++
  }
  if (!onlySeeds) console.log(`\n${share(counted.length - survivors.length, counted.length)} mutants die`)
  if (seeds > 0) console.log(`${share(inSeeds, counted.length)} die in ${seeds} seeds`)
  for (const { broken, file, name } of survivors) console.log(`lives: ${name} (src/${file}): ${broken}`)
  return survivors.length === 0 ? 0 : 1
}

const main = async (): Promise<number> => {
  const order = orderOf(process.argv.slice(2))
  if (order.onlyList) {
    for (const { broken, equivalent, file, name } of order.chosen) {
      console.log(
        `${name} (src/${file}): ${broken}${equivalent === undefined ? "" : `; the same, because ${equivalent}`}`
      )
    }
    return 0
  }
  const workshop = new Workshop(root)
  try {
    return await tryAll(order, workshop)
  } finally {
    workshop.end()
  }
}

process.exitCode = await main()
