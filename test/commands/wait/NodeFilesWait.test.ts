import * as fs from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { type FilesOrder, waitForFiles } from "../../../src/commands/wait/NodeFilesWait.ts"
import { temporaryFolder } from "../../volume/NodeScene.ts"

const order = (folder: string, change: Partial<FilesOrder> = {}): FilesOrder => ({
  folder,
  files: [],
  timeout: Duration.minutes(5),
  ...change
})

/** A volume as a swap leaves it. */
const fill = (folder: string, files: Readonly<Record<string, string>>) => {
  fs.mkdirSync(`${folder}/..stage`)
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(`${folder}/..stage/${name}`, text, { mode: 0o440 })
    fs.symlinkSync(`..data/${name}`, `${folder}/${name}`)
  }
  fs.symlinkSync("..stage", `${folder}/..data`)
}

const files = { "ca.crt": "", "tls.crt": "cert", "tls.key": "key" }
/** Root may read everything, so it is somebody else for a moment. */
const asStranger = <A>(look: () => A): A => {
  if (process.geteuid?.() !== 0) return look()
  process.seteuid?.(65_534)
  try {
    return look()
  } finally {
    process.seteuid?.(0)
  }
}

const quiet = Effect.provide(Logger.layer([]))

describe("certlet wait", () => {
  it.effect("ends at once where a whole set is there", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      fill(folder, files)
      expect(yield* waitForFiles(order(folder))).toEqual(["ca.crt", "tls.crt", "tls.key"])
      expect(yield* waitForFiles(order(folder, { files: ["tls.key"] }))).toContain("tls.key")
    }).pipe(quiet)
  )

  it.effect("waits while there is none, also where a set is half written", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      fs.mkdirSync(`${folder}/..half`)
      fs.writeFileSync(`${folder}/..half/tls.key`, "key")
      fs.symlinkSync("..data/tls.key", `${folder}/tls.key`)
      const waiting = yield* Effect.forkChild(waitForFiles(order(folder)))
      yield* TestClock.adjust("4 minutes")
      expect(waiting.pollUnsafe()).toBeUndefined()
      fs.symlinkSync("..half", `${folder}/..data`)
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(waiting)).toEqual(["tls.key"])
    }).pipe(quiet)
  )

  it.effect("gives up at its deadline, and says where to look", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const waiting = yield* Effect.forkChild(Effect.flip(waitForFiles(order(folder))))
      yield* TestClock.adjust("5 minutes")
      expect((yield* Fiber.join(waiting)).message).toMatch(/holds no files after 5m; "kubectl describe pod"/)
    }).pipe(quiet)
  )

  it.effect("gives up at once where no patience helps", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const absent = yield* Effect.flip(waitForFiles(order(`${folder}/none`)))
      expect(absent.message).toContain("is not there; mount the volume")
      fs.writeFileSync(`${folder}/file`, "")
      expect((yield* Effect.flip(waitForFiles(order(`${folder}/file`)))).message).toContain("is no folder")
      fill(folder, files)
      fs.chmodSync(`${folder}/..stage`, 0o000)
      fs.chmodSync(folder, 0o755)
      const denied = asStranger(() => Effect.runSyncExit(quiet(waitForFiles(order(folder)))))
      expect(String(denied)).toContain("set fsGroup in the pod's securityContext")
      fs.chmodSync(`${folder}/..stage`, 0o755)
      // Not even for its owner, whom nothing makes a stranger where the tests run without root.
      fs.chmodSync(folder, 0o000)
      const outside = asStranger(() => Effect.runSyncExit(quiet(waitForFiles(order(folder)))))
      fs.chmodSync(folder, 0o700)
      expect(String(outside)).toContain(`may not read what is in ${folder}; set fsGroup in the pod's securityContext`)
      const misspelt = yield* Effect.flip(waitForFiles(order(folder, { files: ["tls.pem"] })))
      expect(misspelt.message).toContain("holds ca.crt, tls.crt, tls.key and no tls.pem")
    }).pipe(quiet)
  )
})
