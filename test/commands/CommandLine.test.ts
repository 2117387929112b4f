/** The command line of every command: what its help says, and how everything that is wrong is told at once. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { commandLine } from "../kit/commandLine.ts"

const required = ["--node-id", "n", "--endpoint", "unix:///nowhere/at/all/csi.sock"]
const paths = ["", "run", "status", "renew", "wait", "check", "cluster", "demo", "simulate"].map((name) => ({
  name,
  path: name === "" ? [] : [name]
}))

/** What is said of a command line, without the hint at its end. */
const mistakes = (args: ReadonlyArray<string>, environment = {}) =>
  Effect.map(commandLine(args, environment), ({ stderr }) => stderr.slice(0, -1).map((line) => line.slice(9)))

describe("the help", () => {
  it.live.each(paths)("of certlet $name says what it takes, what it needs and what one writes", ({ path }) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* commandLine([...path, "--help"])
      expect({ code, stderr }).toEqual({ code: 0, stderr: [] })
      const text = stdout.join("\n")
      const [, examples = ""] = text.split("EXAMPLES\n")
      expect(examples).toMatch(/^ {2}# [A-Z].*\n {2}\S/)
      expect(examples).toContain("certlet")
      expect(text).not.toMatch(/^ +--.* string/m)
    })
  )

  it.live("marks the flags that are required, and no other", () =>
    Effect.gen(function* () {
      const { stdout } = yield* commandLine(["run", "--help"])
      const marked = stdout.join("\n").match(/^ +--[a-z-]+(?=.*\(required\)$)/gm)
      expect(marked?.map((flag) => flag.trim())).toEqual(["--node-id", "--endpoint"])
      for (const command of ["status", "renew", "wait", "check", "simulate"]) {
        expect((yield* commandLine([command, "--help"])).stdout.join("\n")).not.toContain("(required)")
      }
    })
  )

  it.live.each([
    "--node-id text",
    "--publish-timeout duration",
    "--volume-medium tmpfs|directory",
    "--metrics-bind-address host:port",
    "--volume-size-limit size",
    "--log-level, -v number",
    "--kubeconfig file",
    "--default-attribute attribute=value"
  ])("names a value's type: %s", (flag) =>
    Effect.map(commandLine(["--help"]), ({ stdout }) => expect(stdout.join("\n")).toContain(`  ${flag} `))
  )
})

describe("an example", () => {
  const examples = (path: ReadonlyArray<string>) =>
    Effect.map(commandLine([...path, "--help"]), ({ stdout }) =>
      [...(stdout.join("\n").split("EXAMPLES\n")[1] ?? "").matchAll(/^ {2}(?!#).*?certlet (.*)$/gm)].map(
        ([, words = ""]) => words.split(" ")
      )
    )

  it.live.each(paths)("of certlet $name is a command line that certlet takes", ({ path }) =>
    Effect.gen(function* () {
      const lines = yield* examples(path)
      expect(lines.length).toBeGreaterThan(0)
      for (const args of lines) {
        // A flag that does not exist is found when a command line is read, and then nothing is carried out.
        const told = yield* mistakes([...args, "--no-such-flag"])
        expect(told).toEqual(["there is no flag --no-such-flag; leave it out"])
      }
    })
  )
})

describe("a wrong command line", () => {
  it.live("is told whole, each mistake once, with what to write, and ends with 64", () =>
    Effect.gen(function* () {
      const args = [
        "--endpoint",
        "http://csi",
        "--publish-timeout=3m",
        "-v",
        "6",
        "--no-such-flag",
        "--use-token-request=yes"
      ]
      const { code, stderr, stdout } = yield* commandLine(["run", ...args])
      expect({ code, stdout }).toEqual({ code: 64, stdout: [] })
      expect(stderr).toEqual([
        "certlet: there is no flag --no-such-flag; leave it out",
        "certlet: --node-id is missing; write --node-id text: this node's name in the cluster [CERTLET_NODE_ID]",
        'certlet: --endpoint is "http://csi", and must be unix:///absolute/path',
        'certlet: --publish-timeout is "3m", and must be a duration such as 24h or 1m30s, from 1s to 1m 55s',
        'certlet: --use-token-request is "yes", and must be true or false',
        'certlet: --log-level is "6", and must be a whole number from 1 to 5',
        "See certlet run --help"
      ])
    })
  )

  it.live("tells each value of a flag that can be repeated", () =>
    Effect.gen(function* () {
      const gates = ["--pod-readiness-gate", "pod-ip:6", "--pod-readiness-gate", "ready"]
      const told = yield* mistakes([...required, ...gates, "--default-attribute", "no-such=1"])
      expect(told.map((line) => line.replace(/, and must be .*/, ""))).toEqual([
        '--default-attribute is "no-such=1"',
        '--pod-readiness-gate is "pod-ip:6"',
        '--pod-readiness-gate is "ready"'
      ])
    })
  )

  it.live("tells what is wrong with flags that are right one by one", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* commandLine(
        [...required, "--default-attribute", "duration=1 day", "--default-attribute", "file-mode=9"],
        { CERTLET_POD_READINESS_GATE: "pod-ip:any" }
      )
      expect(code).toBe(64)
      expect(stderr).toEqual([
        expect.stringMatching(/--continue-on-not-ready is "false", and must be true with --pod-readiness-gate/),
        expect.stringMatching(
          /--default-attribute is "duration=1 day", and .*csi\.cert-manager\.io\/duration must be a duration/
        ),
        expect.stringMatching(/--default-attribute is "file-mode=9", and .*csi\.cert-manager\.io\/file-mode must be /),
        "See certlet --help"
      ])
    })
  )

  it.live.each([
    { args: ["run", "--node-idd", "n"], sentence: "there is no flag --node-idd; did you mean --node-id?" },
    { args: ["chekc", "-o", "json", "x"], sentence: 'there is no command "chekc"; did you mean check?' },
    { args: ["--data-root", "/x", "status"], sentence: "--data-root stands too early; write it after certlet status" },
    { args: ["check"], sentence: "<file> is missing; write certlet check [flags] <file...>" },
    { args: ["demo", "now"], sentence: 'there is no place for "now"; write certlet demo [flags]' },
    { args: ["wait", "/tls", "/other"], sentence: 'there is no place for "/other"; write certlet wait [flags] <dir>' },
    { args: ["wait", "relative"], sentence: '<dir> is "relative", and must be an absolute path without "." and ".."' },
    { args: ["wait", "/tls", "--timeout"], sentence: "--timeout has no value; write --timeout duration" },
    { args: ["check", "x", "-o", "yaml"], sentence: '--output is "yaml", and must be one of text, json, github' },
    { args: ["check", "x", "--no-explain=1"], sentence: '--no-explain takes no value; leave "1" out' },
    {
      args: ["renew", "x", "--timeout", "1s", "--timeout", "2s"],
      sentence: "--timeout stands here more than once; write it once"
    }
  ])("$args", ({ args, sentence }) =>
    Effect.gen(function* () {
      const { code, stderr } = yield* commandLine(args)
      expect(code).toBe(64)
      expect(stderr[0]).toBe(`certlet: ${sentence}`)
      expect(stderr.at(-1)).toMatch(/^See certlet.* --help$/)
      if (args[1] !== "--node-idd") expect(stderr).toHaveLength(2)
    })
  )

  it.live.each([
    { args: ["--data-root", "../other"], name: "--data-root" },
    { args: ["--endpoint", `unix:///${"a".repeat(110)}`], name: "--endpoint" },
    { args: ["--volume-medium", "disk"], name: "--volume-medium" },
    { args: ["--metrics-bind-address", "9402"], name: "--metrics-bind-address" },
    { args: ["--cluster-domain", "Cluster"], name: "--cluster-domain" },
    { args: ["--gate-backoff-jitter=2"], name: "--gate-backoff-jitter" }
  ])("is refused by name: $args", ({ args, name }) =>
    Effect.gen(function* () {
      const told = yield* mistakes(["run", ...args])
      expect(told.some((line) => line.startsWith(`${name} is "`))).toBe(true)
    })
  )

  it.live("is one in the environment too", () =>
    Effect.gen(function* () {
      const environment = { CERTLET_KUBE_API_QPS: "many", CERTLET_USE_TOKEN_REQUEST: "maybe" }
      const { code, stderr } = yield* commandLine(required, environment)
      expect(code).toBe(64)
      expect(stderr).toEqual([
        'certlet: --use-token-request is "maybe", and must be true or false; it comes from CERTLET_USE_TOKEN_REQUEST',
        'certlet: --kube-api-qps is "many", and must be a number from 0 to 1000000; it comes from CERTLET_KUBE_API_QPS',
        "See certlet --help"
      ])
    })
  )
})

describe("a flag that is on or off", () => {
  const words = ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"]
  const refused = ["yes", "on", "y", "tRUE", " true", ""]
  const isRefused = (told: ReadonlyArray<string>) => told.some((line) => line.includes("and must be true or false"))

  it.live("is what Go's strconv.ParseBool takes, on the command line and in the environment", () =>
    Effect.gen(function* () {
      for (const word of words) {
        expect([word, isRefused(yield* mistakes([`--require-all-names=${word}`]))]).toEqual([word, false])
        expect([word, isRefused(yield* mistakes([], { CERTLET_REQUIRE_ALL_NAMES: word }))]).toEqual([word, false])
        expect([word, isRefused(yield* mistakes(["check", `--explain=${word}`]))]).toEqual([word, false])
      }
      for (const flag of ["--require-all-names", "--no-require-all-names"]) {
        expect(isRefused(yield* mistakes([flag]))).toBe(false)
      }
    })
  )

  it.live("is nothing else", () =>
    Effect.gen(function* () {
      for (const word of refused) {
        expect([word, isRefused(yield* mistakes([`--require-all-names=${word}`]))]).toEqual([word, true])
        expect([word, isRefused(yield* mistakes(["check", `--explain=${word}`]))]).toEqual([word, true])
        expect([word, isRefused(yield* mistakes(["simulate", `--trace=${word}`]))]).toEqual([word, true])
      }
    })
  )
})
