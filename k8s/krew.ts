/**
 * The plugin of kubectl as krew installs it: an archive with the program and the starter by whose name it knows what it
 * is, and the manifest that names the archive's checksum. `node k8s/krew.ts FOLDER` writes both into a folder, after
 * `npm run build`; a release does. The same build gives the same bytes.
 */
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { gzipSync } from "fflate"
import { stringify } from "yaml"
import { pluginFiles } from "./image/bundled.ts"
import { tar } from "./image/tar.ts"

const root = resolve(import.meta.dirname, "..")

/** Node knows by its syntax that this is a module, and resolves krew's link before it looks for what is beside it. */
const starter = '#!/usr/bin/env node\nimport "./certlet.mjs"\n'

/** The archive, of a folder of built files. */
export const krewArchive = (dist: string): Uint8Array => {
  const file = (name: string, from: string) => ({ path: name, mode: 0o644, content: readFileSync(join(from, name)) })
  const entries = [
    { path: "kubectl-certlet", mode: 0o755, content: Buffer.from(starter) },
    ...[...pluginFiles, "THIRD-PARTY-LICENSES.txt"].map((name) => file(name, dist)),
    file("LICENSE", root)
  ]
  return gzipSync(tar(entries), { level: 6, mtime: 0 })
}

/** How a release calls the archive of a version. */
export const archiveName = (version: string): string => `kubectl-certlet-${version}.tar.gz`

/** krew's manifest for the archive of a version. */
export const krewManifest = (version: string, archive: Uint8Array): string =>
  stringify({
    apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
    kind: "Plugin",
    metadata: { name: "certlet" },
    spec: {
      version: `v${version}`,
      homepage: "https://github.com/certlet/certlet",
      shortDescription: "See and renew pods' certificates on every node",
      description:
        "Shows the certificates that certlet, a CSI driver for cert-manager, gives to the pods of a cluster: those of " +
        "every node in one table, and all that is known of one pod's. It renews a pod's certificates on request.\n",
      caveats: "Needs Node.js 24 or newer on the PATH, and the right to exec into certlet's pods.\n",
      platforms: [
        {
          selector: { matchExpressions: [{ key: "os", operator: "In", values: ["darwin", "linux"] }] },
          uri: `https://github.com/certlet/certlet/releases/download/v${version}/${archiveName(version)}`,
          sha256: createHash("sha256").update(archive).digest("hex"),
          bin: "kubectl-certlet",
          files: [{ from: "*", to: "." }]
        }
      ]
    }
  })

if (import.meta.main) {
  const [folder = ""] = process.argv.slice(2)
  const { version }: { readonly version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const archive = krewArchive(join(root, "dist"))
  writeFileSync(join(folder, archiveName(version)), archive)
  writeFileSync(join(folder, "krew.yaml"), krewManifest(version, archive))
}
