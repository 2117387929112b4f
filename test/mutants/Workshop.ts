/**
 * A copy of the repository in which mutants are tried, so that the tree at hand stays as it is and may be worked on
 * meanwhile. One mutant at a time stands in it. A program that is started here has a time limit and ends with all that
 * it has started, also where the trials are ended from outside.
 */
import { execFileSync, spawn } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { makeFolder } from "../kit/folders.ts"
import { type Mutant, mutated, sourceOf } from "./Mutant.ts"

/** How a program ended. */
export interface Ending {
  /** Undefined where it was stopped because its time was over. */
  readonly code: number | undefined
  readonly output: string
}

/** The copy. */
export class Workshop {
  readonly folder: string
  readonly #stop = new Set<() => void>()

  constructor(tree: string) {
    this.folder = makeFolder("mutants")
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: tree, encoding: "utf8" })
    for (const path of listed.split("\0").filter((path) => path !== "")) {
      mkdirSync(join(this.folder, dirname(path)), { recursive: true })
      cpSync(join(tree, path), join(this.folder, path))
    }
    symlinkSync(join(tree, "node_modules"), join(this.folder, "node_modules"))
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, () => {
        for (const stop of this.#stop) stop()
        this.end()
        process.exit(1)
      })
    }
  }

  /** The text of a file of the copy. */
  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8")
  }

  /** Does something while a mutant stands in the copy. */
  async with<A>(mutant: Mutant, act: () => Promise<A>): Promise<A> {
    const path = join(this.folder, "src", mutant.file)
    const sound = sourceOf(mutant, this.folder)
    writeFileSync(path, mutated(mutant, sound))
    try {
      return await act()
    } finally {
      writeFileSync(path, sound)
    }
  }

  /** Runs Node in the copy. */
  run(args: ReadonlyArray<string>, seconds: number): Promise<Ending> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, {
        cwd: this.folder,
        detached: true,
        stdio: ["ignore", "pipe", "pipe"]
      })
      const said: Array<string> = []
      let isOver = false
      const stop = () => {
        isOver = true
        // The group: vitest has workers, and tests start programs.
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
      }
      this.#stop.add(stop)
      const timer = setTimeout(stop, seconds * 1000)
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => said.push(text))
      }
      child.on("error", reject)
      child.on("close", (code) => {
        clearTimeout(timer)
        this.#stop.delete(stop)
        resolve({ code: isOver ? undefined : (code ?? 1), output: said.join("") })
      })
    })
  }

  /** The copy goes. */
  end(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
