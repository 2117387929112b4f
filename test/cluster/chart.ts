// The Helm chart, rendered by Helm itself, and the plain manifest that is shipped beside it. The manifest is what the
// chart renders to with its own values, in the namespace of cert-manager; `node test/cluster/chart.ts` writes it again,
// and a test holds the two together.
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { buildTool } from "./build.ts"
import { chartFolder, shippedManifest } from "./manifests.ts"

const run = promisify(execFile)

/** What Helm knows of the cluster when it is rendered for nobody in particular. */
const offline = ["--kube-version", "1.37.0"]

/** The chart with these values (an object as in values.yaml) as text; rejects with Helm's own words. */
export const render = async (values: object = {}, ...flags: ReadonlyArray<string>): Promise<string> => {
  const helm = await buildTool("helm")
  const folder = await mkdtemp(join(tmpdir(), "certlet-chart-"))
  try {
    const file = join(folder, "values.json")
    await writeFile(file, JSON.stringify(values))
    const environment = { ...process.env, HOME: folder, XDG_CACHE_HOME: folder, XDG_CONFIG_HOME: folder }
    const { stdout } = await run(
      helm,
      ["template", "certlet", chartFolder, "--namespace", "cert-manager", "--values", file, ...offline, ...flags],
      { env: environment, maxBuffer: 16 * 1024 * 1024 }
    )
    return stdout
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const heading = `# certlet, for \`kubectl apply -f\`: what the Helm chart beside it renders to with its own values. Change the chart and
# write this file again with \`npm run render\`.
`

/** Labels that are true of what Helm installs, and of nothing else. */
const ofHelm = /^ +(app\.kubernetes\.io\/managed-by|helm\.sh\/chart): .*\n/gm

/** The manifest that belongs to the chart as it is. */
export const renderShipped = async (): Promise<string> => {
  const text = (await render()).replace(ofHelm, "")
  return heading + text.replace(/^# Source: .*\n/gm, "").replace(/\n+---\n/g, "\n---\n")
}

if (import.meta.main) await writeFile(shippedManifest, await renderShipped())
