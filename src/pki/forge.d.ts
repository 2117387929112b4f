/**
 * The parts of node-forge that are loaded one by one, typed as the whole package is: its entry would load all of it,
 * from TLS to SSH, which nobody here needs.
 */
declare module "node-forge/lib/forge.js" {
  import type forge from "node-forge"

  const parts: Pick<typeof forge, "cipher" | "rc2" | "util">
  export default parts
}
declare module "node-forge/lib/des.js"
declare module "node-forge/lib/rc2.js"
