// What one look at a process's use of the machine shows, from proc(5).
import { readFile } from "node:fs/promises"

export interface Usage {
  /** User and system time since its start. */
  readonly cpuMilliseconds: number
  readonly residentBytes: number
}

// USER_HZ, which Linux fixes at 100 for every architecture that matters here.
const millisecondsPerTick = 10

export const usageOf = async (pid: number): Promise<Usage> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8")
  const status = await readFile(`/proc/${pid}/status`, "utf8")
  // The second field is the name in brackets; user and system time are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const ticks = Number(fields[11]) + Number(fields[12])
  const resident = Number(status.match(/^VmRSS:\s+(\d+) kB$/m)?.[1])
  return { cpuMilliseconds: ticks * millisecondsPerTick, residentBytes: resident * 1024 }
}
