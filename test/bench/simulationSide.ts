// How fast the simulations are, as users run them: stories under one thread, whose speed is that of the driver's own
// programs and of the judges, and a fleet. The same seeds each time, so that only the code decides.
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Side } from "./takeTurns.ts"

const run = async (program: string, ...args: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)(process.execPath, [program, "simulate", "1", ...args], { timeout: 600_000 })).stdout

const numberIn = (text: string, pattern: RegExp): number => {
  const [, digits] = pattern.exec(text) ?? []
  if (digits === undefined) throw new Error(`the simulation said nothing like ${pattern}:\n${text}`)
  return Number(digits)
}

/** Stories: events of the virtual clock, and whole stories, in a second. */
export const storiesSide = (program: string): Side => ({
  name: "certlet",
  take: async () => {
    const said = await run(program, "--seeds", "8", "--jobs", "1")
    const seconds = numberIn(said, /^([\d.]+) s/m)
    return {
      "simulated events a second": numberIn(said, /^(\d+) events,/m) / seconds,
      "simulated stories a second": 8 / seconds
    }
  }
})

/** A fleet of 5,000 pods over ten days: its events, and the certificates that it signs, in a second. */
export const fleetSide = (program: string): Side => ({
  name: "certlet",
  take: async () => {
    const folder = mkdtempSync(join(tmpdir(), "certlet-bench-"))
    const said = await run(program, "--report", join(folder, "fleet.html"), "--pods", "5000", "--days", "10")
    rmSync(folder, { recursive: true })
    const seconds = numberIn(said, /events in ([\d.]+) s/)
    const signed = numberIn(said, /^(\d+) certificates signed/m) + numberIn(said, /with jitter, (\d+) without/)
    return {
      "fleet events a second": numberIn(said, /^(\d+) events in/m) / seconds,
      "fleet certificates a second": signed / seconds
    }
  }
})
