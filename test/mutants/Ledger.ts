/**
 * What is known of mutants that were tried before, so that a run can be cut off and begun again. It lies in a cache
 * folder outside the repository. That a mutant dies holds as long as its file and the test that noticed are the same;
 * that it lives holds as long as every source and every test is.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { filesBelow } from "../kit/sources.ts"
import type { Mutant } from "./Mutant.ts"
import type { Verdict } from "./trial.ts"
import type { Workshop } from "./Workshop.ts"

const digest = (...texts: ReadonlyArray<string>): string =>
  texts.reduce((hash, text) => hash.update(`${text.length}\n${text}`), createHash("sha256")).digest("hex")

interface Entry {
  readonly verdict: Verdict
  /** Digest of what the verdict depends on. */
  readonly of: string
}

/** The verdicts of this machine. */
export class Ledger {
  readonly #path: string
  readonly #entries: Map<string, Entry>
  readonly #workshop: Workshop
  readonly #tree: string

  constructor(workshop: Workshop) {
    const { CERTLET_CACHE, XDG_CACHE_HOME } = process.env
    const folder = join(CERTLET_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "certlet"), "mutants")
    mkdirSync(folder, { recursive: true })
    this.#path = join(folder, "verdicts.json")
    const entries: Record<string, Entry> = existsSync(this.#path) ? JSON.parse(readFileSync(this.#path, "utf8")) : {}
    this.#entries = new Map(Object.entries(entries))
    this.#workshop = workshop
    this.#tree = digest(
      ...["src", "test"].flatMap((room) => filesBelow(room).map((path) => workshop.read(join(room, path))))
    )
  }

  /** The verdict of a trial: the known one, or that of a trial that is made now. */
  async verdict(mutant: Mutant, trial: string, judge: () => Promise<Verdict>): Promise<Verdict> {
    const key = digest(trial, mutant.file, mutant.from, mutant.to)
    const known = this.#entries.get(key)
    if (known !== undefined && known.of === this.#dependsOn(mutant, known.verdict)) return known.verdict
    const verdict = await judge()
    this.#entries.set(key, { verdict, of: this.#dependsOn(mutant, verdict) })
    writeFileSync(this.#path, JSON.stringify(Object.fromEntries(this.#entries)))
    return verdict
  }

  #dependsOn({ file }: Mutant, { killer, test }: Verdict): string {
    const source = this.#workshop.read(join("src", file))
    if (test !== undefined && existsSync(join(this.#workshop.folder, test)))
      return digest(source, this.#workshop.read(test))
    return killer === undefined ? this.#tree : digest(source)
  }
}
