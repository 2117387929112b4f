// Loaded into a certlet under test before the program: at SIGUSR2 it writes how many timers the process waits for into
// the file that CERTLET_TEST_TIMERS names. The program knows nothing of it.
import { renameSync, writeFileSync } from "node:fs"

const file = process.env.CERTLET_TEST_TIMERS ?? ""
delete process.env.CERTLET_TEST_TIMERS

process.on("SIGUSR2", () => {
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout")
  writeFileSync(`${file}.new`, String(timers.length))
  renameSync(`${file}.new`, file)
})
