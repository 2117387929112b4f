/**
 * The scripts of the release's steps, run in their order as the workflow runs them. Stubs replace the programs that
 * would publish something: each checks that its files exist, and records how it was called. So what is published is
 * what was built, what is signed has a digest, and a failed upload ends the release.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { delimiter, join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { newestNotes } from "../../k8s/release.ts"
import { version } from "../../src/Version.ts"
import { inFolder } from "../kit/folders.ts"

const root = resolve(import.meta.dirname, "../..")

interface Step {
  readonly name?: string
  readonly run?: string
  readonly "working-directory"?: string
  readonly env?: Readonly<Record<string, string>>
}

interface Job {
  readonly steps: ReadonlyArray<Step>
  readonly env?: Readonly<Record<string, string>>
}

const workflow: {
  readonly defaults: { readonly run: { readonly shell: string } }
  readonly jobs: Readonly<Record<"build" | "publish", Job>>
} = parse(readFileSync(join(root, ".github/workflows/release.yml"), "utf8"))

const digest = `sha256:${"ab".repeat(32)}`

/** What every program does: it notes its call, and fails where it is told to or a file that it is given is missing. */
const stub = `#!/bin/sh
name=$(basename "$0")
printf '%s\\n' "$name $*" >> "$CALLS"
[ "$name $1" != "$FAILS" ] || { echo "$name cannot" >&2; exit 1; }
for word in "$@"; do
  file=\${word#oci-archive:}
  case $file in release/*) [ -e "$file" ] || { echo "no $file" >&2; exit 1; } ;; esac
done
case "$name $1" in
  "skopeo copy") while [ $# -gt 0 ]; do [ "$1" != --digestfile ] || printf '%s' "${digest}" > "$2"; shift; done ;;
  "helm push") printf 'Pushed: x\\nDigest: ${digest}\\n' >&2 ;;
  "npm config") [ "$2" != get ] || echo https://packages.example/ ;;
esac
`

const programs = ["skopeo", "cosign", "helm", "npm", "gh"]

/** What the build leaves before its last script: an image, the packages, the plugin; contents do not matter here. */
const layBuilt = (folder: string): void => {
  for (const place of ["release/chart", "dist", "bin"]) mkdirSync(join(folder, place), { recursive: true })
  symlinkSync(join(root, "k8s"), join(folder, "k8s"))
  const files = ["certlet-image.tar", `certlet-${version}.tgz`, `chart/certlet-${version}.tgz`, "certlet.krew.yaml"]
  for (const file of files) writeFileSync(join(folder, "release", file), file)
  for (const file of ["sbom.cdx.json", "THIRD-PARTY-LICENSES.txt"]) writeFileSync(join(folder, "dist", file), file)
  for (const program of programs) {
    writeFileSync(join(folder, "bin", program), stub)
    chmodSync(join(folder, "bin", program), 0o755)
  }
}

/** Runs a step's script as the runner does, in a folder. */
const run = (step: Step, job: Job, folder: string, fails: string): void => {
  const given = Object.entries({ ...job.env, ...step.env }).map(([name, value]) => [
    name,
    value.replace(/\$\{\{.*?\}\}/g, "s3cret")
  ])
  execFileSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", step.run ?? ""], {
    cwd: join(folder, step["working-directory"] ?? "."),
    stdio: "pipe",
    env: {
      PATH: [join(folder, "bin"), ...(process.env.PATH ?? "").split(delimiter)].join(delimiter),
      HOME: folder,
      CALLS: join(folder, "calls"),
      FAILS: fails,
      GITHUB_REF_NAME: `v${version}`,
      GITHUB_ACTOR: "somebody",
      GITHUB_REPOSITORY: "certlet/certlet",
      GITHUB_OUTPUT: join(folder, "output"),
      ...Object.fromEntries(given)
    }
  })
}

/** Runs the last script of the build and then all of the publishing; answers the calls. */
const release = (folder: string, fails = ""): ReadonlyArray<string> => {
  layBuilt(folder)
  writeFileSync(join(folder, "calls"), "")
  const { build, publish } = workflow.jobs
  const last = build.steps.findLast((step) => step.run !== undefined)
  if (last === undefined) throw new Error("the build has no script")
  run(last, build, folder, fails)
  for (const step of publish.steps.filter((step) => step.run !== undefined)) run(step, publish, folder, fails)
  return callsIn(folder)
}

const callsIn = (folder: string) => readFileSync(join(folder, "calls"), "utf8").trimEnd().split("\n")

describe("the steps of a release", () => {
  it("run in bash that ends at the first failure, also before a pipe", () => {
    expect(workflow.defaults.run.shell).toBe("bash")
  })

  it("publish what was built, and sign each thing by its digest", () =>
    inFolder("release", (folder) => {
      const calls = release(folder)
      expect(calls.filter((call) => / (sign|push|publish|copy) /.test(call))).toEqual([
        `skopeo copy --all --preserve-digests --digestfile digest oci-archive:release/certlet-image.tar docker://ghcr.io/certlet/certlet:${version}`,
        `cosign sign --yes --recursive ghcr.io/certlet/certlet@${digest}`,
        `helm push release/certlet-chart-${version}.tgz oci://ghcr.io/certlet/charts`,
        `cosign sign --yes ghcr.io/certlet/charts/certlet@${digest}`,
        `npm publish --provenance --access public release/certlet-${version}.tgz`
      ])
      const created = calls.at(-1) ?? ""
      expect(created).toContain(`gh release create v${version} --repo certlet/certlet --verify-tag`)
      for (const file of ["certlet-image.tar", "certlet.yaml", "sbom.cdx.json", "SHA256SUMS", "certlet.krew.yaml"])
        expect(created).toContain(` release/${file}`)
      expect(readFileSync(join(folder, "output"), "utf8")).toBe(`digest=${digest}\n`)
      expect(readFileSync(join(folder, "release/NOTES.md"), "utf8")).toBe(
        newestNotes(readFileSync(join(root, "CHANGELOG.md"), "utf8"))
      )
    }))

  it("give no program the token of GitHub on its command line", () =>
    inFolder("release", (folder) => {
      const withToken = release(folder).filter((call) => call.includes("s3cret"))
      expect(withToken).toEqual(["npm config set //packages.example/:_authToken s3cret"])
    }))

  it.each(["skopeo copy", "helm push", "npm publish"])("end where %s fails, before anything is announced", (fails) =>
    inFolder("release", (folder) => {
      expect(() => release(folder, fails)).toThrow("Command failed")
      const calls = callsIn(folder)
      expect(calls.filter((call) => call.startsWith("gh "))).toEqual([])
      expect(calls.at(-1)).toMatch(new RegExp(`^${fails} `))
    })
  )

  it("end where a file is not the one that was built", () =>
    inFolder("release", (folder) => {
      layBuilt(folder)
      const { build, publish } = workflow.jobs
      const last = build.steps.findLast((step) => step.run !== undefined)
      const first = publish.steps.find((step) => step.run !== undefined)
      if (last === undefined || first === undefined) throw new Error("a job has no script")
      run(last, build, folder, "")
      writeFileSync(join(folder, `release/certlet-${version}.tgz`), "something else")
      expect(() => run(first, publish, folder, "")).toThrow("did NOT match")
    }))
})
