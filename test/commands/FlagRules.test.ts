import { describe, expect, it } from "@effect/vitest"
import { Duration, Option, Result } from "effect"
import * as fc from "fast-check"
import * as Rules from "../../src/commands/FlagRules.ts"
import { gateForms } from "../../src/spec/ReadinessGate.ts"
import type { Rule } from "../../src/spec/Rule.ts"

const accepts = <A>(rule: Rule<A>, text: string) => Result.getOrUndefined(rule(text))

describe("the rules of flags", () => {
  it.each([
    ["unix:///csi/csi.sock", "/csi/csi.sock"],
    ["unix:/csi/csi.sock", "/csi/csi.sock"],
    ["/csi/csi.sock", "/csi/csi.sock"],
    ["tcp://127.0.0.1:1", undefined],
    ["unix://relative", undefined],
    ["unix:///a/../b", undefined],
    [`unix:///${"x".repeat(108)}`, undefined],
    ["", undefined]
  ])("endpoint %s", (text, path) => {
    expect(accepts(Rules.endpoint, text)).toBe(path)
  })

  it.each([
    ["4Mi", 4_194_304],
    ["65536", 65_536],
    ["1Gi", 2 ** 30],
    ["1Ki", undefined],
    ["4MB", undefined],
    ["-1", undefined],
    ["17Gi", undefined]
  ])("size %s", (text, bytes) => {
    expect(accepts(Rules.size, text)).toBe(bytes)
  })

  it.each([
    ["csi.cert-manager.io", true],
    ["Csi", false],
    ["-a", false],
    ["a..b", false],
    ["a".repeat(64), false]
  ])("driver name %s", (text, fine) => {
    expect(Result.isSuccess(Rules.driverName(text))).toBe(fine)
  })

  it.each([
    "pod-ip:ipv5",
    "ready",
    "pod-condition:",
    "pod-condition:=True",
    "pod-annotation:",
    "pod-annotation:a=b",
    ""
  ])("gate %j is refused with the forms that there are", (text) => {
    expect(Result.getFailure(Rules.gate(text))).toEqual(Option.some(gateForms))
  })

  it("reads a cluster's domain as DNS does", () => {
    expect(accepts(Rules.domain, "cluster.local")).toBe("cluster.local")
    for (const text of ["", "Cluster.local", "a..b", ".local", "local."])
      expect(accepts(Rules.domain, text)).toBeUndefined()
  })

  it("bounds durations and says the bounds", () => {
    const rule = Rules.durationWithin(Duration.seconds(1), Duration.seconds(115))
    expect(Duration.toSeconds(accepts(rule, "1m30s") ?? 0)).toBe(90)
    for (const text of ["500ms", "2m", "soon", "-5s"]) {
      expect(Result.getFailure(rule(text))).toEqual(Option.some("a duration such as 24h or 1m30s, from 1s to 1m 55s"))
    }
  })

  it.each([
    ["0", Option.none()],
    [":9402", Option.some({ host: "::", port: 9402 })],
    ["127.0.0.1:9402", Option.some({ host: "127.0.0.1", port: 9402 })],
    ["[::1]:9402", Option.some({ host: "::1", port: 9402 })],
    ["9402", undefined],
    [":0", undefined],
    [":99999", undefined]
  ])("bind address %s", (text, address) => {
    expect(accepts(Rules.bindAddress, text)).toEqual(address)
  })

  it("for every text: a value in range or a sentence, never anything else", () => {
    const rules = [Rules.size, Rules.decimal(0, 10), Rules.wholeNumber(1, 5)] as const
    const ranges = [
      [65_536, 2 ** 34],
      [0, 10],
      [1, 5]
    ] as const
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), (text) => {
        for (const [index, rule] of rules.entries()) {
          const read = rule(text)
          const [least, most] = ranges[index] ?? [0, 0]
          if (Result.isSuccess(read)) expect(read.success >= least && read.success <= most).toBe(true)
          else expect(read.failure.length).toBeGreaterThan(0)
        }
      })
    )
  })

  it("takes an endpoint only if it is an absolute path without detours", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const path = accepts(Rules.endpoint, text)
        if (path !== undefined) expect(path).toMatch(/^\/(?!.*\/\.\.?(\/|$))/)
      })
    )
  })
})
