// A wall clock of one's own for a process: Debian's libfaketime, loaded into it, adds to the machine's clock what a
// file says, and reads that file again once a second. Timers and durations go by the monotonic clock, which stays true,
// as it does where an administrator or a time server sets a machine's clock.
import { rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"

// Debian's multiarch folders are named after the processor.
const folders: Readonly<Record<string, string>> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }
const library = `/usr/lib/${folders[process.arch]}/faketime/libfaketimeMT.so.1`

export class FakeClock {
  readonly #file: string

  /** A clock that goes right as yet, with its file in a folder. */
  static async make(folder: string): Promise<FakeClock> {
    const clock = new FakeClock(join(folder, "clock"))
    await clock.set("+0")
    return clock
  }

  private constructor(file: string) {
    this.#file = file
  }

  /** The command line after which a program has this clock. */
  get under(): ReadonlyArray<string> {
    return [
      "env",
      `LD_PRELOAD=${library}`,
      `FAKETIME_TIMESTAMP_FILE=${this.#file}`,
      ...["FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]
    ]
  }

  /** Removes what the library shares in /dev/shm for a process that has ended; after a SIGKILL it stays there. */
  static async forget(pid: number): Promise<void> {
    for (const name of ["faketime_shm", "sem.faketime_sem"]) await rm(`/dev/shm/${name}_${pid}`, { force: true })
  }

  /** From the next second on the clock differs from the machine's by this much: "+1d", "-1d", "+0". */
  async set(offset: string): Promise<void> {
    await writeFile(`${this.#file}.new`, offset)
    await rename(`${this.#file}.new`, this.#file)
  }
}
