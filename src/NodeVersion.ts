/**
 * Says at once that this Node is too old, before anything else of the package runs: on an older one certlet's modules
 * load, and then do subtly wrong things. Each front door of the package imports it before all others. It exports
 * nothing, so there is nothing to call and to forget.
 */
import process from "node:process"
import manifest from "#package" with { type: "json" }

const oldest = Number.parseInt(manifest.engines.node.replace(/^\D+/, ""), 10)

if (Number.parseInt(process.versions.node, 10) < oldest) {
  throw new Error(`certlet needs Node ${oldest} or newer, and this is Node ${process.versions.node}`)
}
