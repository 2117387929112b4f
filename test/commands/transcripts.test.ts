/**
 * Transcripts in the manuals are what certlet prints: each block that begins with `$ certlet` is run again. What
 * differs from run to run in the demo (times, ports, names of folders) is masked on both sides.
 * `certlet check web.yaml` has a test of its own, because it needs the manifest that stands above it.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { certlet } from "../kit/certlet.ts"
import { commandLine } from "../kit/commandLine.ts"
import { textOf } from "../kit/sources.ts"

const manuals = ["README.md", "k8s/README.md", "k8s/attributes.md", "src/testing/README.md"]

const transcripts = manuals.flatMap((manual) =>
  [...textOf(manual).matchAll(/^```console\n\$ certlet (.*)\n([\s\S]*?)^```$/gm)].map(
    ([, order = "", printed = ""]) => ({
      manual,
      order,
      printed: printed.trimEnd().split("\n")
    })
  )
)
const [demos, others] = [
  transcripts.filter(({ order }) => order === "demo"),
  transcripts.filter(({ order }) => order !== "demo" && !order.startsWith("check web.yaml"))
]

/** Without what no two runs have in common; lines that only show that somebody waits are left out. */
const masked = (line: string): ReadonlyArray<string> =>
  line.includes("waiting for renewal")
    ? []
    : [
        line
          .replace(/\d[\d.]* ms/g, "# ms")
          .replace(/(process|127\.0\.0\.1:|serial|version) ?[\w.]+/g, "$1 #")
          .replace(/certlet-demo-\w+/, "certlet-demo-#")
          .replace(/\.\.\d{4}_[\w.-]+/, "..#")
          .replace(/[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT/g, "#")
          .replace(/\d+ bytes/, "# bytes")
          .replace(/\d+ handshakes/, "# handshakes")
      ]

describe("a transcript in the manuals", () => {
  it("is there of the help, of a wrong command line and of the demo", () => {
    expect(others.map(({ order }) => order).filter((order) => order.endsWith("--help")).length).toBeGreaterThan(0)
    expect(others.filter(({ printed }) => printed.at(-1)?.startsWith("See certlet")).length).toBeGreaterThan(0)
    expect(demos.length).toBe(1)
  })

  it.live.each(others)("of certlet $order is what it prints", ({ order, printed }) =>
    Effect.gen(function* () {
      const { stderr, stdout } = yield* commandLine(order.split(" "))
      expect([...stdout, ...stderr].join("\n").trimEnd().split("\n")).toEqual(printed)
    })
  )

  it.live.each(demos)(
    "of certlet demo is what it prints, whatever the machine",
    ({ printed }) =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* certlet(["demo"], { timeout: 500_000 })
        expect(stderr).toBe("")
        expect(stdout.trimEnd().split("\n").flatMap(masked)).toEqual(printed.flatMap(masked))
        expect(code).toBe(0)
      }),
    600_000
  )
})
