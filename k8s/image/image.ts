/**
 * `npm run image -- --arch amd64,arm64 --output certlet.tar`: writes certlet's image for these processors (this
 * machine's unless said otherwise) as an OCI archive, and prints the digest by which a registry will know it. It needs
 * Node, npm, xz and, the first time, the network; no Docker, no Nix and no root. For another processor it needs an
 * emulator (qemu-user-static).
 */
import { writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { certletImage } from "./certletImage.ts"
import { type Architecture, hostArchitecture } from "./ociImage.ts"

const isArchitecture = (name: string): name is Architecture => name === "amd64" || name === "arm64"

const { values } = parseArgs({
  options: {
    arch: { type: "string", default: hostArchitecture },
    output: { type: "string", default: "certlet.tar" }
  }
})
const names = [...new Set(values.arch.split(","))].sort()
const architectures = names.filter(isArchitecture)
if (architectures.length < names.length) {
  console.error(`--arch must be amd64, arm64 or both with a comma between, not "${values.arch}"`)
  process.exit(64)
}
const dist = join(import.meta.dirname, "../../dist")
const { bytes, digest } = await certletImage({ architectures, dist })
const output = resolve(values.output)
await writeFile(output, bytes)
console.log(`${output}  ${architectures.join(", ")}  ${(bytes.length / 1e6).toFixed(1)} MB\n${digest}`)
