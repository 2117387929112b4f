/**
 * The door to the node's file system: a volume is mounted at the path the kubelet names, filled, swapped, looked at and
 * taken away. `NodeVolumeFS` is the live side (a tmpfs per pod, or plain folders), the simulation keeps a tree in
 * memory. Nothing is ever written to a path that is not certlet's own volume at that moment: a key must never land on a
 * disk because a mount was missing.
 */
import { Context, type Effect, type Option, type Redacted, Schema } from "effect"
import type { Temper } from "../Temper.ts"
import type { FileSet } from "./FileSet.ts"

/** Where a volume is to be, and how. */
export interface VolumePlace {
  /** Absolute path; its parent is the kubelet's and exists, itself it need not exist. */
  readonly target: string
  /** Options from the capability's `mount_flags`, such as an SELinux context. */
  readonly mountFlags: ReadonlyArray<string>
  /** The gid that the folders and files get; none leaves certlet's own group. */
  readonly group: Option.Option<number>
  /** The uid that the folders and files get; left out, or none, they are certlet's own. */
  readonly owner?: Option.Option<number>
  /** True where everybody may enter the folders, because the files are for everybody to read. */
  readonly openToAll?: boolean
}

/** The permission bits of a volume's folders. */
export const folderMode = ({ openToAll = false }: Pick<VolumePlace, "openToAll">): number => (openToAll ? 0o555 : 0o550)

/**
 * What stands at a target: nothing, and not even the folder that the kubelet made for it (the kubelet has cleared the
 * pod away); nothing; something that is not ours; a volume that another driver has mounted; our volume without files,
 * with the files that were written, or with something else.
 */
export type VolumeCondition = "gone" | "absent" | "foreign" | "inherited" | "empty" | "filled" | "damaged"

/**
 * The file system failed. `Full`: no space. `Busy`: somebody uses the mount. `Io`: the disk or the kernel failed.
 * `Hostile`: the path breaks a rule of safety (see `detail`) and was not touched. `Foreign`: what stands there is not
 * ours. `NotPermitted`: certlet may not do this here, or a mount flag asks for more than is granted.
 */
export class VolumeError extends Schema.TaggedError<VolumeError>()("VolumeError", {
  reason: Schema.Literals(["Full", "Busy", "Io", "Hostile", "Foreign", "NotPermitted"]),
  /** What was being done, as a verb phrase: "mount", "write", "unmount". */
  action: Schema.String,
  path: Schema.String,
  detail: Schema.String
}) {
  get temper(): Temper {
    return this.reason === "Hostile" || this.reason === "NotPermitted" ? "refused" : "transient"
  }
  override get message(): string {
    return `${this.action} ${JSON.stringify(this.path)}: ${this.detail}`
  }
}

/** How much of something there is, and how much of it is used. */
export interface Amount {
  readonly total: number
  readonly used: number
  readonly available: number
}

/** What a volume takes: of its own file system, or, where it is a plain folder, of the one that the folder is on. */
export interface VolumeUsage {
  readonly bytes: Amount
  readonly inodes: Amount
}

/**
 * The volumes of this node.
 *
 * Laws: `mount` twice is `mount` once; a failed or interrupted `mount` leaves nothing; a mount flag that is not known
 * to be harmless is refused; `write` is all or nothing, and until it is done a reader sees the set before; what was
 * written is what `read` returns; a reader that resolves `..data` once never sees files of two sets; `write` to what is
 * not our volume is `Foreign` and changes nothing, also where it was ours and a stranger unmounted it; a file that was
 * truncated, changed or removed, or whose link was, makes the volume `damaged`, also for the next process, and the next
 * `write` heals it; `read` returns the files as they were written or none; `sweep` takes what a crash left of other
 * sets and leaves the current one; `unmount` of what is not there succeeds, and afterwards there is neither mount nor
 * folder; volumes do not touch each other; a hostile path or file name is `Hostile` and nothing is touched; a volume of
 * another driver is `inherited`: nothing is written to it, and `release`, which alone unmounts it and no other mount,
 * leaves its files as they are; `usage` grows with what is written, and there is none of what is not our volume.
 */
export class VolumeFS extends Context.Service<
  VolumeFS,
  {
    /** Makes the volume exist, empty or as it was. True where it was this call that made it. */
    readonly mount: (place: VolumePlace) => Effect.Effect<boolean, VolumeError>
    /** What stands at the target. */
    readonly inspect: (target: string) => Effect.Effect<VolumeCondition, VolumeError>
    /** Replaces the volume's files by this set, by one rename of `..data`. */
    readonly write: (place: VolumePlace, files: FileSet) => Effect.Effect<void, VolumeError>
    /** The current set by name; none where nothing was written, a file is damaged, or the volume is not ours. */
    readonly read: (
      target: string
    ) => Effect.Effect<Option.Option<ReadonlyMap<string, Redacted.Redacted<Uint8Array>>>, VolumeError>
    /** Removes what a crash left of other sets in our volume. */
    readonly sweep: (target: string) => Effect.Effect<void, VolumeError>
    /** What the volume takes; none where there is no volume of ours. */
    readonly usage: (target: string) => Effect.Effect<Option.Option<VolumeUsage>, VolumeError>
    /** Takes the volume away: files, mount and folder. */
    readonly unmount: (target: string) => Effect.Effect<void, VolumeError>
    /** Unmounts another driver's volume at the target and touches none of its files; everything else stays. */
    readonly release: (target: string) => Effect.Effect<void, VolumeError>
  }
>()("certlet/volume/VolumeFS") {}
