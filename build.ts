/**
 * Makes `dist/certlet.mjs`, the whole program as one file for Node, and `dist/library`, the modules behind the package's front
 * doors as JavaScript with their types. The same sources give the same bytes, whatever the folder, the clock and the locale.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, rmSync, statSync } from "node:fs"
import { build } from "esbuild"

const outfile = "dist/certlet.mjs"

const banner = `#!/usr/bin/env node
if (Number(process.versions.node.split(".")[0]) < 24) {
  process.stderr.write("certlet needs Node 24 or newer, this is " + process.version + "\\n")
  process.exit(1)
}
import { createRequire as __createRequire } from "node:module"
const require = __createRequire(import.meta.url)`

process.chdir(import.meta.dirname)
await build({
  entryPoints: ["src/main.ts"],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  minify: true,
  keepNames: true,
  legalComments: "none",
  charset: "utf8",
  banner: { js: banner },
  logLevel: "warning"
})
chmodSync(outfile, 0o755)
process.stdout.write(`${outfile}  ${(statSync(outfile).size / 1e6).toFixed(2)} MB\n`)

// Modules stay apart here, because Effect must be the importing project's own: two copies would not know each other's services.
rmSync("dist/library", { recursive: true, force: true })
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "--project", "tsconfig.library.json"], {
  stdio: "inherit"
})
process.stdout.write("dist/library\n")
