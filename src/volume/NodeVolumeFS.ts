/**
 * The live side of `VolumeFS`. What a volume is made of is the medium's business; here is the order of the steps. What
 * is certlet's own is checked again at every call, of the open folder, and everything is written through that open
 * folder: a key cannot land anywhere else, whoever unmounts, mounts or links in the meantime. What takes away or swaps
 * cannot be interrupted half way.
 */
import * as fs from "node:fs"
import { Effect, Layer, Option } from "effect"
import { Settings } from "../Settings.ts"
import { errnoOf } from "../spec/errnoOf.ts"
import type { FileSet } from "./FileSet.ts"
import { isFilled, readFiles, swapFiles, sweepFiles } from "./NodeFileSwap.ts"
import { attempt, type Folder, failed, type Spot, withFolder, withSpot } from "./NodeFolder.ts"
import { deepest, directoryMedium, type Medium, makeTmpfsMedium, source } from "./NodeMedium.ts"
import { type Mounter, makeMounter, readMounts } from "./NodeMounts.ts"
import { conditionOf } from "./NodeSetMark.ts"
import { sortMountFlags } from "./PlaceRules.ts"
import { type VolumeCondition, VolumeError, VolumeFS, type VolumePlace, type VolumeUsage } from "./VolumeFS.ts"

const refuse = (reason: VolumeError["reason"], action: string, path: string, detail: string) =>
  Effect.suspend(() => Effect.fail(new VolumeError({ reason, action, path, detail })))

const foreign = ({ action, target }: Pick<Spot, "action" | "target">, detail: string) =>
  refuse("Foreign", action, target, detail)

/** What statfs(2) says; a file system that counts no inodes has none. */
const usageOf = ({ bavail, bfree, blocks, bsize, ffree, files }: fs.StatsFs): VolumeUsage => ({
  bytes: { total: blocks * bsize, used: (blocks - bfree) * bsize, available: bavail * bsize },
  inodes: { total: files, used: Math.max(0, files - ffree), available: ffree }
})

/** What stands at a spot; "vacant" is a plain folder without anything in it, which the kubelet or a crash may leave. */
type Standing = VolumeCondition | "vacant"

const look = Effect.fnUntraced(function* (
  medium: Medium,
  spot: Spot,
  found: Option.Option<Folder>
): Effect.fn.Return<Standing, VolumeError> {
  if (Option.isNone(found)) return "absent"
  const folder = found.value
  if (yield* medium.owns(spot, folder)) return yield* attempt(spot, () => conditionOf(folder))
  if (isMounted(spot, folder)) return (yield* isInherited(spot, folder)) ? "inherited" : "foreign"
  const vacant = yield* attempt(spot, () => fs.readdirSync(folder.path).length === 0)
  return vacant ? "vacant" : "foreign"
})

/**
 * Drivers that came before write their files in the same way, and mount the folder `<volume id>/data` of a tmpfs that
 * all pods share; one that has not come to writing is known by that folder.
 */
const isInherited = Effect.fnUntraced(function* (spot: Spot, folder: Folder) {
  if (yield* isFilled(spot, folder)) return true
  const mounts = yield* readMounts(spot)
  const top = mounts.findLast(({ device, target }) => target === spot.target && device === folder.device)
  return top?.type === "tmpfs" && /^\/[^/]+\/data$/.test(top.root)
})

const isMounted = (spot: Spot, folder: Folder): boolean => folder.device !== spot.parent.device

/** Uses the volume at a target, if it is there and certlet's own. */
const withVolume = <A, E, R, B, E2, R2>(
  medium: Medium,
  action: string,
  target: string,
  use: (spot: Spot, folder: Folder) => Effect.Effect<A, E, R>,
  otherwise: Effect.Effect<B, E2, R2>
) =>
  withSpot(
    action,
    target,
    (spot) =>
      withFolder(
        spot,
        Option.match({
          onNone: (): Effect.Effect<A | B, E | E2 | VolumeError, R | R2> => otherwise,
          onSome: (folder) =>
            Effect.flatMap(
              medium.owns(spot, folder),
              (mine): Effect.Effect<A | B, E | E2 | VolumeError, R | R2> => (mine ? use(spot, folder) : otherwise)
            )
        })
      ),
    otherwise
  )

/** Makes the volume if it is not there; true where this call made it. */
const make = Effect.fnUntraced(function* (medium: Medium, spot: Spot, place: VolumePlace) {
  const before = yield* withFolder(spot, (found) => look(medium, spot, found))
  if (before === "empty" || before === "filled" || before === "damaged") return false
  if (before === "foreign" || before === "inherited") {
    return yield* foreign(spot, "what stands there is not certlet's")
  }
  if (before === "absent") yield* attempt(spot, () => fs.mkdirSync(spot.path, 0o750))
  const undo = Effect.andThen(medium.vacate(spot), before === "absent" ? removeFolder(spot) : Effect.void)
  yield* withFolder(spot, (folder) =>
    Option.isSome(folder) ? medium.occupy(spot, folder.value, place) : foreign(spot, "the folder is gone again")
  ).pipe(Effect.onError(() => Effect.ignore(undo)))
  return true
})

const removeFolder = (spot: Spot): Effect.Effect<void, VolumeError> =>
  Effect.try({ try: () => fs.rmdirSync(spot.path), catch: (cause) => cause }).pipe(
    Effect.catch((cause) => {
      if (errnoOf(cause) === "ENOENT") return Effect.void
      return ["ENOTEMPTY", "EEXIST", "EBUSY"].includes(errnoOf(cause))
        ? foreign(spot, "what stands there is not certlet's")
        : Effect.fail(failed(spot)(cause))
    })
  )

/**
 * Takes away what is certlet's, of whichever medium: the setting may have been another one when the volume was made.
 */
const takeAway = (medium: Medium, target: string): Effect.Effect<void, VolumeError> =>
  withSpot(
    "unmount",
    target,
    (spot) =>
      medium.vacate(spot).pipe(Effect.andThen(directoryMedium.vacate(spot)), Effect.andThen(removeFolder(spot))),
    Effect.void
  ).pipe(Effect.uninterruptible)

const mount = Effect.fn("VolumeFS.mount")(function* (medium: Medium, place: VolumePlace) {
  const { target } = place
  const { refused } = sortMountFlags(place.mountFlags)
  if (refused !== undefined) {
    return yield* refuse("NotPermitted", "mount", target, `the mount flag ${JSON.stringify(refused)} is not granted`)
  }
  return yield* Effect.uninterruptibleMask((restore) =>
    withSpot(
      "mount",
      target,
      (spot) => make(medium, spot, place),
      refuse("Io", "mount", target, "the parent folder does not exist; the kubelet makes it before it publishes")
    ).pipe(
      // Mounting takes two milliseconds and is not torn apart; a caller who has gone meanwhile gets it undone.
      Effect.tap((made) =>
        made ? Effect.onInterrupt(restore(Effect.void), () => Effect.ignore(takeAway(medium, target))) : Effect.void
      )
    )
  )
})

/**
 * True where the kubelet's folder of pods is to be seen: one that is not there, or empty, is a mount of certlet's that
 * is missing.
 */
const isInSight = (target: string): boolean => {
  const end = target.indexOf("/pods/") + "/pods".length
  const pods = target.slice(0, end)
  return pods.endsWith("/pods") && fs.existsSync(pods) && fs.readdirSync(pods).length > 0
}

const inspect = Effect.fn("VolumeFS.inspect")((medium: Medium, target: string) =>
  withSpot(
    "inspect",
    target,
    (spot) => withFolder(spot, (found) => look(medium, spot, found)),
    attempt<Standing>({ action: "inspect", target }, () => (isInSight(target) ? "gone" : "absent"))
  ).pipe(Effect.map((standing): VolumeCondition => (standing === "vacant" ? "absent" : standing)))
)

const write = Effect.fn("VolumeFS.write")((medium: Medium, place: VolumePlace, files: FileSet) =>
  withVolume(
    medium,
    "write",
    place.target,
    (spot, folder) => swapFiles(spot, folder, files, { ...place, durable: medium.durable }),
    foreign({ action: "write", target: place.target }, "there is no volume of certlet's, so nothing is written")
  )
)

const read = Effect.fn("VolumeFS.read")((medium: Medium, target: string) =>
  withVolume(medium, "read", target, readFiles, Effect.succeedNone)
)

const sweep = Effect.fn("VolumeFS.sweep")((medium: Medium, target: string) =>
  withVolume(medium, "sweep", target, sweepFiles, Effect.void)
)

const usage = Effect.fn("VolumeFS.usage")((medium: Medium, target: string) =>
  withVolume(
    medium,
    "measure",
    target,
    (spot, folder) => Effect.asSome(attempt(spot, () => usageOf(fs.statfsSync(folder.path)))),
    Effect.succeedNone
  )
)

const unmount = Effect.fn("VolumeFS.unmount")(takeAway)

const release = Effect.fn("VolumeFS.release")((medium: Medium, mounter: Mounter, target: string) =>
  withSpot(
    "unmount",
    target,
    Effect.fnUntraced(function* (spot: Spot) {
      for (
        let i = 0;
        i < deepest && (yield* withFolder(spot, (found) => look(medium, spot, found))) === "inherited";
        i++
      ) {
        yield* Effect.logInfo(`what another driver has mounted at ${JSON.stringify(target)} is unmounted`)
        yield* mounter.unmount(spot)
      }
    }),
    Effect.void
  ).pipe(Effect.uninterruptible)
)

/** The file system of this node, with the medium that the settings name. */
export const layer: Layer.Layer<VolumeFS, never, Settings> = Layer.effect(
  VolumeFS,
  Effect.gen(function* () {
    const settings = yield* Settings
    const mounter = yield* makeMounter(source)
    const medium =
      settings.volumeMedium === "tmpfs" ? makeTmpfsMedium(mounter, settings.volumeSizeLimit) : directoryMedium
    if (settings.volumeMedium === "directory") {
      yield* Effect.logWarning(
        "volumes are plain folders, so keys may be written to a disk: for demonstrations and tests"
      )
    }
    return VolumeFS.of({
      mount: (place) => mount(medium, place),
      inspect: (target) => inspect(medium, target),
      write: (place, files) => write(medium, place, files),
      read: (target) => read(medium, target),
      sweep: (target) => sweep(medium, target),
      usage: (target) => usage(medium, target),
      unmount: (target) => unmount(medium, target),
      release: (target) => release(medium, mounter, target)
    })
  })
)
