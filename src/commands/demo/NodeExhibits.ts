/**
 * What the demo shows: the file tree of a volume as `ls` would, the certificate as `openssl` would, and the steps of a
 * publish as certlet's own log has them. Each function reads what is really there and gives plain lines of text.
 * Nothing here judges: the claims are the demo's.
 */

import { X509Certificate } from "node:crypto"
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { Option, Schema } from "effect"

const mode = (bits: number): string => (bits & 0o7777).toString(8).padStart(4, "0")

/** The volume's folders, files and links, a line each, indented by depth. */
export const treeLines = (folder: string, indent = "          "): ReadonlyArray<string> => [
  `${indent}${folder}`,
  ...entryLines(folder, `${indent}  `)
]

const entryLines = (folder: string, indent: string): ReadonlyArray<string> =>
  readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name)
      const stat = lstatSync(path)
      if (stat.isSymbolicLink()) return [`${indent}${name} -> ${readlinkSync(path)}`]
      if (stat.isDirectory()) return [`${indent}${name}/  ${mode(stat.mode)}`, ...entryLines(path, `${indent}  `)]
      return [`${indent}${name}  ${mode(stat.mode)}  ${stat.size} bytes`]
    })

/** The mounted certificate: whose, by whom, for which names, until when. */
export const certificateLines = (folder: string): ReadonlyArray<string> => {
  const leaf = new X509Certificate(readFileSync(join(folder, "tls.crt")))
  const flat = (name: string) => name.split("\n").join(", ")
  return [
    `          subject ${flat(leaf.subject)}; issuer ${flat(leaf.issuer)}`,
    `          names ${leaf.subjectAltName ?? "none"}`,
    `          valid from ${leaf.validFrom} to ${leaf.validTo}; serial ${leaf.serialNumber}`
  ]
}

const Line = Schema.fromJsonString(
  Schema.Struct({
    annotations: Schema.Struct({
      millis: Schema.Struct({
        key: Schema.Number,
        submit: Schema.Number,
        approval: Schema.Number,
        signature: Schema.Number,
        write: Schema.Number
      })
    })
  })
)

const decodeLine = Schema.decodeUnknownOption(Line)

/** How long each step of the first issue took, in certlet's own words. */
export const stepLines = (log: ReadonlyArray<string>): ReadonlyArray<string> => {
  const step = Option.firstSomeOf(log.map((line) => decodeLine(line)))
  if (Option.isNone(step)) return []
  const { key, submit, approval, signature, write } = step.value.annotations.millis
  return [
    `          ${key} ms for the key and the signing request`,
    `          ${submit} ms until the API server had the CertificateRequest`,
    `          ${approval} ms until it was approved, ${signature} ms more until it was signed`,
    `          ${write} ms to check the certificate and swap the files in`
  ]
}
