import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { inThousands } from "../../src/pki/inThousands.ts"
import { readPem, writePem } from "../../src/pki/Pem.ts"

const enough = { length: 100_000, blocks: 10 }
const read = (text: string, limits = enough) => readPem(text, limits)
const bytes = (text: string) => Uint8Array.from(new TextEncoder().encode(text))
const damaged = (number: number) => Result.fail(`has a PEM block that is damaged (number ${number})`)

describe("reading PEM", () => {
  it("gives label and bytes of every block, in their order", () => {
    const text = `subject=CN = web\n${writePem("CERTIFICATE", bytes("one"))}\n\n${writePem("PRIVATE KEY", bytes("two"))}`
    expect(read(text)).toEqual(
      Result.succeed([
        { label: "CERTIFICATE", der: bytes("one") },
        { label: "PRIVATE KEY", der: bytes("two") }
      ])
    )
    expect(read("")).toEqual(Result.succeed([]))
    expect(read("no block at all\n")).toEqual(Result.succeed([]))
  })

  it("takes any line breaks and blanks at the ends of lines", () => {
    const [begin, end] = ["-----BEGIN A-----", "-----END A-----"]
    for (const text of [`${begin}\r\nb25l\r\n${end}\r\n`, `${begin}b25l${end}`, `  ${begin}\n\t b25l \n\n  ${end}`]) {
      expect(read(text)).toEqual(Result.succeed([{ label: "A", der: bytes("one") }]))
    }
    expect(read(`${begin}\nb25l\n${end}`.repeat(2))).toMatchObject({ success: { length: 2 } })
  })

  it("refuses a block with header lines, with anything but base64, or without its end", () => {
    const block = (body: string) => `-----BEGIN A-----\n${body}\n-----END A-----\n`
    const wrong = [
      block("Proc-Type: 4,ENCRYPTED\n\nb25l"),
      block("b25l!"),
      block("b25"),
      block("b25lb"),
      block("=b25"),
      block("b2=="),
      block("b2==b25l"),
      block("b25-"),
      block(""),
      block("b25l\u2028"),
      "-----BEGIN A-----\nb25l\n",
      "-----BEGIN A-----\nb25l\n-----END B-----\n",
      "-----BEGIN A-----\nb25l\n-----BEGIN A-----\nb25l\n-----END A-----\n",
      "-----BEGIN -----\nb25l\n-----END -----\n",
      "-----BEGIN ",
      `-----BEGIN ${"A".repeat(65)}-----\nb25l\n-----END ${"A".repeat(65)}-----\n`
    ]
    for (const text of wrong) {
      expect(read(text)).toEqual(damaged(1))
      expect(read(writePem("A", bytes("one")) + text)).toEqual(damaged(2))
    }
  })

  it("measures first, and says by how much a text is too long", () => {
    const one = writePem("A", bytes("one"))
    expect(read(one, { length: one.length, blocks: 1 })).toMatchObject({ _tag: "Success" })
    expect(read(" ".repeat(1_234_567))).toEqual(Result.fail("has 1,234,567 characters; at most 100,000 are read"))
    expect(read(one.repeat(2), { length: 1000, blocks: 1 })).toEqual(Result.fail("has more than 1 PEM blocks"))
  })

  it("gives back what was written, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 9 }), (blocks) => {
        const text = blocks.map((der) => writePem("CERTIFICATE", der)).join("")
        expect(read(text)).toEqual(Result.succeed(blocks.map((der) => ({ label: "CERTIFICATE", der: der.slice() }))))
        for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(64)
      })
    )
  })
})

describe("a count in a sentence", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1,000"],
    [12_345, "12,345"],
    [100_000, "100,000"],
    [1_234_567, "1,234,567"]
  ])("%i is %s", (count, text) => expect(inThousands(count)).toBe(text))
})
