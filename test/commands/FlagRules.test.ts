import { describe, expect, it } from "@effect/vitest"
import { Duration, Option, Result } from "effect"
import * as fc from "fast-check"
import * as Rules from "../../src/commands/FlagRules.ts"
import { gateForms } from "../../src/spec/ReadinessGate.ts"
import type { Rule } from "../../src/spec/Rule.ts"

const accepts = <A>(rule: Rule<A>, text: string) => Result.getOrUndefined(rule(text))

describe("the rules of flags", () => {
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
    [":9402", Option.some({ host: Option.none(), port: 9402 })],
    ["127.0.0.1:9402", Option.some({ host: Option.some("127.0.0.1"), port: 9402 })],
    ["[::1]:9402", Option.some({ host: Option.some("::1"), port: 9402 })],
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

  it("takes an endpoint only if it is a path without detours and without slashes to spare", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(unix:(\/\/)?)?[a./]{1,12}$/)), (text) => {
        const path = accepts(Rules.endpoint, text)
        if (path !== undefined) expect(path).toMatch(/^(?!(.*\/)?\.\.?(\/|$))(?!.*\/\/)(?!.*\/$)/)
      })
    )
  })

  it.each([
    ["/var/lib/kubelet/", "/var/lib/kubelet"],
    ["//var//lib///kubelet//", "/var/lib/kubelet"],
    ["/a", "/a"],
    ["a/b/", undefined],
    ["/", undefined],
    ["//", undefined],
    ["", undefined],
    ["/a/../b", undefined]
  ])("reads the path %s as %s", (text, path) => {
    expect(accepts(Rules.absolutePath, text)).toBe(path)
  })

  it.each([
    ["unix://plugin/csi.sock", "plugin/csi.sock"],
    ["unix:///csi//csi.sock", "/csi/csi.sock"],
    ["UNIX:///csi/csi.sock", "/csi/csi.sock"],
    ["unix:/csi/csi.sock", "/csi/csi.sock"],
    ["/csi/csi.sock", "/csi/csi.sock"],
    ["unix://", undefined],
    ["unix://../csi.sock", undefined],
    ["unix:///a/../b", undefined],
    ["tcp://127.0.0.1:1", undefined],
    ["", undefined]
  ])("reads the endpoint %s as %s", (text, path) => {
    expect(accepts(Rules.endpoint, text)).toBe(path)
  })

  it("takes a socket's path of the kernel's 107 bytes at most", () => {
    expect(accepts(Rules.socketPath, `/${"x".repeat(106)}`)).toBe(`/${"x".repeat(106)}`)
    expect(accepts(Rules.socketPath, `/${"x".repeat(107)}`)).toBeUndefined()
  })

  it.each([
    ["0", Number.POSITIVE_INFINITY],
    ["0s", Number.POSITIVE_INFINITY],
    ["30", 30_000],
    ["1m", 60_000],
    ["1ms", undefined],
    ["1h", undefined],
    ["-1", undefined]
  ])("reads the request timeout %s as %s ms, as kubectl does", (text, millis) => {
    const limit = accepts(Rules.requestTimeout, text)
    expect(limit === undefined ? undefined : Duration.toMillis(limit)).toBe(millis)
  })

  it("reads numbers as Go does, with a plus sign or without, and never in part", () => {
    expect(
      ["5", "+5", "05", "5.0", "5x", "-5", "++5", ""].map((text) => accepts(Rules.wholeNumber(1, 9), text))
    ).toEqual([5, 5, 5, ...Array.from({ length: 5 }, () => undefined)])
    expect(["0.5", "+.5", "2.", "1e3", "-1", "."].map((text) => accepts(Rules.decimal(0, 9), text))).toEqual([
      0.5,
      0.5,
      2,
      ...Array.from({ length: 3 }, () => undefined)
    ])
  })

  it("reads a pair at its first sign of equality", () => {
    expect(accepts(Rules.pair, "scopes=a=b")).toEqual(["scopes", "a=b"])
    expect(accepts(Rules.pair, "scopes=")).toEqual(["scopes", ""])
    for (const text of ["scopes", "=a", ""]) expect(accepts(Rules.pair, text)).toBeUndefined()
  })
})
