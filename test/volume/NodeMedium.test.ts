import { spawnSync } from "node:child_process"
import { expect, it } from "@effect/vitest"
import { Effect, Logger, Option } from "effect"
import { type Folder, type Spot, withFolder, withSpot } from "../../src/volume/NodeFolder.ts"
import { makeTmpfsMedium } from "../../src/volume/NodeMedium.ts"
import { VolumeError } from "../../src/volume/VolumeFS.ts"
import { describeWhere } from "../kit/needs.ts"
import { canMount, sceneIn, temporaryFolder } from "./NodeScene.ts"

/**
 * A mounter of another kernel: `refuse` answers for the options of each mount, and where it says nothing the mount is
 * made.
 */
const mounterThat = (refuse: (options: ReadonlyArray<string>) => string | undefined) => {
  const asked: Array<boolean> = []
  const mountTmpfs = (spot: Spot, folder: Folder, options: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      asked.push(options.includes("noswap"))
      const detail = refuse(options)
      if (detail !== undefined) {
        return Effect.fail(new VolumeError({ reason: "Io", action: spot.action, path: spot.target, detail }))
      }
      const known = options.filter((option) => option !== "noswap").join()
      spawnSync("mount", ["-c", "-t", "tmpfs", "certlet", "-o", known, `/proc/${process.pid}/fd/${folder.fd}`])
      return Effect.void
    })
  return {
    asked,
    mounter: { mountTmpfs, unmount: (spot: Spot) => Effect.sync(() => void spawnSync("umount", [spot.target])) }
  }
}

const badOption = "mount: /x: wrong fs type, bad option, bad superblock on certlet, or other error."

describeWhere(canMount, "needs the right to mount")("a tmpfs without swap", () => {
  /** Mounts and unmounts a volume each time, and says which succeeded and whether `noswap` was asked for. */
  const mounts = Effect.fnUntraced(function* (
    refusals: ReadonlyArray<(options: ReadonlyArray<string>) => string | undefined>
  ) {
    let refuse: (typeof refusals)[number] = () => undefined
    const { asked, mounter } = mounterThat((options) => refuse(options))
    const medium = makeTmpfsMedium(mounter, 65_536)
    const scene = sceneIn(yield* temporaryFolder, "tmpfs")
    const succeeded: Array<boolean> = []
    for (const next of refusals) {
      refuse = next
      const target = yield* scene.target
      spawnSync("mkdir", [target])
      const place = { target, mountFlags: [], group: Option.none() }
      const use = (spot: Spot) =>
        withFolder(spot, (folder) => medium.occupy(spot, Option.getOrThrow(folder), place)).pipe(
          Effect.ensuring(Effect.orDie(medium.vacate(spot)))
        )
      const exit = yield* Effect.exit(withSpot("mount", target, use, Effect.die("no parent")))
      succeeded.push(exit._tag === "Success")
    }
    return { asked, succeeded }
  })
  const heard = (refusals: Parameters<typeof mounts>[0]) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make((entry) => void lines.push(String(entry.message)))
      const outcome = yield* Effect.provide(mounts(refusals), Logger.layer([logger]))
      return { ...outcome, lines }
    })

  const works = () => undefined
  const killed = () => "/usr/bin/mount ended with SIGKILL"
  const knowsNoSwap = (options: ReadonlyArray<string>) => (options.includes("noswap") ? badOption : undefined)

  it.live("is asked for again after a mount that failed for another reason, and nothing untrue is logged", () =>
    Effect.gen(function* () {
      expect(yield* heard([killed, works, killed, works])).toEqual({
        asked: [true, true, true, true],
        succeeded: [false, true, false, true],
        lines: []
      })
    })
  )

  it.live("is not asked for again where the kernel does not know it, and that is logged once", () =>
    Effect.gen(function* () {
      const { asked, lines, succeeded } = yield* heard([knowsNoSwap, works, works])
      expect(asked).toEqual([true, false, false, false])
      expect(succeeded).toEqual([true, true, true])
      expect(lines.filter((line) => line.includes("swap")).length).toBe(1)
    })
  )

  it.live("stays asked for where another option was the unknown one, and once it was granted", () =>
    Effect.gen(function* () {
      const { asked, lines } = yield* heard([() => badOption, works, knowsNoSwap, works])
      expect(asked).toEqual([true, false, true, true, true])
      expect(lines).toEqual([])
    })
  )
})
