import { spawnSync } from "node:child_process"
import nodeFs, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Redacted, Result } from "effect"
import fc from "fast-check"
import { VolumeScene } from "../../src/testing/contract/VolumeScene.ts"
import { parseMounts } from "../../src/volume/NodeMounts.ts"
import { makeRunner } from "../../src/volume/NodeRunner.ts"
import * as NodeVolumeFS from "../../src/volume/NodeVolumeFS.ts"
import { type VolumeError, VolumeFS, type VolumePlace } from "../../src/volume/VolumeFS.ts"
import { describeWhere, named } from "../kit/needs.ts"
import {
  canMount,
  mountForeign,
  mountInherited,
  mountsBelow,
  sceneLayer,
  settings,
  sizeLimit,
  temporaryFolder,
  treeOf,
  type VolumeMedium
} from "./NodeScene.ts"

const quiet = Logger.layer([])

/** Another certlet process on the same node: it remembers nothing. */
const newProcess = (medium: VolumeMedium) =>
  Layer.fresh(NodeVolumeFS.layer).pipe(Layer.provide(settings({ volumeMedium: medium })))

const on =
  (medium: VolumeMedium) =>
  <A, E>(program: Effect.Effect<A, E, VolumeFS | VolumeScene>) =>
    Effect.provide(program, Layer.mergeAll(sceneLayer(medium), newProcess(medium)).pipe(Layer.provideMerge(quiet)))

const placeOf = (target: string, change: Partial<VolumePlace> = {}): VolumePlace => ({
  target,
  mountFlags: [],
  group: Option.none(),
  ...change
})

const files = (texts: Readonly<Record<string, string>>, mode = 0o440) =>
  Object.entries(texts).map(([name, text]) => ({ name, content: Redacted.make(new TextEncoder().encode(text)), mode }))

const pair = files({ "tls.key": "key", "tls.crt": "certificate" })

const reasonOf = <A, R>(effect: Effect.Effect<A, VolumeError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const mountOf = (target: string) =>
  fs
    .readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .findLast((line) => line.split(" ")[4] === target) ?? ""

const freshVolume = Effect.gen(function* () {
  const volumes = yield* VolumeFS
  const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
  yield* volumes.mount(placeOf(target))
  yield* volumes.write(placeOf(target), pair)
  return { volumes, target }
})

describe.each<VolumeMedium>(canMount ? ["tmpfs", "directory"] : ["directory"])(
  "a volume in the medium %s",
  (medium) => {
    it.live("shows its files as a Secret's volume does", () =>
      Effect.gen(function* () {
        const { target, volumes } = yield* freshVolume
        const stage = fs.readlinkSync(`${target}/..data`)
        expect(stage).toMatch(/^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\w{6}-[0-9a-f]{16}$/)
        expect(fs.readlinkSync(`${target}/tls.key`)).toBe("..data/tls.key")
        expect(fs.readFileSync(`${target}/tls.key`, "utf8")).toBe("key")
        expect(fs.statSync(`${target}/tls.key`).mode & 0o7777).toBe(0o440)
        expect(fs.statSync(`${target}/${stage}`).mode & 0o7777).toBe(0o550)
        expect(fs.statSync(target).mode & 0o7777).toBe(medium === "tmpfs" ? 0o550 : 0o750)
        yield* volumes.unmount(target)
      }).pipe(on(medium))
    )

    it.live.skipIf(!canMount)(named(canMount, "needs the right to mount", "gives folders and files to the group"), () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
        const place = placeOf(target, { group: Option.some(4_000_000_000) })
        yield* volumes.mount(place)
        yield* volumes.write(place, files({ "tls.key": "key" }, 0o640))
        for (const path of [target, `${target}/..data/`, `${target}/tls.key`]) {
          expect(fs.statSync(path)).toMatchObject({ uid: 0, gid: 4_000_000_000 })
        }
        expect(fs.statSync(`${target}/tls.key`).mode & 0o7777).toBe(0o640)
        yield* volumes.unmount(target)
      }).pipe(on(medium))
    )

    it.live("sweeps away what a crash has left", () =>
      Effect.gen(function* () {
        const { target, volumes } = yield* freshVolume
        const well = treeOf(target).length
        fs.chmodSync(target, 0o750)
        fs.mkdirSync(`${target}/..2026_01_01_00_00_00.torn`)
        fs.writeFileSync(`${target}/..2026_01_01_00_00_00.torn/tls.key`, "half a k")
        fs.symlinkSync("..2026_01_01_00_00_00.torn", `${target}/..data_tmp`)
        expect(yield* volumes.inspect(target)).toBe("filled")
        yield* volumes.write(placeOf(target), pair)
        expect(treeOf(target).length).toBe(well)
        expect(treeOf(target).join()).not.toContain("torn")
        yield* volumes.unmount(target)
      }).pipe(on(medium))
    )

    it.live("is as it was after a swap that failed at its last step", () =>
      Effect.gen(function* () {
        const { target, volumes } = yield* freshVolume
        const before = treeOf(target)
        const rename = fs.renameSync
        nodeFs.renameSync = (from, to) => {
          if (String(to).endsWith("/..data")) throw Object.assign(new Error("EIO: i/o error, rename"), { code: "EIO" })
          rename(from, to)
        }
        syncBuiltinESMExports()
        const failed = yield* reasonOf(volumes.write(placeOf(target), [...pair, ...files({ "ca.crt": "CA" })])).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              nodeFs.renameSync = rename
              syncBuiltinESMExports()
            })
          )
        )
        expect(failed).toBe("Io")
        expect(treeOf(target)).toEqual(before)
        yield* volumes.unmount(target)
      }).pipe(on(medium))
    )

    it.live("is known to the next process", () =>
      Effect.gen(function* () {
        const { target } = yield* freshVolume
        yield* Effect.gen(function* () {
          const volumes = yield* VolumeFS
          expect(yield* volumes.inspect(target)).toBe("filled")
          expect(yield* volumes.mount(placeOf(target))).toBe(false)
          yield* volumes.write(placeOf(target), files({ "tls.key": "next" }))
          expect(fs.readdirSync(target).filter((name) => !name.startsWith(".."))).toEqual(["tls.key"])
          yield* volumes.unmount(target)
          expect(fs.existsSync(target)).toBe(false)
        }).pipe(Effect.provide(newProcess(medium)))
      }).pipe(on(medium))
    )

    it.live("may have any name", () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const parent = yield* Effect.map(
          Effect.flatMap(VolumeScene, (scene) => scene.target),
          (path) => path.slice(0, -6)
        )
        for (const name of ["with space", 'quo"te', "back\\slash\\040", "$(id);`id`", "-o remount", "ä☃", "#"]) {
          const place = placeOf(`${parent}/${name}`)
          expect(yield* volumes.mount(place)).toBe(true)
          yield* volumes.write(place, pair)
          // The next process finds it in the mount table, where such names are escaped.
          const condition = yield* Effect.flatMap(VolumeFS, (volumes) => volumes.inspect(place.target)).pipe(
            Effect.provide(newProcess(medium))
          )
          expect(condition).toBe("filled")
          yield* volumes.unmount(place.target)
          expect(fs.existsSync(place.target)).toBe(false)
        }
      }).pipe(on(medium))
    )

    it.live("is not gone where the folder of pods shows nothing: certlet's own mount is missing", () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const pods = `${yield* temporaryFolder}/kubelet/pods`
        const there = `${pods}/uid/volumes/kubernetes.io~csi/tls/mount`
        expect(yield* volumes.inspect(there)).toBe("absent")
        fs.mkdirSync(pods, { recursive: true })
        expect(yield* volumes.inspect(there)).toBe("absent")
        fs.mkdirSync(`${pods}/another`)
        expect(yield* volumes.inspect(there)).toBe("gone")
      }).pipe(Effect.scoped, on(medium))
    )

    it.live("that cannot be made leaves no folder behind", () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
        // No group has such a number.
        yield* Effect.flip(volumes.mount(placeOf(target, { group: Option.some(2 ** 40) })))
        expect(fs.existsSync(target)).toBe(false)
      }).pipe(on(medium))
    )

    it.live("takes an empty folder that is already there", () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
        fs.mkdirSync(target)
        expect(yield* volumes.inspect(target)).toBe("absent")
        expect(yield* volumes.mount(placeOf(target))).toBe(true)
        yield* volumes.unmount(target)
        fs.mkdirSync(target)
        yield* volumes.unmount(target)
        expect(fs.existsSync(target)).toBe(false)
      }).pipe(on(medium))
    )

    it.live("says so where its parent is missing, and is gone there if the folder of pods is to be seen", () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const target = yield* Effect.map(
          Effect.flatMap(VolumeScene, (scene) => scene.target),
          (path) => `${path}/not/there`
        )
        const error = yield* Effect.flip(volumes.mount(placeOf(target)))
        expect(error.message).toContain("parent folder does not exist")
        expect(yield* volumes.inspect(target)).toBe("gone")
        for (const nowhere of ["/nowhere/pods/1/mount", "/nowhere/mount"]) {
          expect(yield* volumes.inspect(nowhere)).toBe("absent")
        }
        expect(yield* reasonOf(volumes.write(placeOf(target), pair))).toBe("Foreign")
        expect(Option.isNone(yield* volumes.read(target))).toBe(true)
        yield* volumes.unmount(target)
      }).pipe(on(medium))
    )

    it.live("may be reached through a link to the kubelet's root, not through one among the pods' folders", () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
        const [root = "", below = ""] = target.split("/pods/")
        fs.mkdirSync(`${root}/links`)
        fs.symlinkSync(root, `${root}/links/kubelet`)
        const linked = `${root}/links/kubelet/pods/${below}`
        expect(yield* volumes.mount(placeOf(linked))).toBe(true)
        yield* volumes.write(placeOf(linked), pair)
        expect(yield* volumes.inspect(target)).toBe("filled")
        yield* volumes.unmount(linked)
        expect(fs.existsSync(target)).toBe(false)

        fs.chmodSync(`${root}/links`, 0o777)
        expect(yield* reasonOf(volumes.mount(placeOf(linked)))).toBe("Hostile")
        fs.symlinkSync(`${root}/pods/1`, `${root}/pods/2`)
        expect(yield* reasonOf(volumes.mount(placeOf(target.replace("/pods/1/", "/pods/2/"))))).toBe("Hostile")
      }).pipe(on(medium))
    )
  }
)

describe("the folder of a target, swapped for a link and back in a loop", () => {
  it.live(
    "never leads a volume elsewhere",
    () =>
      Effect.gen(function* () {
        const volumes = yield* VolumeFS
        const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
        const parent = path.dirname(target)
        const ended = new Int32Array(new SharedArrayBuffer(8))
        const outside = `${target.split("/pods/")[0]}/outside`
        fs.mkdirSync(outside)
        const swapper = new Worker(
          `const fs = require("node:fs")
         const { parent, outside, ended } = require("node:worker_threads").workerData
         while (Atomics.load(ended, 0) === 0) {
           fs.renameSync(parent, parent + "-aside")
           fs.symlinkSync(outside, parent)
           fs.rmSync(parent)
           fs.renameSync(parent + "-aside", parent)
           Atomics.add(ended, 1, 1)
         }`,
          { eval: true, workerData: { parent, outside, ended } }
        )
        const seen = { made: 0, refused: 0 }
        yield* Effect.gen(function* () {
          while (Atomics.load(ended, 1) === 0) yield* Effect.sleep("1 millis")
          for (let i = 0; i < 3000; i++) {
            const exit = yield* Effect.exit(volumes.mount(placeOf(target)))
            expect(fs.readdirSync(outside)).toEqual([])
            seen[exit._tag === "Success" ? "made" : "refused"]++
            yield* Effect.ignore(volumes.unmount(target))
          }
        }).pipe(
          Effect.ensuring(
            Effect.promise(() => {
              Atomics.store(ended, 0, 1)
              return new Promise((resolve) => swapper.on("exit", resolve))
            })
          )
        )
        expect(fs.readdirSync(outside)).toEqual([])
        expect(seen.made).toBeGreaterThan(0)
        expect(seen.refused).toBeGreaterThan(0)
      }).pipe(on("directory")),
    120_000
  )
})

describeWhere(canMount, "needs the right to mount")("a volume that is somebody's", () => {
  const whoseAt = (path: string) => {
    const { gid, mode, uid } = fs.statSync(path)
    return `${uid}:${gid} ${(mode & 0o777).toString(8)}`
  }

  it.live.each<[VolumeMedium, string]>([
    ["tmpfs", "555"],
    ["directory", "755"]
  ])("has folders and files of that user, open to all where the files are: %s", ([medium, root]) =>
    Effect.gen(function* () {
      const volumes = yield* VolumeFS
      const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
      const place = placeOf(target, { group: Option.some(1234), owner: Option.some(4321), openToAll: true })
      yield* volumes.mount(place)
      yield* volumes.write(place, files({ "tls.key": "key" }, 0o444))
      expect(whoseAt(target)).toBe(`4321:1234 ${root}`)
      expect(whoseAt(`${target}/..data`)).toBe("4321:1234 555")
      expect(whoseAt(`${target}/tls.key`)).toBe("4321:1234 444")
      const read = (uid: number) =>
        spawnSync("setpriv", [`--reuid=${uid}`, "--regid=5", "--clear-groups", "cat", `${target}/tls.key`], {
          encoding: "utf8"
        }).stdout
      // The path to the target is the kubelet's; here it is a temporary folder of root's.
      for (let up = path.dirname(target); up !== os.tmpdir() && up !== "/"; up = path.dirname(up))
        fs.chmodSync(up, 0o755)
      expect([read(4321), read(7)]).toEqual(["key", "key"])
      yield* volumes.write(placeOf(target, { owner: Option.some(4321) }), files({ "tls.key": "new" }, 0o400))
      expect(whoseAt(`${target}/..data`)).toBe("4321:0 550")
      expect([read(4321), read(7)]).toEqual(["new", ""])
      yield* volumes.unmount(target)
    }).pipe(on(medium))
  )
})

describeWhere(canMount, "needs the right to mount")("a volume's mount", () => {
  it.live("is a tmpfs of certlet's with a limit, on which nothing runs", () =>
    Effect.gen(function* () {
      const volumes = yield* VolumeFS
      const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
      yield* volumes.mount(placeOf(target, { mountFlags: ["ro", "noatime"], group: Option.some(1234) }))
      const line = mountOf(target)
      expect(line).toMatch(/ rw,nosuid,nodev,noexec,noatime /)
      expect(line).toContain(` - tmpfs certlet rw,size=${sizeLimit / 1024}k,mode=550,gid=1234`)
      yield* volumes.unmount(target)
    }).pipe(on("tmpfs"))
  )

  it.live("of another driver is let go without a change to that driver's files, ours beneath it stays", () =>
    Effect.gen(function* () {
      const { target, volumes } = yield* freshVolume
      const peer = `${target.split("/pods/")[0]}/peer`
      mountInherited(target, peer)
      const left = treeOf(peer)
      expect(mountOf(target)).toMatch(/ \/volume\/data .* ro,/)
      expect(yield* volumes.inspect(target)).toBe("inherited")
      expect(yield* reasonOf(volumes.write(placeOf(target), pair))).toBe("Foreign")
      expect(treeOf(target).join()).not.toContain("tls.key")
      yield* volumes.release(target)
      expect(treeOf(peer)).toEqual(left)
      expect(yield* volumes.inspect(target)).toBe("filled")
      expect(fs.readFileSync(`${target}/tls.key`, "utf8")).toBe("key")
      yield* volumes.unmount(target)
      expect(fs.existsSync(target)).toBe(false)
      spawnSync("umount", [peer])
    }).pipe(on("tmpfs"))
  )

  it.live("of another driver that never came to writing is known and goes with its pod", () =>
    Effect.gen(function* () {
      const volumes = yield* VolumeFS
      const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
      const peer = `${target.split("/pods/")[0]}/peer`
      mountForeign(peer)
      fs.mkdirSync(`${peer}/csi-1/data`, { recursive: true })
      fs.mkdirSync(target)
      spawnSync("mount", ["--bind", `${peer}/csi-1/data`, target])
      expect(yield* volumes.inspect(target)).toBe("inherited")
      yield* volumes.release(target)
      yield* volumes.unmount(target)
      expect(fs.existsSync(target)).toBe(false)
      expect(fs.existsSync(`${peer}/csi-1/data`)).toBe(true)
      spawnSync("umount", [peer])
    }).pipe(on("tmpfs"))
  )

  it.live("that is not certlet's is not touched", () =>
    Effect.gen(function* () {
      const volumes = yield* VolumeFS
      const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
      mountForeign(target)
      for (const call of [
        volumes.mount(placeOf(target)),
        volumes.write(placeOf(target), pair),
        volumes.unmount(target)
      ]) {
        expect(yield* reasonOf(Effect.asVoid(call))).toBe("Foreign")
      }
      yield* volumes.release(target)
      expect(yield* volumes.inspect(target)).toBe("foreign")
      expect(mountOf(target)).toContain("somebody")
      expect(fs.readdirSync(target)).toEqual([])
      spawnSync("umount", [target])
    }).pipe(on("tmpfs"))
  )

  it.live("that somebody lays over certlet's gets no key", () =>
    Effect.gen(function* () {
      const { target, volumes } = yield* freshVolume
      mountForeign(target)
      expect(yield* volumes.inspect(target)).toBe("foreign")
      expect(yield* reasonOf(volumes.write(placeOf(target), pair))).toBe("Foreign")
      expect(yield* reasonOf(volumes.unmount(target))).toBe("Foreign")
      expect(fs.readdirSync(target)).toEqual([])
      spawnSync("umount", [target])
      expect(yield* volumes.inspect(target)).toBe("filled")
      yield* volumes.unmount(target)
    }).pipe(on("tmpfs"))
  )

  it.live("that replaces certlet's is told from it, also by the device number of the one before", () =>
    Effect.gen(function* () {
      const { target, volumes } = yield* freshVolume
      const device = fs.statSync(target).dev
      // The kernel gives the lowest number that is free: another test may have taken it for its own mount meanwhile.
      for (let tries = 0; tries === 0 || (tries < 500 && fs.statSync(target).dev !== device); tries++) {
        spawnSync("umount", [target])
        mountForeign(target)
      }
      expect(fs.statSync(target).dev).toBe(device)
      expect(yield* volumes.inspect(target)).toBe("foreign")
      expect(yield* reasonOf(volumes.write(placeOf(target), pair))).toBe("Foreign")
      spawnSync("umount", [target])
    }).pipe(on("tmpfs"))
  )

  it.live("goes with all that lie under it", () =>
    Effect.gen(function* () {
      const { target, volumes } = yield* freshVolume
      mountForeign(target, "certlet")
      mountForeign(target, "certlet")
      yield* volumes.unmount(target)
      expect(fs.existsSync(target)).toBe(false)
    }).pipe(on("tmpfs"))
  )

  it.live("goes while somebody uses it, and its files go first", () =>
    Effect.gen(function* () {
      const { target, volumes } = yield* freshVolume
      const folder = fs.openSync(target, "r")
      yield* volumes.unmount(target)
      expect(fs.existsSync(target)).toBe(false)
      expect(fs.readdirSync(`/proc/self/fd/${folder}`)).toEqual([])
      fs.closeSync(folder)
    }).pipe(on("tmpfs"))
  )

  it.live("goes also where certlet used plain folders before", () =>
    Effect.gen(function* () {
      const { target } = yield* freshVolume
      yield* Effect.flatMap(VolumeFS, (volumes) => volumes.unmount(target)).pipe(Effect.provide(newProcess("tmpfs")))
      expect(fs.existsSync(target)).toBe(false)
    }).pipe(on("directory"))
  )
})

describeWhere(canMount, "needs the right to mount")("the programs that mount and unmount", () => {
  const helpers = () => spawnSync("pgrep", ["-P", `${process.pid}`, "xargs"], { encoding: "utf8" }).stdout.split("\n")

  it.live("are started by helpers, which end with the service", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const { target, volumes } = yield* freshVolume
        yield* volumes.unmount(target)
        expect(helpers().filter(Boolean).length).toBe(2)
      }).pipe(on("tmpfs"))
      expect(helpers().filter(Boolean)).toEqual([])
    })
  )

  it.live("do their work also when the helpers are killed", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 5; i++) {
        const { target, volumes } = yield* freshVolume
        for (const id of helpers().filter(Boolean)) process.kill(Number(id), "SIGKILL")
        yield* volumes.unmount(target)
        expect(mountsBelow(target.slice(0, -6))).toEqual([])
      }
    }).pipe(on("tmpfs"))
  )

  const umountTogether = { program: "umount", first: ["-i", "-n"], count: 1, together: 16 }
  const spotOf = (target: string) => ({ action: "unmount", target, path: target })

  it.live("take many targets at once, and tell a failure to its own target only", () =>
    Effect.gen(function* () {
      const scene = yield* VolumeScene
      const umount = yield* makeRunner(umountTogether)
      const targets = yield* Effect.replicateEffect(scene.target, 40)
      const [busy = "", missing = "", ...well] = targets
      for (const target of targets) fs.mkdirSync(target)
      for (const target of [busy, ...well]) mountForeign(target)
      const handle = fs.openSync(busy, "r")
      const outcomes = yield* Effect.forEach(targets, (target) => Effect.result(umount.run(spotOf(target), [target])), {
        concurrency: "unbounded"
      })
      fs.closeSync(handle)
      const failures = outcomes.map((outcome) => Option.getOrUndefined(Result.getFailure(outcome)))
      expect(failures[0]).toMatchObject({ reason: "Busy", path: busy })
      expect(failures[1]).toMatchObject({ reason: "Io", path: missing, detail: expect.stringContaining("not mounted") })
      expect(failures.slice(2).filter((failure) => failure !== undefined)).toEqual([])
      expect(targets.flatMap((target) => mountsBelow(path.dirname(target)))).toEqual([busy])
      yield* umount.run(spotOf(busy), [busy])
    }).pipe(Effect.scoped, on("tmpfs"))
  )

  it.live("start once for all targets that wait", () =>
    Effect.gen(function* () {
      const scene = yield* VolumeScene
      const log = `${path.dirname(yield* scene.target)}/runs`
      const counted = `n=0; for i; do [ $i = -n ] || n=$((n+1)); done; echo $n >> ${log}; umount -v "$@"`
      const umount = yield* makeRunner({ ...umountTogether, program: "sh", first: ["-c", counted, "sh"] })
      const targets = yield* Effect.replicateEffect(scene.target, 33)
      for (const target of targets) mountForeign(target)
      yield* Effect.forEach(targets, (target) => umount.run(spotOf(target), [target]), { concurrency: "unbounded" })
      // The first goes alone, because nobody waits yet.
      expect(fs.readFileSync(log, "utf8")).toBe("1\n16\n16\n")
    }).pipe(Effect.scoped, on("tmpfs"))
  )

  it.live("unmount once where two ask for the same target, and the second sees what the first has left", () =>
    Effect.gen(function* () {
      const umount = yield* makeRunner(umountTogether)
      const target = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
      const other = yield* Effect.flatMap(VolumeScene, (scene) => scene.target)
      for (const one of [other, target, target]) mountForeign(one)
      const run = (target: string) => Effect.exit(umount.run(spotOf(target), [target]))
      const exits = yield* Effect.forEach([other, target, target, target], run, { concurrency: "unbounded" })
      expect(exits.map(({ _tag }) => _tag)).toEqual(["Success", "Success", "Success", "Failure"])
    }).pipe(Effect.scoped, on("tmpfs"))
  )

  it.live("say why they fail, and go on", () =>
    Effect.gen(function* () {
      const scene = yield* VolumeScene
      const umount = yield* makeRunner(umountTogether)
      for (let i = 0; i < 3; i++) {
        const target = yield* scene.target
        mountForeign(target)
        yield* umount.run(spotOf(target), [target])
        const error = yield* Effect.flip(umount.run(spotOf(target), [target]))
        expect(error).toMatchObject({ reason: "Io", detail: expect.stringContaining("not mounted") })
        mountForeign(target)
        const handle = fs.openSync(target, "r")
        expect(yield* reasonOf(umount.run(spotOf(target), [target]))).toBe("Busy")
        fs.closeSync(handle)
        yield* umount.run(spotOf(target), [target])
      }
      const nothing = yield* makeRunner({ ...umountTogether, program: "no-such-program" })
      expect(yield* reasonOf(nothing.run(spotOf("/x"), ["/x"]))).toBe("NotPermitted")
    }).pipe(Effect.scoped, on("tmpfs"))
  )
})

/** What can happen to the volumes of a node, by target. */
const step = fc.record({
  target: fc.nat(2),
  what: fc.oneof(
    { weight: 2, arbitrary: fc.constant({ call: "mount" } as const) },
    { weight: 1, arbitrary: fc.constant({ call: "unmount" } as const) },
    {
      weight: 4,
      arbitrary: fc.record({
        call: fc.constant("write" as const),
        texts: fc.dictionary(fc.constantFrom("a", "b", "c", "tls.key"), fc.string({ maxLength: 8 }), { maxKeys: 3 })
      })
    }
  )
})

describe("any sequence of calls", () => {
  it.live("agrees with a map", () =>
    Effect.gen(function* () {
      const volumes = yield* VolumeFS
      const scene = yield* VolumeScene
      const look = Effect.fnUntraced(function* (target: string) {
        const read = Option.map(yield* volumes.read(target), (content) =>
          Object.fromEntries(
            [...content].map(([name, bytes]) => [name, new TextDecoder().decode(Redacted.value(bytes))])
          )
        )
        return [yield* volumes.inspect(target), Option.getOrUndefined(read)] as const
      })
      const trial = Effect.fnUntraced(function* (
        steps: ReadonlyArray<typeof step extends fc.Arbitrary<infer A> ? A : never>
      ) {
        const targets = [yield* scene.target, yield* scene.target, yield* scene.target]
        const model = new Map<string, Readonly<Record<string, string>> | undefined>()
        for (const { target: index, what } of steps) {
          const target = targets[index] ?? ""
          const stood = model.has(target)
          if (what.call === "mount") {
            expect(yield* volumes.mount(placeOf(target))).toBe(!stood)
            if (!stood) model.set(target, undefined)
          } else if (what.call === "unmount") {
            yield* volumes.unmount(target)
            model.delete(target)
          } else {
            const outcome = yield* Effect.result(volumes.write(placeOf(target), files(what.texts)))
            expect(outcome._tag).toBe(stood ? "Success" : "Failure")
            if (stood) model.set(target, { ...what.texts })
          }
          for (const target of targets) {
            const texts = model.get(target)
            const condition = model.has(target) ? (texts ? "filled" : "empty") : "absent"
            expect(yield* look(target)).toEqual([condition, texts])
          }
        }
      })
      const property = fc.asyncProperty(fc.array(step, { maxLength: 15 }), (steps) => Effect.runPromise(trial(steps)))
      yield* Effect.promise(() => fc.assert(property, { numRuns: 60 }))
    }).pipe(on("directory"))
  )
})

describe("the mount table", () => {
  it("is read with its optional fields and its escapes", () => {
    const table = [
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
      "37 35 0:42 / /a\\040b\\134c\\011d rw - tmpfs certlet rw,size=64k",
      "38 35 0:43 / /nothing rw - tmpfs  rw",
      "torn"
    ].join("\n")
    expect(parseMounts(table)).toEqual([
      { target: "/mnt2", device: "98:0", root: "/mnt1", type: "ext3", source: "/dev/root" },
      { target: "/a b\\c\td", device: "0:42", root: "/", type: "tmpfs", source: "certlet" },
      { target: "/nothing", device: "0:43", root: "/", type: "tmpfs", source: "" }
    ])
  })
})
