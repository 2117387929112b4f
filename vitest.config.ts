import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

// Three tiers of need: what runs on Node alone, what runs the real control plane (minutes to build it once), and what
// needs Nix.
export default defineConfig({
  test: {
    // What a passing test logs is nobody's business; a failing one shows all of it.
    silent: "passed-only",
    reporters:
      process.env.GITHUB_ACTIONS === "true"
        ? ["./test/kit/SummaryReporter.ts", "github-actions"]
        : ["./test/kit/SummaryReporter.ts"],
    // Half as many again as there are cores: a third of what the tests take is waiting, for programs and for deadlines.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/cluster/**", "test/nix/**", "test/examples/**"],
          // A worker loads Effect and the sources once and not for each file, and what V8 has learnt of them stays.
          isolate: false,
          unstubEnvs: true,
          // Many tests start a process or two, which on a machine that is ten times busier takes as many times longer.
          testTimeout: 120_000
        }
      },
      {
        test: {
          name: "cluster",
          include: ["test/cluster/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 1_800_000,
          fileParallelism: false
        }
      },
      {
        test: {
          name: "nix",
          include: ["test/nix/**/*.test.ts"],
          globalSetup: "test/nix/setup.ts",
          // Nix builds all that a test asks for; on a machine that is busy with other things that takes many minutes.
          testTimeout: 1_800_000,
          hookTimeout: 300_000,
          fileParallelism: false
        }
      }
    ]
  }
})
