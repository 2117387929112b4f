/**
 * Before and after all tests of the flake: one Nix with one store, so that nothing is built twice but what a test
 * builds twice.
 */
import type { TestProject } from "vitest/node"
import { Nix } from "./Nix.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of the Nix that all tests share. */
    readonly nix: string
  }
}

/** Starts Nix; what it resolves with ends it. */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  const nix = await Nix.start()
  project.provide("nix", nix.folder)
  return () => nix.stop()
}
