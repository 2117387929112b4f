import { describe, expect, it } from "vitest"
import { errnoOf } from "../../src/spec/errnoOf.ts"

const circular: { cause?: unknown } = {}
circular.cause = circular

describe("errnoOf", () => {
  it.each([
    ["the error itself", Object.assign(new Error("no file"), { code: "ENOENT" }), "ENOENT"],
    ["a cause below", new Error("failed", { cause: { cause: { code: "ECONNRESET" } } }), "ECONNRESET"],
    ["the error before its cause", { code: "EPIPE", cause: { code: "ENOENT" } }, "EPIPE"],
    ["no number", { code: 2 }, ""],
    ["an error that is its own cause", circular, ""],
    ["no error at all", undefined, ""]
  ])("reads %s", (_, error, errno) => {
    expect(errnoOf(error)).toBe(errno)
  })
})
