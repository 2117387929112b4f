/**
 * The chart's README: a table of its settings, read off values.yaml, where each setting has its default and the comment
 * above it. `node k8s/chartReadme.ts` writes it; a test holds it to the values and to the schema, so that no setting is
 * missing in one of the three.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { loadYaml } from "@kubernetes/client-node"

const folder = join(import.meta.dirname, "chart")

/** One setting: its place with dots between, its default as JSON, and what values.yaml says of it. */
export interface Setting {
  readonly path: string
  readonly value: string
  readonly meaning: string
}

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0

/** What stands above each key of a YAML text with two spaces of indentation, by the key's place. */
const commentsOf = (text: string): ReadonlyMap<string, string> => {
  const comments = new Map<string, string>()
  let above: ReadonlyArray<string> = []
  let place: ReadonlyArray<string> = []
  for (const line of text.split("\n")) {
    const [, indent = "", note, key] = /^( *)(?:# (.*)|([\w]+):.*)$/.exec(line) ?? []
    if (note !== undefined) above = [...above, note]
    else if (key !== undefined) {
      place = [...place.slice(0, indent.length / 2), key]
      comments.set(place.join("."), above.join(" "))
      above = []
    } else above = []
  }
  return comments
}

/** The settings of a values.yaml, in its order; a group of settings is not one, a default that is a whole is. */
export const settingsOf = (text: string): ReadonlyArray<Setting> => {
  const comments = commentsOf(text)
  const walk = (value: unknown, path: string): ReadonlyArray<Setting> =>
    isGroup(value) && Object.keys(value).every((key) => comments.has(path === "" ? key : `${path}.${key}`))
      ? Object.entries(value).flatMap(([key, one]) => walk(one, path === "" ? key : `${path}.${key}`))
      : [{ path, value: JSON.stringify(value), meaning: comments.get(path) ?? "" }]
  return walk(loadYaml(text), "")
}

/** The README of a chart with these values. */
export const chartReadme = (values: string): string => {
  const rows = settingsOf(values).map(
    ({ meaning, path, value }) => `| \`${path}\` | \`${value}\` | ${meaning.replaceAll("|", "\\|")} |`
  )
  return `# The chart of certlet

Installing, upgrading and what certlet may do is in [the manual](../README.md). These are the settings, with their defaults;
\`node k8s/chartReadme.ts\` writes the table from \`values.yaml\`.

| setting | default | meaning |
| --- | --- | --- |
${rows.join("\n")}

Settings of cert-manager's csi-driver that have no meaning here (\`livenessProbeImage\`, \`nodeDriverRegistrarImage\`, its own image and its
default \`csiDataDir\`) are without effect, and \`helm install\` names them. With \`image.name\`, \`imageRegistry\` and \`imageNamespace\` are put
in front of it, as there.
`
}

if (import.meta.main)
  writeFileSync(join(folder, "README.md"), chartReadme(readFileSync(join(folder, "values.yaml"), "utf8")))
