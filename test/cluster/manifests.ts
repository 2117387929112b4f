// Manifests, applied as a user applies them: the text goes to the API server as it stands, and the API server parses
// and validates it, strictly. Only what is needed for the path is read here, by the indentation that our files have. So
// the tests run with the rights that are shipped, not with a copy of them.
import { readFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import type { KubeApi } from "./KubeApi.ts"

const folder = resolve(import.meta.dirname, "..", "..", "k8s")

/** The Helm chart. */
export const chartFolder = join(folder, "chart")
/** What the chart renders to, for `kubectl apply -f`. */
export const shippedManifest = join(folder, "certlet.yaml")

const field = (document: string, pattern: RegExp): string | undefined => document.match(pattern)?.[1]

/** Applies the manifest that is shipped for `kubectl apply`. */
export const applyShipped = async (api: KubeApi): Promise<void> =>
  applyManifest(api, await readFile(shippedManifest, "utf8"))

/** Applies every document of a text, in order. A field that the API server does not know is an error. */
export const applyManifest = async (api: KubeApi, text: string): Promise<void> => {
  for (const document of text.split(/^---$/m).filter((document) => /^\w/m.test(document))) {
    const apiVersion = field(document, /^apiVersion: (.+)$/m)
    const kind = field(document, /^kind: (.+)$/m)
    const metadata = field(document, /^metadata:\n((?: {2}.*\n)+)/m) ?? ""
    const objectName = field(metadata, /^ {2}name: (.+)$/m)
    if (apiVersion === undefined || kind === undefined || objectName === undefined) {
      throw new Error(`a document without apiVersion, kind or name:\n${document}`)
    }
    const namespace = field(metadata, /^ {2}namespace: (.+)$/m)
    const path = await api.pathOf({ apiVersion, kind, name: objectName, namespace })
    await api.request("PATCH", path, {
      query: { fieldManager: "certlet-test", force: "true", fieldValidation: "Strict" },
      body: document,
      contentType: "application/apply-patch+yaml"
    })
  }
}
