/**
 * The variables of the admission policy are what the attributes' schema makes of them; which attributes there are, and
 * how they are read, is written nowhere else.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { admissionVariables, variablesFile } from "../../k8s/admissionPolicy.ts"
import { attributeKinds } from "../../k8s/attributeKinds.ts"
import { attributesSchema, schemaFile } from "../../k8s/attributesSchema.ts"
import { attributeNames } from "../../src/spec/Attributes.ts"

describe("the kinds of attributes", () => {
  it("are read off the schema", () => {
    const kinds = Object.fromEntries(attributeKinds)
    expect(Object.keys(kinds)).toEqual(attributeNames)
    expect(kinds["is-ca"]).toEqual({ _tag: "Boolean" })
    expect(kinds.duration).toEqual({ _tag: "Duration" })
    expect(kinds["file-owner"]).toEqual({ _tag: "Number" })
    expect(kinds["key-encoding"]).toEqual({ _tag: "Word", words: ["PKCS1", "PKCS8"] })
    expect(kinds["dns-names"]).toEqual({ _tag: "Text" })
  })
})

describe("what the chart ships", () => {
  it("is what the schema says: `npm run render` writes it", () => {
    expect(readFileSync(variablesFile, "utf8")).toBe(admissionVariables())
  })
})

describe("the schema for editors", () => {
  it("is what the attributes say: `npm run render` writes it", () => {
    expect(readFileSync(schemaFile, "utf8")).toBe(attributesSchema())
  })

  it("has every attribute with what the manual says of it", () => {
    const { properties } = JSON.parse(attributesSchema())
    expect(Object.keys(properties)).toEqual(attributeNames.map((name) => `csi.cert-manager.io/${name}`))
    expect(properties["csi.cert-manager.io/is-ca"].enum).toEqual([
      "true",
      "True",
      "TRUE",
      "t",
      "T",
      "1",
      "false",
      "False",
      "FALSE",
      "f",
      "F",
      "0"
    ])
    expect(properties["csi.cert-manager.io/spiffe"].description).toMatch(/X\.509-SVID/)
  })
})
