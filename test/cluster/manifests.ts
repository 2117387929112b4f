// The YAML files of `k8s/`, applied as a user applies them: the text goes to the API server as it stands, and the API server
// parses it. Only what is needed for the path is read here, by the indentation that these files have. So the tests run with
// the rights that are shipped, not with a copy of them.
import { readFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import type { KubeApi } from "./KubeApi.ts"

const folder = resolve(import.meta.dirname, "..", "..", "k8s")

const field = (document: string, pattern: RegExp): string | undefined => document.match(pattern)?.[1]

/** Applies every document of `k8s/<name>`, in order. */
export const applyManifest = async (api: KubeApi, name: string): Promise<void> => {
  const text = await readFile(join(folder, name), "utf8")
  for (const document of text.split(/^---$/m)) {
    const apiVersion = field(document, /^apiVersion: (.+)$/m)
    const kind = field(document, /^kind: (.+)$/m)
    const metadata = field(document, /^metadata:\n((?: {2}.*\n)+)/m) ?? ""
    const objectName = field(metadata, /^ {2}name: (.+)$/m)
    if (apiVersion === undefined || kind === undefined || objectName === undefined) {
      throw new Error(`k8s/${name} has a document without apiVersion, kind or name:\n${document}`)
    }
    const namespace = field(metadata, /^ {2}namespace: (.+)$/m)
    const path = await api.pathOf({ apiVersion, kind, name: objectName, namespace })
    await api.request("PATCH", path, {
      query: { fieldManager: "certlet-test", force: "true" },
      body: document,
      contentType: "application/apply-patch+yaml"
    })
  }
}
