import { defineConfig } from "vitest/config"

// Two tiers of need: what runs on Node alone, and what runs the real control plane (minutes to build it once).
export default defineConfig({
  test: {
    // What a passing test logs is nobody's business; a failing one shows all of it.
    silent: "passed-only",
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/cluster/**", "test/nix/**", "test/examples/**"],
          testTimeout: 30_000
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
      }
    ]
  }
})
