/**
 * Makes the compile cache of a program: what V8 has made of its text by the time that it has started, so that no start
 * has to read all of it again. A certlet starts in two thirds of the time with it, and in a quarter less memory. The
 * same program and the same Node give the same bytes. Node takes a cache that fits it, and does without one that does
 * not.
 *
 *     node --hash-seed=1 --preserve-symlinks nix/compileCache.ts PROGRAM FOLDER
 *
 * Wherever program and folder go together, the cache is used by a process of root that has NODE_COMPILE_CACHE=FOLDER
 * and NODE_COMPILE_CACHE_PORTABLE=1 in its environment.
 */
import { readdirSync, renameSync } from "node:fs"
import { enableCompileCache, flushCompileCache } from "node:module"
import { basename, dirname, join, relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { setFlagsFromString } from "node:v8"

const [, , program = "", folder = ""] = process.argv
const directory = resolve(folder)

// V8 draws a seed for its hashes in every process, and the cache is in their order: so the command line gives one. But
// a cache is taken only by processes with the flags of the one that made it: the flag goes, now that the seed is in
// use.
setFlagsFromString("--hash-seed=0")

// The cache holds the program's name, and must say nothing of where it was built: from here the program is in a folder
// of one name.
process.chdir(dirname(resolve(program)))
const here = "/proc/self/cwd"
enableCompileCache({ directory: join(here, relative(".", directory)), portable: true })

// Node keeps the caches of different users apart, by the ends of their folders' names; builders are not root, and
// certlet is.
process.on("exit", () => {
  flushCompileCache()
  for (const name of readdirSync(directory))
    renameSync(join(directory, name), join(directory, name.replace(/-\d+$/, "-0")))
})

process.argv = [process.execPath, join(here, basename(program)), "--version"]
await import(pathToFileURL(join(here, basename(program))).href)
