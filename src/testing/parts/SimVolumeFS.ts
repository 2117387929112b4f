/**
 * A node's file system in memory: the simulated side of `VolumeFS`. It holds certlet's volumes and whatever strangers
 * have put there, and judges paths, flags and names by the same rules as the live side. `SimDisk` is its lever
 * and its window: it can be full or broken, a stranger can unmount a volume or plant something in its way, and a judge
 * can look at what is left. Every operation happens at one instant, and the same calls give the same tree.
 */
import { Context, Effect, Layer, Option, Redacted } from "effect"
import type { FileSet } from "../../volume/FileSet.ts"
import { namesFault, pathFault, sortMountFlags } from "../../volume/PlaceRules.ts"
import { type VolumeCondition, VolumeError, VolumeFS, type VolumePlace } from "../../volume/VolumeFS.ts"
import type { SetDamage, SimFile, SimVolume } from "./SimVolume.ts"
import { copied, swapFiles } from "./swapFiles.ts"

/** What a stranger may put at a path: a file, a link to somewhere else, a folder with something in it, or a mount. */
export type Obstacle = "file" | "link" | "folder" | "mount"

/** What has changed on a disk. */
export type DiskChange =
  /** `Released`: another driver's volume is unmounted. */
  | { readonly _tag: "Mounted" | "Released"; readonly target: string }
  | { readonly _tag: "Unmounted"; readonly target: string; readonly volume: SimVolume }
  | { readonly _tag: "Written"; readonly target: string; readonly volume: SimVolume }

/** How many bytes a volume holds: the old set and the new one have to fit while they are swapped. */
export const capacity = 1_048_576

/** The disk's levers and its window. */
export class SimDisk extends Context.Service<
  SimDisk,
  {
    /** From now on no write finds space, until `free`. */
    readonly fill: Effect.Effect<void>
    readonly free: Effect.Effect<void>
    /** From now on every call fails with `Io`, until `heal`. */
    readonly fail: Effect.Effect<void>
    readonly heal: Effect.Effect<void>
    /** A stranger unmounts the volume at this target: what stays is an empty folder. */
    readonly clean: (target: string) => Effect.Effect<void>
    /** A stranger deletes the files in the volume at this target: the mount stays. */
    readonly empty: (target: string) => Effect.Effect<void>
    /** A stranger truncates or removes a file in the volume at this target, or a link to it. */
    readonly damage: (target: string, what: SetDamage) => Effect.Effect<void>
    /** A stranger puts something at this path; none takes it away again. */
    readonly plant: (path: string, obstacle: Option.Option<Obstacle>) => Effect.Effect<void>
    /** Another driver has mounted a volume with files at this target. */
    readonly inherit: (target: string) => Effect.Effect<void>
    /**
     * The kubelet has cleared the volume's pod away: the folder that the target is in is gone, with all that was there.
     */
    readonly clear: (target: string) => Effect.Effect<void>
    /** The volumes that stand, in the order in which they were made. */
    readonly volumes: Effect.Effect<ReadonlyArray<SimVolume>>
  }
>()("certlet/testing/SimDisk") {}

/** A disk as it stands; only its own operations and levers change it. */
interface Disk {
  readonly volumes: Map<string, SimVolume>
  readonly obstacles: Map<string, Obstacle>
  /** Targets of another driver's volumes. */
  readonly inherited: Set<string>
  /** Targets whose folder is not there. */
  readonly cleared: Set<string>
  /** Told of every change, at the moment it is made. */
  readonly observe: (change: DiskChange) => void
  full: boolean
  broken: boolean
}

const failure = (reason: VolumeError["reason"], action: string, path: string, detail: string) =>
  Effect.fail(new VolumeError({ reason, action, path, detail }))

/** The folders above a path, the root left out. */
const parentsOf = (path: string): ReadonlyArray<string> => {
  const segments = path.split("/").slice(1, -1)
  return segments.map((_, i) => `/${segments.slice(0, i + 1).join("/")}`)
}

const blocks = (obstacle: Obstacle | undefined): boolean => obstacle === "file" || obstacle === "link"

/** Runs one operation, unless the path may not be touched or the disk is broken. */
const operate = <A>(disk: Disk, action: string, target: string, operation: () => Effect.Effect<A, VolumeError>) =>
  Effect.suspend(() => {
    const fault = pathFault(target)
    if (fault !== undefined) return failure("Hostile", action, target, fault)
    const wall = [...parentsOf(target), target].find((path) => blocks(disk.obstacles.get(path)))
    if (wall !== undefined) return failure("Hostile", action, target, `${wall} is a ${disk.obstacles.get(wall)}`)
    return disk.broken ? failure("Io", action, target, "input/output error (simulated)") : operation()
  })

const isForeign = ({ inherited, obstacles }: Disk, target: string): boolean =>
  obstacles.has(target) || inherited.has(target)

const conditionOf = (disk: Disk, target: string): VolumeCondition => {
  if (isForeign(disk, target)) return disk.obstacles.has(target) ? "foreign" : "inherited"
  const volume = disk.volumes.get(target)
  if (volume === undefined) return disk.cleared.has(target) ? "gone" : "absent"
  if (Option.isNone(volume.files)) return "empty"
  return Option.isSome(volume.damage) ? "damaged" : "filled"
}

const mount = (disk: Disk, place: VolumePlace): Effect.Effect<boolean, VolumeError> => {
  const { group, mountFlags, target } = place
  const { refused } = sortMountFlags(mountFlags)
  if (refused !== undefined) {
    return failure("NotPermitted", "mount", target, `the mount flag ${JSON.stringify(refused)} is not granted`)
  }
  return operate(disk, "mount", target, () => {
    if (isForeign(disk, target)) return failure("Foreign", "mount", target, "what stands there is not certlet's")
    if (disk.cleared.has(target)) return failure("Io", "mount", target, "the parent folder does not exist")
    const isNew = !disk.volumes.has(target)
    if (isNew) {
      disk.volumes.set(target, { target, group, files: Option.none(), damage: Option.none(), leftovers: [] })
      disk.observe({ _tag: "Mounted", target })
    }
    return Effect.succeed(isNew)
  })
}

const sizeOf = (files: Iterable<Pick<SimFile, "content">>): number =>
  [...files].reduce((sum, file) => sum + Redacted.value(file.content).length, 0)

const write = (disk: Disk, { target }: VolumePlace, files: FileSet): Effect.Effect<void, VolumeError> =>
  operate(disk, "write", target, () => {
    const volume = disk.volumes.get(target)
    if (volume === undefined || isForeign(disk, target)) {
      return failure("Foreign", "write", target, "there is no volume of certlet's, so nothing is written")
    }
    const fault = namesFault(files.map((file) => file.name))
    if (fault !== undefined) return failure("Hostile", "write", target, fault)
    const before = Option.match(volume.files, { onNone: () => 0, onSome: (files) => sizeOf(files.values()) })
    if (disk.full || before + sizeOf(files) > capacity) {
      return failure("Full", "write", target, "no space left on device (simulated)")
    }
    const isThere = () => disk.volumes.get(target) === volume && !isForeign(disk, target)
    const written = () => disk.observe({ _tag: "Written", target, volume })
    return Effect.uninterruptible(swapFiles(volume, files, { isThere, written }))
  })

const sweep = (disk: Disk, target: string): Effect.Effect<void, VolumeError> =>
  operate(disk, "sweep", target, () => {
    const volume = isForeign(disk, target) ? undefined : disk.volumes.get(target)
    if (volume !== undefined) volume.leftovers = []
    return Effect.void
  })

const read = (disk: Disk, target: string) =>
  operate(disk, "read", target, () => {
    const volume = isForeign(disk, target) ? undefined : disk.volumes.get(target)
    const files = Option.flatMap(Option.fromUndefinedOr(volume), ({ damage, files }) =>
      Option.contains(damage, "file") ? Option.none() : files
    )
    return Effect.succeed(
      Option.map(files, (files) => new Map([...files].map(([name, { content }]) => [name, copied(content)] as const)))
    )
  })

const usage = (disk: Disk, target: string) =>
  operate(disk, "measure", target, () => {
    const volume = isForeign(disk, target) ? undefined : disk.volumes.get(target)
    if (volume === undefined) return Effect.succeedNone
    const files = Option.match(volume.files, { onNone: () => [], onSome: (files) => [...files.values()] })
    const amount = (total: number, used: number) => ({ total, used, available: total - used })
    return Effect.succeedSome({ bytes: amount(capacity, sizeOf(files)), inodes: amount(1024, files.length + 1) })
  })

const unmount = (disk: Disk, target: string): Effect.Effect<void, VolumeError> =>
  operate(disk, "unmount", target, () => {
    if (isForeign(disk, target)) return failure("Foreign", "unmount", target, "what stands there is not certlet's")
    const volume = disk.volumes.get(target)
    disk.volumes.delete(target)
    if (volume !== undefined) disk.observe({ _tag: "Unmounted", target, volume })
    return Effect.void
  })

const release = (disk: Disk, target: string): Effect.Effect<void, VolumeError> =>
  operate(disk, "unmount", target, () => {
    if (!disk.obstacles.has(target) && disk.inherited.delete(target)) disk.observe({ _tag: "Released", target })
    return Effect.void
  })

const turn = (disk: Disk, change: Partial<Pick<Disk, "full" | "broken">>): Effect.Effect<void> =>
  Effect.sync(() => void Object.assign(disk, change))

const levers = (disk: Disk) =>
  SimDisk.of({
    fill: turn(disk, { full: true }),
    free: turn(disk, { full: false }),
    fail: turn(disk, { broken: true }),
    heal: turn(disk, { broken: false }),
    clean: (target) => Effect.sync(() => void (disk.volumes.delete(target) || disk.inherited.delete(target))),
    empty: (target) =>
      Effect.sync(() => {
        const volume = disk.volumes.get(target)
        if (volume !== undefined) disk.volumes.set(target, { ...volume, files: Option.none() })
      }),
    damage: (target, what) =>
      Effect.sync(() => {
        const volume = disk.volumes.get(target)
        // A file that is damaged stays so when a link goes too.
        if (volume !== undefined && !Option.contains(volume.damage, "file")) volume.damage = Option.some(what)
      }),
    plant: (path, obstacle) =>
      Effect.sync(() =>
        Option.match(obstacle, {
          onNone: () => void disk.obstacles.delete(path),
          onSome: (obstacle) => void disk.obstacles.set(path, obstacle)
        })
      ),
    inherit: (target) => Effect.sync(() => void disk.inherited.add(target)),
    clear: (target) =>
      Effect.sync(() => {
        disk.volumes.delete(target)
        disk.cleared.add(target)
      }),
    volumes: Effect.sync(() => [...disk.volumes.values()])
  })

/** A new, empty disk, as the programs and as a test or a judge sees it. */
export const makeSimDisk = (observe: (change: DiskChange) => void = () => undefined) => {
  const disk: Disk = {
    volumes: new Map(),
    obstacles: new Map(),
    inherited: new Set(),
    cleared: new Set(),
    observe,
    full: false,
    broken: false
  }
  const volumeFS = VolumeFS.of({
    mount: (place) => mount(disk, place),
    inspect: (target) => operate(disk, "inspect", target, () => Effect.succeed(conditionOf(disk, target))),
    write: (place, files) => write(disk, place, files),
    read: (target) => read(disk, target),
    sweep: (target) => sweep(disk, target),
    usage: (target) => usage(disk, target),
    unmount: (target) => unmount(disk, target),
    release: (target) => release(disk, target)
  })
  const volumes: ReadonlyMap<string, SimVolume> = disk.volumes
  const inherited: ReadonlySet<string> = disk.inherited
  /** The folders that targets are in, as the kubelet makes and removes them. */
  const folders = {
    make: (target: string) => void disk.cleared.delete(target),
    remove: (target: string) => void disk.cleared.add(target)
  }
  return { volumeFS, levers: levers(disk), volumes, inherited, folders }
}

/** The simulated disk: `VolumeFS` for the programs, `SimDisk` for the test. */
export const layer: Layer.Layer<VolumeFS | SimDisk> = Layer.effectContext(
  Effect.sync(() => {
    const { levers, volumeFS } = makeSimDisk()
    return Context.make(VolumeFS, volumeFS).pipe(Context.add(SimDisk, levers))
  })
)
