// certlet as the DaemonSet starts it: the bundled program with its compile cache, and what the manifest says of malloc.
import { readFileSync } from "node:fs"
import { shippedManifest } from "../cluster/manifests.ts"
import { bundle, compileCacheEnvironment } from "../kit/bundle.ts"
import type { Contender } from "./benchNode.ts"

const mallocSettings = () =>
  Object.fromEntries(
    [...readFileSync(shippedManifest, "utf8").matchAll(/\{ name: (MALLOC_\w+), value: "(\d+)" \}/g)].map(
      ([, name = "", value]) => [name, value ?? ""]
    )
  )

/** Resolves once the program is built. */
export const shippedCertlet = async (): Promise<Contender> => {
  const program = await bundle()
  return {
    name: "certlet",
    command: [process.execPath, program, "run", "--log-level=1"],
    environment: { ...mallocSettings(), ...compileCacheEnvironment(program) }
  }
}
