// Proves the promises of Daemon with the smallest of programs: that it never outlives the process that started it,
// not even when that process is killed and can do nothing about it; that an error carries the end of the program's
// log; that a frozen program can be ended. Everything else that starts programs in the cluster tier relies on these.
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { until } from "../kit/until.ts"
import { Daemon } from "./Daemon.ts"

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "certlet-daemon-"))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

// For a moment the process is still setpriv; what matters happens to the program itself.
const becomesSleep = (pid: number) =>
  until("the daemon to run", { deadlineMilliseconds: 10_000 }, async () =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep") ? true : undefined
  )

describe("a daemon", { timeout: 30_000 }, () => {
  it("dies with the process that started it, even when that is killed", async () => {
    const options = { name: "sleeper", command: "sleep", args: ["600"], logFile: join(folder, "orphan.log") }
    const script = `import { Daemon } from ${JSON.stringify(join(import.meta.dirname, "Daemon.ts"))}
      console.log(Daemon.start(${JSON.stringify(options)}).pid)
      setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", 2] })
    const pid = await new Promise<number>((resolve) => parent.stdout?.once("data", (text) => resolve(Number(text))))
    await becomesSleep(pid)
    parent.kill("SIGKILL")
    const isGone = async () => (existsSync(`/proc/${pid}`) ? undefined : true)
    await until("the daemon to be gone", { deadlineMilliseconds: 10_000 }, isGone)
  })

  it("that ends too early says so at once, with the end of its log", async () => {
    const args = ["-c", "echo no room; exit 3"]
    const daemon = Daemon.start({ name: "fragile", command: "sh", args, logFile: join(folder, "fragile.log") })
    const never = async () => undefined
    await expect(daemon.until("the impossible", 20_000, never)).rejects.toThrow(/fragile .*ended with 3;[\s\S]*no room/)
  })

  it("can be ended while it is frozen", async () => {
    const daemon = Daemon.start({
      name: "frozen",
      command: "sleep",
      args: ["600"],
      logFile: join(folder, "frozen.log")
    })
    await becomesSleep(daemon.pid)
    daemon.signal("SIGSTOP")
    await daemon.stop()
    expect(daemon.running).toBe(false)
    expect(existsSync(`/proc/${daemon.pid}`)).toBe(false)
  })
})
