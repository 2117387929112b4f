// strace(1) on the main thread of a certlet, where all its work on volumes and records is done: it counts system calls
// of some kinds, kills the process at the n-th of a kind, or has the n-th answered with an error of the kernel's. One
// strace stands between `attach` and `detach`; one that killed its process ends with it.
import { type ChildProcess, spawn } from "node:child_process"
import { readFile, rm } from "node:fs/promises"

/** What is done to a process at its n-th call of a kind. */
export interface Fault {
  readonly kind: string
  readonly nth: number
  /** An errno's name, or the death of the process. */
  readonly blow: "KILL" | "ENOSPC" | "EIO" | "EROFS" | "EMFILE" | "ENOMEM"
}

/** Calls that change something on the node, or that open it. */
const kinds = [
  ...["openat", "mkdir", "rename", "symlink", "unlink", "unlinkat", "rmdir"],
  ...["write", "fchmod", "chmod", "readlink", "statfs", "clone", "vfork"]
] as const

const injection = ({ blow, kind, nth }: Fault): string =>
  `inject=${kind}:${blow === "KILL" ? "signal=KILL" : `error=${blow}`}:when=${nth}`

// -D: the started process becomes the program itself, and strace is its grandchild, so that a signal reaches the
// program.
const strace = ["strace", "-D", "-qq", "-o"]

/** The command line of a strace that does this to the program that follows it. */
export const under = (fault: Fault): ReadonlyArray<string> => [...strace, "/dev/null", "-e", injection(fault)]

/** The command line of a strace that writes the calls of all kinds of the program that follows it to a file. */
export const countingUnder = (file: string): ReadonlyArray<string> => [
  ...strace,
  ...[file, "-e", `trace=${kinds.join()}`, "-e", "signal=none"]
]

/** How many calls of each kind a file of strace's has. */
export const countCalls = async (file: string): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>()
  for (const [, kind = ""] of (await readFile(file, "utf8")).matchAll(/^(\w+)\(/gm)) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  await rm(file)
  return counts
}

export class SystemCalls {
  readonly #strace: ChildProcess
  readonly #ended: Promise<void>

  private constructor(strace: ChildProcess) {
    this.#strace = strace
    this.#ended = new Promise((resolve) => strace.once("close", () => resolve()))
  }

  /** Resolves when the process is being traced. */
  static async #attach(pid: number, args: ReadonlyArray<string>): Promise<SystemCalls> {
    const strace = spawn("strace", [...args, "-p", `${pid}`], { stdio: ["ignore", "ignore", "pipe"] })
    const calls = new SystemCalls(strace)
    let said = ""
    await new Promise<void>((resolve, reject) => {
      strace.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said += text
        if (said.includes("attached")) resolve()
      })
      strace.once("error", reject)
      strace.once("close", () => reject(new Error(`strace: ${said}`)))
    })
    return calls
  }

  /** Writes the calls of all kinds to a file. */
  static count(pid: number, file: string): Promise<SystemCalls> {
    return SystemCalls.#attach(pid, ["-o", file, "-e", `trace=${kinds.join()}`, "-e", "signal=none"])
  }

  static inject(pid: number, fault: Fault): Promise<SystemCalls> {
    return SystemCalls.#attach(pid, ["-o", "/dev/null", "-e", injection(fault)])
  }

  /** Lets the process go on alone. */
  async detach(): Promise<void> {
    this.#strace.kill("SIGINT")
    await this.#ended
  }
}
