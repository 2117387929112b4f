/**
 * The version, from the one place where it is written down. The kubelet is told it, the command line prints it, and the
 * bundle carries it.
 */
import manifest from "#package" with { type: "json" }

/** The version in package.json. */
export const version: string = manifest.version
