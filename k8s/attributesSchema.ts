/**
 * The schema for editors: what a volume's `volumeAttributes` may hold, as JSON Schema. The kinds of values come from
 * the schema by which the driver decodes them, the descriptions from the manual's table. `npm run render`
 * writes `attributes.schema.json`; a test holds it to both.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { booleanWords } from "../src/spec/Rule.ts"
import { prefix } from "../src/spec/VolumeContext.ts"
import { attributeKinds, type Kind } from "./attributeKinds.ts"

/** Where the schema lies. */
export const schemaFile = join(import.meta.dirname, "attributes.schema.json")

/** What the manual says of each attribute: its row without the default, as plain text. */
const meanings = (): ReadonlyMap<string, string> => {
  const rows = readFileSync(join(import.meta.dirname, "attributes.md"), "utf8")
    .split("\n")
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  return new Map(
    rows.flatMap(([, names = "", , meaning = ""]) =>
      [...names.matchAll(/`([a-z0-9-]+)`/g)].map(
        ([, name = ""]) => [name, meaning.replaceAll("\\|", "|").replaceAll("`", "")] as const
      )
    )
  )
}

/** A text with a variable is left to the driver. */
const orVariable = (pattern: string): string => `^(?:.*[$].*|${pattern})$`

const constraintOf = (kind: Kind): object => {
  switch (kind._tag) {
    case "Boolean":
      return { enum: [...booleanWords.on, ...booleanWords.off] }
    case "Word":
      return { examples: kind.words }
    case "Duration":
      return {
        pattern: orVariable("[+-]?(?:0|(?:(?:\\d+\\.?\\d*|\\.\\d+)(?:ns|us|µs|μs|ms|s|m|h))+)"),
        examples: ["24h"]
      }
    case "Number":
      return { pattern: orVariable("\\+?\\d{1,10}") }
    case "Text":
      return {}
  }
}

/** The schema as text. */
export const attributesSchema = (): string => {
  const known = meanings()
  const properties = attributeKinds.map(([name, kind]) => {
    const description = known.get(name) ?? ""
    return [prefix + name, { type: "string", ...(description === "" ? {} : { description }), ...constraintOf(kind) }]
  })
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "volumeAttributes of a volume of certlet",
    type: "object",
    required: [`${prefix}issuer-name`],
    properties: Object.fromEntries(properties),
    additionalProperties: { type: "string" }
  }
  // A short list in one line, as the formatter has it.
  const text = JSON.stringify(schema, null, 2).replace(
    /\[\n\s+([^[\]{}]*?)\n\s+\]/g,
    (_, items: string) => `[${items.split(/,\n\s+/).join(", ")}]`
  )
  return `${text}\n`
}

if (import.meta.main) writeFileSync(schemaFile, attributesSchema())
