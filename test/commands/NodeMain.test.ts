/** How the process ends where the shell's pipe does. */
import { spawn } from "node:child_process"
import { text } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { bundle } from "../kit/bundle.ts"

describe("a command whose reader has gone", () => {
  it.each([[["--help"]], [["simulate", "1", "--seeds", "2", "--jobs", "1"]]])(
    "ends as by SIGPIPE, and in silence: %j",
    async (args) => {
      const child = spawn(process.execPath, [await bundle(), ...args], { stdio: ["ignore", "pipe", "pipe"] })
      child.stdout.destroy()
      const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
      expect(await text(child.stderr)).toBe("")
      expect(await ended).toBe(141)
    }
  )
})
