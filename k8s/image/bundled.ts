/**
 * What of other people's packages is in the bundle: read off what the bundler says it has put there, so that nothing is
 * listed that is not in it and nothing is in it that is not listed. Each package has a licence that may be passed on, a
 * text of it that goes along, and a number of bytes that it may take: more than that, or a new package, stops the build
 * until `budget.json` says that somebody wanted it.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The files of the program in `dist/`, as the build writes them and every image takes them. */
export const programFiles = [
  "certlet.mjs",
  "certlet-demo.mjs",
  "certlet-kubeconfig.mjs",
  "certlet-simulate.mjs",
  "certlet-yaml.mjs"
]

/** The plugin of kubectl: the program, and what it loads under that name. A node has no use for it. */
export const pluginFiles = ["certlet.mjs", "certlet-kubeconfig.mjs", "certlet-kubectl.mjs"]

/** The program with what lies next to it: the plugin of kubectl, licences, and the bill of materials. */
export const shippedFiles = [...new Set([...programFiles, ...pluginFiles]), "THIRD-PARTY-LICENSES.txt", "sbom.cdx.json"]

/** One package in a bundle. */
export interface BundledPackage {
  readonly name: string
  readonly version: string
  /** An SPDX expression, as the package says it. */
  readonly license: string
  /** The text of its licence. */
  readonly text: string
  /** What it takes in the bundle, minified. */
  readonly bytes: number
}

/** How many thousand bytes each package may take in a bundle. */
export type Budget = Readonly<Record<string, number>>

/** Licences that ask for no more than their text. */
const allowed = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"])

/**
 * Whether an SPDX expression leaves a choice that is allowed; there are no deeper ones than `(A OR B)` and `(A AND B)`.
 */
export const isAllowed = (expression: string): boolean => {
  const plain = expression.replace(/^\((.*)\)$/, "$1")
  if (plain.includes(" OR ")) return plain.split(" OR ").some(isAllowed)
  return plain.split(" AND ").every((license) => allowed.has(license))
}

/** The comments that a source begins with, where they speak of a copyright. */
const headerOf = (source: string): string => {
  const lines = source.split("\n")
  const end = lines.findIndex((line) => !/^(\/\/|\/\*| \*|\s*$)/.test(line))
  const header = lines.slice(0, end < 0 ? lines.length : end).map((line) => line.replace(/^(\/\/|\/\*+| \*\/?) ?/, ""))
  return /copyright/i.test(header.join("\n")) ? header.join("\n").trim() : ""
}

/** A package's licence: the file of that name, else what stands at the top of those of its sources that are bundled. */
const textOf = (folder: string, sources: ReadonlyArray<string>): string => {
  const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)(\.(md|txt))?$/i.test(name))
  if (file !== undefined) return readFileSync(join(folder, file), "utf8").trim()
  const headers = sources.toSorted().map((path) => headerOf(readFileSync(path, "utf8")))
  return [...new Set(headers.filter((header) => header !== ""))].join("\n\n")
}

const packageFolder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/

/** The packages of a bundle, by name; inputs are the bundler's, paths with the bytes that are left of them. */
export const bundledPackages = (
  inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>
): ReadonlyArray<BundledPackage> => {
  const inside = Object.entries(inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path, { bytesInOutput }]) => ({ path, bytes: bytesInOutput, folder: packageFolder.exec(path)?.[0] ?? "" }))
  return [...Map.groupBy(inside, ({ folder }) => folder)]
    .filter(([folder]) => folder !== "")
    .map(([folder, files]): BundledPackage => {
      const manifest: { readonly name: string; readonly version: string; readonly license?: string } = JSON.parse(
        readFileSync(join(folder, "package.json"), "utf8")
      )
      const { license = "none", name, version } = manifest
      const bytes = files.reduce((total, file) => total + file.bytes, 0)
      return {
        name,
        version,
        license,
        text: textOf(
          folder,
          files.map(({ path }) => path)
        ),
        bytes
      }
    })
    .sort((one, other) => (`${one.name}@${one.version}` < `${other.name}@${other.version}` ? -1 : 1))
}

/** What stands in the way of shipping these packages, a sentence each. */
export const objections = (packages: ReadonlyArray<BundledPackage>, budget: Budget): ReadonlyArray<string> => [
  ...packages.flatMap(({ license, name, text, version }) => [
    ...(isAllowed(license)
      ? []
      : [`${name} ${version} is under "${license}", which is not a licence that may go along`]),
    ...(text === "" ? [`${name} ${version} brings no text of its licence`] : [])
  ]),
  ...[...Map.groupBy(packages, ({ name }) => name)].flatMap(([name, versions]) => {
    const taken = Math.ceil(versions.reduce((total, { bytes }) => total + bytes, 0) / 1000)
    const granted = budget[name] ?? 0
    return taken > granted ? [`${name} takes ${taken} kB, its budget is ${granted}: see k8s/image/budget.json`] : []
  }),
  ...Object.keys(budget)
    .filter((name) => !packages.some((found) => found.name === name))
    .map((name) => `${name} has a budget and is not in the bundle: take it out of k8s/image/budget.json`)
]

/** A table for whoever builds: what takes how much of which budget, the largest first. */
export const budgetTable = (packages: ReadonlyArray<BundledPackage>, budget: Budget): string =>
  packages
    .toSorted((one, other) => other.bytes - one.bytes)
    .map(({ bytes, license, name, version }) => {
      const size = `${Math.ceil(bytes / 1000)}`.padStart(5)
      return `${size} of ${`${budget[name] ?? 0}`.padEnd(5)} kB  ${`${name} ${version}`.padEnd(36)} ${license}`
    })
    .join("\n")

/** All licences as one text; packages that share a text stand above it together. */
export const licenceTexts = (packages: ReadonlyArray<BundledPackage>): string => {
  const byText = Map.groupBy(packages, ({ text }) => text)
  const parts = [...byText].map(([text, those]) => {
    const names = [...new Set(those.map(({ license, name, version }) => `${name} ${version} (${license})`))]
    return `${names.join("\n")}\n\n${text}\n`
  })
  return `What certlet's program holds of other people's work, with the licences of each.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`
}
