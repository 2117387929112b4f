/**
 * `npm run trace < LOG`: prints a log of certlet's with the places of its sources in the stack traces, which tell the
 * program's own places: `certlet.mjs:33:1204` becomes `src/driver/swap.ts:40:7`. The bundle is the same for everybody
 * who builds the same sources, so the checkout has to be the log's version, and nothing else is needed.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { SourceMap } from "node:module"
import { tmpdir } from "node:os"
import { join, relative, resolve } from "node:path"
import { text } from "node:stream/consumers"

const root = resolve(import.meta.dirname, "../..")
/** A place in one of the programs: file, line and column, counted from 1. */
const place = /(?:file:\/\/)?[\w./-]*\b(certlet[a-z-]*\.mjs):(\d+):(\d+)/g

/** The place of the sources; the program's own where no source stands behind it. */
const placeIn = (folder: string) => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".map"))
  const maps = new Map(files.map((name) => [name, new SourceMap(JSON.parse(readFileSync(join(folder, name), "utf8")))]))
  return (whole: string, file: string, line: string, column: string): string => {
    const found = maps.get(`${file}.map`)?.findOrigin(Number(line), Number(column))
    if (found === undefined || !("fileName" in found)) return whole
    return `${relative(root, resolve(folder, found.fileName))}:${found.lineNumber}:${found.columnNumber}`
  }
}

const folder = mkdtempSync(join(tmpdir(), "certlet-trace-"))
try {
  const log = await text(process.stdin)
  const named = new Set([...log.matchAll(place)].map(([, file = ""]) => file))
  const build = ["build.ts", "--maps", ...named, "--programs", folder]
  execFileSync(process.execPath, build, { cwd: root, stdio: ["ignore", "ignore", "inherit"] })
  process.stdout.write(log.replaceAll(place, placeIn(folder)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
