/**
 * What goes along in the bundle: an unknown licence, a missing text and a package that nobody has granted its bytes
 * stop the build, and the bill of materials that is written tells of each package, without a date.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { type BundledPackage, bundledPackages, isAllowed, licenceTexts, objections } from "../../k8s/image/bundled.ts"
import { billOf, partOf } from "../../k8s/image/sbom.ts"

const folder = mkdtempSync(join(tmpdir(), "certlet-bundled-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const install = (name: string, files: Readonly<Record<string, string>>) => {
  const at = join(folder, "node_modules", name)
  mkdirSync(at, { recursive: true })
  for (const [file, content] of Object.entries(files)) writeFileSync(join(at, file), content)
  return (file: string) => join(at, file)
}

const named = (over: Partial<BundledPackage>): BundledPackage => ({
  name: "left",
  version: "1.0.0",
  license: "MIT",
  text: "Copyright Left",
  bytes: 1500,
  ...over
})

describe("the packages of a bundle", () => {
  it("are those of which something is left, with the text that they bring", () => {
    const left = install("left", {
      "package.json": '{ "name": "left", "version": "1.2.3", "license": "MIT" }',
      LICENSE: "Copyright Left\n"
    })
    const scoped = install("@some/headed", {
      "package.json": '{ "name": "@some/headed", "version": "2.0.0", "license": "Apache-2.0" }',
      "index.js": "// Copyright Headed\n// All rights.\n\nexport const a = 1 // no copyright\n"
    })
    const inputs = {
      [left("a.js")]: { bytesInOutput: 10 },
      [left("b.js")]: { bytesInOutput: 5 },
      [scoped("index.js")]: { bytesInOutput: 1 },
      [join(folder, "node_modules/shaken/away.js")]: { bytesInOutput: 0 },
      "src/main.ts": { bytesInOutput: 99 }
    }
    expect(bundledPackages(inputs)).toEqual([
      {
        name: "@some/headed",
        version: "2.0.0",
        license: "Apache-2.0",
        text: "Copyright Headed\nAll rights.",
        bytes: 1
      },
      { name: "left", version: "1.2.3", license: "MIT", text: "Copyright Left", bytes: 15 }
    ])
  })

  it("stand with their licences in one text, once where several share it", () => {
    const text = licenceTexts([named({}), named({ name: "right" }), named({ name: "other", text: "Copyright Other" })])
    expect(text.match(/Copyright Left/g)).toHaveLength(1)
    expect(text).toContain("left 1.0.0 (MIT)\nright 1.0.0 (MIT)\n\nCopyright Left")
    expect(text).toContain("other 1.0.0 (MIT)\n\nCopyright Other")
  })
})

describe("what stands in the way", () => {
  it("is nothing where licence, text and bytes are in order", () => {
    expect(objections([named({})], { left: 2 })).toEqual([])
  })

  it.each([
    ["another licence", named({ license: "GPL-3.0-only" }), { left: 2 }, '"GPL-3.0-only"'],
    ["no licence", named({ license: "none" }), { left: 2 }, '"none"'],
    ["no text of it", named({ text: "" }), { left: 2 }, "no text"],
    ["more bytes than granted", named({ bytes: 2001 }), { left: 2 }, "takes 3 kB, its budget is 2"],
    ["a package that is new", named({}), {}, "its budget is 0"],
    ["a budget for what is gone", named({}), { left: 2, right: 1 }, "right has a budget"]
  ])("is %s", (_, found, budget, said) => {
    const sentences = objections([found], budget)
    expect(sentences).toHaveLength(1)
    expect(sentences[0]).toContain(said)
  })

  it("is counted over all versions of a package", () => {
    expect(objections([named({}), named({ version: "2.0.0" })], { left: 2 })).toHaveLength(1)
  })

  it.each([
    ["MIT", true],
    ["(BSD-3-Clause OR GPL-2.0)", true],
    ["(Apache-2.0 AND BSD-3-Clause)", true],
    ["MIT AND GPL-2.0", false],
    ["SEE LICENSE IN file", false]
  ])("%s: %s", (expression, expected) => {
    expect(isAllowed(expression)).toBe(expected)
  })
})

describe("a bill of materials", () => {
  const digest = Buffer.alloc(64, 7)
  const whole = { name: "certlet", version: "1.0.0", purl: "pkg:npm/certlet@1.0.0", license: "Apache-2.0" }
  const parts = [named({ name: "@some/thing" }), named({})].map((one) =>
    partOf(one, `sha512-${digest.toString("base64")}`)
  )
  const text = billOf(whole, "application", parts)
  const bill = JSON.parse(text)

  it("names what it is of and each part, with its licence and hash", () => {
    expect([bill.bomFormat, bill.specVersion, bill.metadata.component.name]).toEqual(["CycloneDX", "1.6", "certlet"])
    expect(bill.components.map(({ purl }: { purl: string }) => purl)).toEqual([
      "pkg:npm/%40some/thing@1.0.0",
      "pkg:npm/left@1.0.0"
    ])
    expect(bill.components[1].licenses).toEqual([{ expression: "MIT" }])
    expect(bill.components[1].hashes).toEqual([{ alg: "SHA-512", content: digest.toString("hex") }])
    const dependencies: ReadonlyArray<{ ref: string; dependsOn?: ReadonlyArray<string> }> = bill.dependencies
    expect(dependencies.find(({ ref }) => ref === whole.purl)?.dependsOn).toHaveLength(2)
  })

  it("is the same text whenever and in whatever order it is written", () => {
    expect(billOf(whole, "application", parts.toReversed())).toBe(text)
    expect([bill.serialNumber, bill.metadata.timestamp]).toEqual([undefined, undefined])
  })
})
