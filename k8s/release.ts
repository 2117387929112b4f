/**
 * What a release does besides calling other people's programs, as commands that can be tried anywhere: `check TAG` says
 * whether every place names the tag's version, `notes` prints what CHANGELOG.md says of this version, `checksums
 * FOLDER` writes SHA256SUMS for the files in it. `.github/workflows/release.yml` calls them; nothing here publishes
 * anything.
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")

/** Where this project's version stands, and how it is read there; the first group is the version. */
const places: Readonly<Record<string, RegExp>> = {
  "package.json": /^ {2}"version": "([^"]+)"/m,
  "package-lock.json": /^ {2}"version": "([^"]+)"/m,
  "k8s/chart/Chart.yaml": /^version: (\S+)/m,
  "k8s/certlet.yaml": /image: "certlet:([^"]+)"/,
  "k8s/attributes.md": /image: "certlet:([^"]+)"/,
  "CHANGELOG.md": /^## (\d\S*?),? /m
}

/** The version that a text names at a place; "none" where it names none. */
const versionAt = (place: string, text: string): string => places[place]?.exec(text)?.[1] ?? "none"

/** Which places name another version than package.json does, a sentence each. */
export const outOfStep = (folder = root): ReadonlyArray<string> => {
  const read = (place: string) => readFileSync(join(folder, place), "utf8")
  const version = versionAt("package.json", read("package.json"))
  const sentences = Object.keys(places)
    .map((place) => [place, versionAt(place, read(place))] as const)
    .filter(([, found]) => found !== version)
    .map(([place, found]) => `${place} says ${found}, package.json says ${version}`)
  const app = /^appVersion: (\S+)/m.exec(read("k8s/chart/Chart.yaml"))?.[1] ?? "none"
  return app === version ? sentences : [...sentences, `the chart's appVersion is ${app}, package.json says ${version}`]
}

/** What stands in the way of a release under a tag, a sentence each. */
export const objectionsTo = (tag: string, folder = root): ReadonlyArray<string> => {
  const read = (place: string) => readFileSync(join(folder, place), "utf8")
  const version = versionAt("package.json", read("package.json"))
  const dated = new RegExp(`^## ${version.replaceAll(".", "\\.")}, \\d{4}-\\d{2}-\\d{2}$`, "m").test(
    read("CHANGELOG.md")
  )
  return [
    ...outOfStep(folder),
    ...(tag === `v${version}` ? [] : [`the tag is ${tag}, package.json says ${version}`]),
    ...(dated ? [] : [`CHANGELOG.md has no heading "## ${version}, YYYY-MM-DD"`])
  ]
}

/** What a changelog says of its newest version, without the heading. */
export const newestNotes = (changelog: string): string => {
  const [, newest = ""] = changelog.split(/^## .*$/m)
  return `${newest.trim()}\n`
}

/** The lines of a SHA256SUMS for the files in a folder, as sha256sum(1) writes and checks them. */
export const checksums = (folder: string): string =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "SHA256SUMS")
    .map(({ name }) => name)
    .sort()
    .map(
      (name) =>
        `${createHash("sha256")
          .update(readFileSync(join(folder, name)))
          .digest("hex")}  ${name}\n`
    )
    .join("")

const [command = "", argument = ""] = process.argv.slice(2)

const commands: Readonly<Record<string, () => void>> = {
  check: () => {
    const found = objectionsTo(argument)
    if (found.length > 0) throw new Error(`this is no release:\n${found.join("\n")}`)
  },
  notes: () => {
    process.stdout.write(newestNotes(readFileSync(join(root, "CHANGELOG.md"), "utf8")))
  },
  checksums: () => writeFileSync(join(argument, "SHA256SUMS"), checksums(argument))
}

if (import.meta.main) {
  const run = commands[command]
  if (run === undefined) throw new Error(`the commands are ${Object.keys(commands).join(", ")}; "${command}" is none`)
  run()
}
