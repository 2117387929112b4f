/**
 * The live file system's scene: a fresh temporary folder on this machine, the hand of a stranger in it, and the
 * settings that go with it. Mounts are only tried where they work; whatever a test leaves behind below its folder is
 * unmounted and removed when its scope closes, and a mount left behind is a failure.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { Context, Effect, Layer, Option } from "effect"
import { Settings } from "../../src/Settings.ts"
import { type Damage, VolumeScene } from "../../src/testing/contract/VolumeScene.ts"
import { parseMounts } from "../../src/volume/NodeMounts.ts"
import * as NodeVolumeFS from "../../src/volume/NodeVolumeFS.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { makeFolder } from "../kit/folders.ts"
import { settings as base } from "../kit/settings.ts"

export type VolumeMedium = Settings["Service"]["volumeMedium"]

/** The size of a volume in these tests, in bytes. */
export const sizeLimit = 65_536

export const settings = (change: Partial<Settings["Service"]>) =>
  Layer.succeed(Settings, { ...base, volumeMedium: "directory", volumeSizeLimit: sizeLimit, ...change })

export const mountsBelow = (folder: string): ReadonlyArray<string> =>
  fs.existsSync("/proc/self/mountinfo")
    ? parseMounts(fs.readFileSync("/proc/self/mountinfo", "utf8"))
        .map((mount) => mount.target)
        .filter((target) => target.startsWith(`${folder}/`))
    : []

const unmountAll = (folder: string): void => {
  for (const target of [...mountsBelow(folder)].reverse()) spawnSync("umount", [target])
}

/** Removes a folder, also where it holds folders without write permission and this is not root. */
const removeTree = (folder: string): void => {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    fs.chmodSync(`${folder}/${entry.name}`, 0o700)
    removeTree(`${folder}/${entry.name}`)
  }
  fs.rmSync(folder, { recursive: true })
}

const folderBelow = (parent: string) =>
  Effect.acquireRelease(
    Effect.sync(() => makeFolder("volume", parent)),
    (folder) =>
      Effect.sync(() => {
        const left = mountsBelow(folder)
        unmountAll(folder)
        removeTree(folder)
        if (left.length > 0) throw new Error(`mounts were left behind: ${left.join(", ")}`)
      })
  )

/** A fresh folder, without links in its path. */
export const temporaryFolder = folderBelow(os.tmpdir())

/** The first of these that is in memory, or is not. */
const placeThat = (inMemory: boolean): string | undefined =>
  ["/dev/shm", os.tmpdir(), "/var/tmp", import.meta.dirname].find(
    (folder) => fs.existsSync(folder) && [0x01021994, 0x858458f6].includes(fs.statfsSync(folder).type) === inMemory
  )

/** A fresh folder in memory, as a data root should be. */
export const memoryFolder = folderBelow(placeThat(true) ?? os.tmpdir())

/** A fresh folder on a disk. */
export const diskFolder = folderBelow(placeThat(false) ?? os.tmpdir())

/** Mounts a tmpfs that is not certlet's. */
export const mountForeign = (target: string, source = "somebody"): void => {
  fs.mkdirSync(target, { recursive: true })
  spawnSync("mount", ["-t", "tmpfs", source, target])
}

/**
 * Mounts a volume as cert-manager's csi-driver does: a folder of one tmpfs of all pods, filled like a Secret's volume
 * and bound to the target, read-only. The tmpfs itself is at `peer`, in a folder named as that driver names it.
 */
export const mountInherited = (target: string, peer: string): void => {
  fs.mkdirSync(peer, { recursive: true })
  if (!fs.existsSync(`${peer}/volume`)) spawnSync("mount", ["-t", "tmpfs", "tmpfs", peer])
  const data = `${peer}/volume/data`
  const set = `${data}/..2026_01_02_03_04_05.123456789`
  fs.mkdirSync(set, { recursive: true })
  fs.writeFileSync(`${set}/tls.crt`, "the other driver's")
  fs.symlinkSync("..2026_01_02_03_04_05.123456789", `${data}/..data`)
  fs.symlinkSync("..data/tls.crt", `${data}/tls.crt`)
  fs.mkdirSync(target, { recursive: true })
  spawnSync("mount", ["--bind", data, target])
  spawnSync("mount", ["-o", "remount,bind,ro", target])
}

/** False where this process may not mount: then the tmpfs medium cannot be tried. */
export const canMount: boolean = (() => {
  const folder = makeFolder("try")
  mountForeign(`${folder}/mount`)
  const works = mountsBelow(folder).length === 1
  unmountAll(folder)
  fs.rmSync(folder, { recursive: true })
  return works
})()

/** Everything at a path and below, one line each: kind, mode, owner, and content or destination. */
export const treeOf = (name: string): ReadonlyArray<string> => {
  const stat = fs.lstatSync(name, { throwIfNoEntry: false })
  if (stat === undefined) return []
  const attributes = `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid}`
  if (stat.isSymbolicLink()) return [`${attributes} -> ${fs.readlinkSync(name)}`]
  if (stat.isFile()) return [`${attributes} ${fs.readFileSync(name, "hex")}`]
  return [attributes, ...fs.readdirSync(name).flatMap((child) => treeOf(`${name}/${child}`))]
}

const plant = (name: string, obstacle: "file" | "link" | "folder"): void => {
  if (obstacle === "file") fs.writeFileSync(name, "somebody's")
  else if (obstacle === "link") {
    fs.mkdirSync(`${name}-elsewhere`)
    fs.symlinkSync(`${name}-elsewhere`, name)
  } else {
    fs.mkdirSync(name)
    fs.writeFileSync(`${name}/file`, "somebody's")
  }
}

const damage = (target: string, how: Damage): void => {
  const file = fs.realpathSync(`${target}/tls.key`)
  // A plain user cannot write to what is read-only, and a stranger with root's rights can.
  for (const name of [target, path.dirname(file), file]) fs.chmodSync(name, 0o700)
  if (how === "truncate") fs.truncateSync(file, 1)
  if (how === "change") fs.writeFileSync(file, fs.readFileSync(file, "utf8").replaceAll(/./g, "x"))
  if (how === "remove") fs.rmSync(file)
  const link = `${target}/${how.endsWith("data") ? "..data" : "tls.key"}`
  if (how.startsWith("unlink") || how.startsWith("redirect")) fs.rmSync(link)
  if (how.startsWith("redirect")) fs.symlinkSync(how.endsWith("data") ? "/tmp" : "/etc/hostname", link)
}

/** Reads without blocking, one file after the other, so that swaps happen in between. */
const readSlowly = (folder: string) =>
  Effect.promise(async () => {
    const texts = new Map<string, string>()
    for (const name of await fs.promises.readdir(folder).catch(() => [])) {
      const text = await fs.promises.readFile(`${folder}/${name}`, "utf8").catch(() => undefined)
      if (text !== undefined) texts.set(name, text)
    }
    return texts
  })

/** The scene in this folder. */
export const sceneIn = (folder: string, medium: VolumeMedium): VolumeScene["Service"] => {
  let count = 0
  return {
    target: Effect.sync(() => {
      const parent = `${folder}/pods/${++count}/volumes/kubernetes.io~csi/tls`
      fs.mkdirSync(parent, { recursive: true })
      return `${parent}/mount`
    }),
    plant: (name, obstacle) => Effect.sync(() => plant(name, obstacle)),
    tree: (name) => Effect.sync(() => treeOf(name).join("\n")),
    clean: (target) =>
      Effect.sync(() => {
        if (medium === "tmpfs") spawnSync("umount", [target])
        else {
          removeTree(target)
          fs.mkdirSync(target)
        }
      }),
    damage: (target, how) => Effect.sync(() => damage(target, how)),
    litter: (target) =>
      Effect.sync(() => {
        for (const name of ["..2026_01_02_03_04_05.aB3dE6", "..2099_01_02_03_04_05.aB3dE6-0123456789abcdef"]) {
          fs.mkdirSync(`${target}/${name}`)
          fs.writeFileSync(`${target}/${name}/tls.key`, "an earlier key")
        }
        fs.symlinkSync("..2026_01_02_03_04_05.aB3dE6", `${target}/..data_tmp`)
      }),
    restart: Effect.map(
      Effect.scoped(
        Layer.build(Layer.fresh(NodeVolumeFS.layer).pipe(Layer.provide(settings({ volumeMedium: medium }))))
      ),
      (context) => Context.get(context, VolumeFS)
    ),
    resolve: (target) =>
      Effect.sync(() => {
        const link = `${target}/..data`
        return fs.existsSync(link) ? Option.some(readSlowly(`${target}/${fs.readlinkSync(link)}`)) : Option.none()
      }),
    // The bound folder outlives the mount that it was bound from.
    inherit: canMount
      ? Option.some((target: string) =>
          Effect.sync(() => {
            mountInherited(target, `${folder}/peer`)
            spawnSync("umount", [`${folder}/peer`])
          })
        )
      : Option.none(),
    capacity: medium === "tmpfs" ? Option.some(sizeLimit) : Option.none()
  }
}

/** The scene as a layer, in a folder of its own. */
export const sceneLayer = (medium: VolumeMedium) =>
  Layer.effect(
    VolumeScene,
    Effect.map(temporaryFolder, (folder) => sceneIn(folder, medium))
  )
