/**
 * Folders held open: the live file system's way of never being led astray. A folder that is open stays the same folder
 * whatever happens to its name, and everything below is reached through the open handle (`/proc/self/fd/N/...`), so
 * that neither an unmount nor a planted link between the check and the write can send a key to another place. Here is
 * also where errno values become `VolumeError`, and where it is decided which links among a target's parents are
 * tolerated.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { Effect, Option, Predicate } from "effect"
import { errnoOf } from "../spec/errnoOf.ts"
import { pathFault } from "./PlaceRules.ts"
import { VolumeError } from "./VolumeFS.ts"

/** An open folder. */
export interface Folder {
  readonly fd: number
  /** Reaches the open folder, by whatever name it goes now. */
  readonly path: string
  /** The device of the file system that it is on, `major:minor` as in mountinfo. */
  readonly device: string
  /** Tells this folder from any other, also from one on a later file system that got the same device number. */
  readonly identity: string
}

/** A target whose parent is open: what every operation on a volume starts from. */
export interface Spot {
  /** What is being done to it, for errors. */
  readonly action: string
  /** The target's path without links, as the mount table has it. */
  readonly target: string
  /** The target, reached through its open parent. */
  readonly path: string
  readonly parent: Folder
}

/** False on systems without procfs (macOS), where only the directory medium works and names are used as they are. */
const hasProc = fs.existsSync("/proc/self/fd")

const reasons: Readonly<Record<string, VolumeError["reason"]>> = {
  ENOSPC: "Full",
  EDQUOT: "Full",
  EBUSY: "Busy",
  EPERM: "NotPermitted",
  EACCES: "NotPermitted",
  ENOTDIR: "Hostile",
  ELOOP: "Hostile"
}

/** A failure of `node:fs` as the contract's error. */
export const failed =
  ({ action, target }: Pick<Spot, "action" | "target">) =>
  (cause: unknown): VolumeError =>
    new VolumeError({
      reason: reasons[errnoOf(cause)] ?? "Io",
      action,
      path: target,
      detail: `${Predicate.isError(cause) ? cause.message : String(cause)}${hint(cause)}`
    })

const hint = (cause: unknown): string =>
  errnoOf(cause) === "EPERM" && Predicate.hasProperty(cause, "syscall") && /chown/.test(String(cause.syscall))
    ? "; only root may give files to a group of which it is no member"
    : ""

/**
 * Runs synchronous calls of `node:fs`. Synchronous on purpose: on a tmpfs no call waits for a device, and a call costs
 * a few microseconds instead of the fifty and more that a round through the thread pool takes.
 */
export const attempt = <A>(spot: Pick<Spot, "action" | "target">, calls: () => A): Effect.Effect<A, VolumeError> =>
  Effect.try({ try: calls, catch: failed(spot) })

/** As `attempt`; none where the thing does not exist. */
export const attemptExisting = <A>(
  spot: Pick<Spot, "action" | "target">,
  calls: () => A
): Effect.Effect<Option.Option<A>, VolumeError> =>
  Effect.try({ try: calls, catch: (cause) => cause }).pipe(
    Effect.map(Option.some),
    Effect.catchIf(
      (cause) => errnoOf(cause) === "ENOENT",
      () => Effect.succeedNone
    ),
    Effect.mapError(failed(spot))
  )

/** dev_t as `major:minor`, after gnu_dev_major and gnu_dev_minor. */
export const deviceOf = (dev: bigint): string => {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** What tells one folder from another; see `Folder.identity`. */
export const identityOf = (stat: fs.BigIntStats): string => `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`

const open = (name: string, flags: number): Folder => {
  const fd = fs.openSync(name, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | flags)
  const stat = fs.fstatSync(fd, { bigint: true })
  return { fd, path: hasProc ? `/proc/self/fd/${fd}` : name, device: deviceOf(stat.dev), identity: identityOf(stat) }
}

const close = (folder: Option.Option<Folder>) =>
  Effect.sync(() => {
    if (Option.isSome(folder)) fs.closeSync(folder.value.fd)
  })

/**
 * Uses the folder that stands at a spot, none where nothing stands there. A file or a link in its place is `Hostile`.
 */
export const withFolder = <A, E, R>(
  spot: Spot,
  use: (folder: Option.Option<Folder>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | VolumeError, R> =>
  Effect.acquireUseRelease(
    attemptExisting(spot, () => open(spot.path, fs.constants.O_NOFOLLOW)),
    use,
    close
  )

/**
 * Uses a target through its open parent; `missing` answers where the parent does not exist. A hostile path is refused
 * before anything is opened, and a parent that is reached through links is refused unless `tolerates` says otherwise.
 */
export const withSpot = <A, E, R, B, E2, R2>(
  action: string,
  target: string,
  use: (spot: Spot) => Effect.Effect<A, E, R>,
  missing: Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E | E2 | VolumeError, R | R2> => {
  const fault = pathFault(target)
  if (fault !== undefined) return Effect.fail(hostile(action, target, fault))
  const wanted = path.dirname(target)
  return Effect.acquireUseRelease(
    attemptExisting({ action, target }, () => open(wanted, 0)),
    Option.match({
      onNone: (): Effect.Effect<A | B, E | E2 | VolumeError, R | R2> => missing,
      onSome: (parent) =>
        Effect.gen(function* () {
          const real = yield* attempt({ action, target }, () => realPath(parent, wanted))
          const astray = yield* attempt({ action, target }, () => (real === wanted ? undefined : strayed(real, wanted)))
          if (astray !== undefined) return yield* hostile(action, target, astray)
          const name = path.basename(target)
          return yield* use({ action, target: path.join(real, name), path: `${parent.path}/${name}`, parent })
        })
    }),
    close
  )
}

const hostile = (action: string, target: string, detail: string) =>
  new VolumeError({ reason: "Hostile", action, path: target, detail })

/** Asked of the open handle, not of the name: what it says cannot have changed since the folder was opened. */
const realPath = (folder: Folder, name: string): string =>
  hasProc ? fs.readlinkSync(folder.path) : fs.realpathSync.native(name)

/**
 * Why an open folder that is really at `real` is not to be taken for `wanted`; undefined where only trusted links lie
 * between. A kubelet's root may well be a link (`/var/lib/kubelet` on microk8s): links above the folder `pods` are
 * followed that were made by root or by certlet's own user and stand where nobody else can put one. Below `pods`, where
 * pods' own volumes are, none is. Swapping folders and links there in a loop gains nothing: what is compared is where
 * the open folder is, with the rest of the path as it was asked for, and never a second look at the same names.
 */
const strayed = (real: string, wanted: string): string | undefined => {
  const segments = wanted.split("/").slice(1)
  const pods = segments.indexOf("pods")
  const above = segments.slice(0, Math.max(0, pods)).map((_, i) => `/${segments.slice(0, i + 1).join("/")}`)
  const link = above.find((name) => !isTrustedStep(name))
  if (link !== undefined) return `${link} is a link that cannot be trusted`
  const root = fs.realpathSync.native(above.at(-1) ?? "/")
  return real === path.join(root, ...segments.slice(above.length)) ? undefined : "a folder of the path is a link"
}

/** False for a link that others than root and certlet's own user may have put there. */
const isTrustedStep = (name: string): boolean => {
  const stat = fs.lstatSync(name)
  if (!stat.isSymbolicLink()) return true
  const around = fs.statSync(path.dirname(name))
  const writable = (around.mode & 0o022) !== 0 && (around.mode & sticky) === 0
  return isTrusted(stat.uid) && isTrusted(around.uid) && !writable
}

/** In a folder with this bit nobody replaces what is another's: `/tmp`. */
const sticky = 0o1000

const isTrusted = (uid: number): boolean => uid === 0 || uid === process.geteuid?.()
