/**
 * A volume as the programs hold it: what was asked for, where it is, and the few things about it that change. Those are
 * references, each written by one program only, so that whoever holds a volume always sees its present state. `Volumes`
 * is the table of them, with one lock per volume: publish and unpublish of a volume never overlap, and volumes never
 * wait for each other.
 */
import {
  Context,
  DateTime,
  Deferred,
  Effect,
  Equal,
  Layer,
  MutableHashMap,
  Option,
  RcMap,
  Record,
  Ref,
  Scope,
  Semaphore,
  SubscriptionRef
} from "effect"
import { wipe } from "../issuance/wipe.ts"
import { namespacedName } from "../spec/NamespacedName.ts"
import type { SpecError } from "../spec/SpecError.ts"
import { identityKeys, kubeletPrefix, type VolumeContext } from "../spec/VolumeContext.ts"
import type { Passwords, PodToken } from "../spec/VolumeSecrets.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import { VolumeError, type VolumePlace } from "../volume/VolumeFS.ts"
import { type VolumeRecord, VolumeRecords } from "../volume/VolumeRecord.ts"
import type { RenewError, Unpublished } from "./DriverError.ts"
import type { Untended } from "./Untended.ts"
import type { VolumeComplaint } from "./VolumeStatus.ts"

/** What a publish waits for: files in the volume, or the failure that ends the wait. */
export type Attempt = Deferred.Deferred<void, RenewError | Unpublished>

/** How an attempt failed last, and when the next one follows. */
export interface LastFailure {
  readonly error: RenewError
  /** In a row, this one included. */
  readonly failures: number
  readonly at: DateTime.Utc
  /** The pause ends then. */
  readonly nextTry: DateTime.Utc
}

/** What was wrong with a volume's mount or files at a moment. */
export interface Look {
  readonly at: DateTime.Utc
  readonly harm: Option.Option<VolumeComplaint>
}

/** One volume. */
export interface Volume {
  readonly id: string
  readonly spec: VolumeSpec
  readonly place: VolumePlace
  /** What is on disk. Only `changeRecord` writes it. */
  readonly record: Ref.Ref<VolumeRecord>
  /** Held by whoever changes the record, so that no change is lost to another one that began before it was saved. */
  readonly recording: Semaphore.Semaphore
  /** The pod's ServiceAccount token from the last publish; whoever waits for one sees it come. */
  readonly token: SubscriptionRef.SubscriptionRef<Option.Option<PodToken>>
  /** The passwords of its keystores from the last publish; none after a restart, until they are needed. */
  readonly passwords: Ref.Ref<Option.Option<Passwords>>
  /** Held by whoever changes the volume's files, so that each change starts from what is there. */
  readonly swapping: Semaphore.Semaphore
  /** Done once the volume is mounted: the first certificate is requested while the mount is being made. */
  readonly mounted: Deferred.Deferred<void>
  /** The attempt that is running, or the last one; none before the first. */
  readonly attempt: Ref.Ref<Option.Option<Attempt>>
  /** True while its fiber renews; false while it sleeps or pauses. */
  readonly renewing: Ref.Ref<boolean>
  /** Why the running attempt has not ended yet. */
  readonly lastFailure: Ref.Ref<Option.Option<LastFailure>>
  /** True if its files were missing; the running attempt restores them. */
  readonly damaged: Ref.Ref<boolean>
  /** When the mount was found gone, with files in it, and made again; the containers of that time do not see it. */
  readonly remounted: Ref.Ref<Option.Option<DateTime.Utc>>
  /** What the last look at the mount and the files found; none before the first. */
  readonly lastLook: Ref.Ref<Option.Option<Look>>
  /** When the kubelet has called about it last; after a restart, when it was taken up. */
  readonly calledAt: Ref.Ref<DateTime.Utc>
  /** True once a publish was answered OK: its pod may be running since then. */
  readonly published: Ref.Ref<boolean>
  /** What of the last publish was refused while the volume kept its files. */
  readonly refusal: Ref.Ref<Option.Option<SpecError>>
}

/** `namespace/name` of the volume's pod. */
export const podOf = ({ spec }: Volume): string => namespacedName(spec.pod)

/** What a pod asks for. A key that a newer kubelet adds by itself is no reason to touch a running pod. */
const wishIn = (context: VolumeContext) =>
  Record.filter(context, (_, key) => !key.startsWith(kubeletPrefix) || identityKeys.includes(key))

/** True if two records ask for the same thing at the same target; what was issued or is pending does not count. */
export const sameWish = (one: VolumeRecord, other: VolumeRecord): boolean =>
  one.target === other.target &&
  one.volumeMountGroup === other.volumeMountGroup &&
  Equal.equals(one.mountFlags, other.mountFlags) &&
  Equal.equals(wishIn(one.context), wishIn(other.context))

/** What a publish brings for memory only. */
export interface Secrets {
  readonly token: Option.Option<PodToken>
  readonly passwords: Option.Option<Passwords>
}

/** A volume that nobody holds yet. After a restart it has no secrets. */
export const makeVolume = Effect.fnUntraced(function* (
  spec: VolumeSpec,
  record: VolumeRecord,
  secrets: Secrets = { token: Option.none(), passwords: Option.none() }
): Effect.fn.Return<Volume> {
  return {
    id: record.volumeId,
    spec,
    place: placeOf(spec, record),
    record: yield* Ref.make(record),
    recording: yield* Semaphore.make(1),
    token: yield* SubscriptionRef.make(secrets.token),
    passwords: yield* Ref.make(secrets.passwords),
    swapping: yield* Semaphore.make(1),
    mounted: yield* Deferred.make<void>(),
    attempt: yield* Ref.make(Option.none<Attempt>()),
    renewing: yield* Ref.make(false),
    lastFailure: yield* Ref.make(Option.none<LastFailure>()),
    damaged: yield* Ref.make(false),
    remounted: yield* Ref.make(Option.none<DateTime.Utc>()),
    lastLook: yield* Ref.make(Option.none<Look>()),
    calledAt: yield* Ref.make(yield* DateTime.now),
    // What a restart finds filled has most likely been answered.
    published: yield* Ref.make(Option.isSome(record.issued)),
    refusal: yield* Ref.make(Option.none<SpecError>())
  }
})

const placeOf = (spec: VolumeSpec, record: VolumeRecord): VolumePlace => ({
  target: record.target,
  mountFlags: record.mountFlags,
  group: groupOf(spec, record),
  owner: spec.fileOwner,
  openToAll: (spec.fileMode & 0o004) !== 0
})

/** The gid of a volume's files: `fs-group` wins over the kubelet's `volume_mount_group`. */
const groupOf = (spec: VolumeSpec, record: VolumeRecord): Option.Option<number> =>
  Option.orElse(spec.fsGroup, () =>
    record.volumeMountGroup === "" ? Option.none() : Option.some(Number(record.volumeMountGroup))
  )

/**
 * Changes a volume's record on disk, then in memory; one change at a time. The key of a request that is not pending any
 * more is overwritten.
 */
export const changeRecord = Effect.fnUntraced(
  function* (volume: Volume, change: (record: VolumeRecord) => VolumeRecord) {
    const records = yield* VolumeRecords
    const before = yield* Ref.get(volume.record)
    const changed = change(before)
    yield* records.save(changed)
    yield* Ref.set(volume.record, changed)
    const kept = pendingKeys(changed)
    yield* wipe(pendingKeys(before).filter((key) => !kept.includes(key)))
  },
  (program, { recording }) => recording.withPermit(Effect.uninterruptible(program))
)

/** The key of a record's pending request. */
export const pendingKeys = ({ pending }: VolumeRecord) => Option.toArray(pending).map(({ privateKey }) => privateKey)

/** The target belongs to another volume: two of them would write two pods' keys to one place. */
export const taken = (action: string, path: string, holder: string): VolumeError =>
  new VolumeError({ reason: "Foreign", action, path, detail: `the path belongs to volume ${holder}` })

/** The volumes of this process. */
export class Volumes extends Context.Service<
  Volumes,
  {
    readonly get: (volumeId: string) => Effect.Effect<Option.Option<Volume>>
    /** Puts a volume into the table, unless another volume has its target: a place belongs to one volume. */
    readonly set: (volume: Volume) => Effect.Effect<void, VolumeError>
    /** The id of the volume that has this target. */
    readonly at: (target: string) => Effect.Effect<Option.Option<string>>
    readonly remove: (volumeId: string) => Effect.Effect<void>
    readonly all: Effect.Effect<ReadonlyArray<Volume>>
    /** Remembers a volume that certlet leaves as it is, until `remove` or `set`. It is not one of `all`. */
    readonly leave: (volume: Untended) => Effect.Effect<void>
    /** The volumes that certlet leaves as they are, by their ids, as far as a publish or the start has met them. */
    readonly untended: Effect.Effect<ReadonlyMap<string, Untended>>
    /** Runs a program while no other program holds the lock of the same volume. */
    readonly locked: (volumeId: string) => <A, E, R>(program: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("certlet/driver/Volumes") {
  static readonly layer = Layer.effect(
    Volumes,
    Effect.gen(function* () {
      const table = MutableHashMap.empty<string, Volume>()
      /** By target, the id of the volume that is there. */
      const holders = new Map<string, string>()
      const untended = new Map<string, Untended>()
      // A lock lives only as long as somebody holds or awaits it: volumes come and go, and so do their locks.
      const locks = yield* RcMap.make({ lookup: (_volumeId: string) => Semaphore.make(1) })
      return Volumes.of({
        get: (volumeId) => Effect.sync(() => MutableHashMap.get(table, volumeId)),
        set: (volume) =>
          Effect.suspend(() => {
            const holder = holders.get(volume.place.target) ?? volume.id
            if (holder !== volume.id) return Effect.fail(taken("mount", volume.place.target, holder))
            holders.set(volume.place.target, volume.id)
            MutableHashMap.set(table, volume.id, volume)
            untended.delete(volume.id)
            return Effect.void
          }),
        at: (target) => Effect.sync(() => Option.fromUndefinedOr(holders.get(target))),
        remove: (volumeId) =>
          Effect.sync(() => {
            const known = MutableHashMap.get(table, volumeId)
            if (Option.isSome(known)) holders.delete(known.value.place.target)
            MutableHashMap.remove(table, volumeId)
            untended.delete(volumeId)
          }),
        all: Effect.sync(() => [...MutableHashMap.values(table)]),
        leave: (volume) => Effect.sync(() => void untended.set(volume.volumeId, volume)),
        untended: Effect.sync(() => new Map(untended)),
        locked: (volumeId) => (program) =>
          Effect.scopedWith((scope) =>
            Effect.flatMap(RcMap.get(locks, volumeId).pipe(Effect.provideService(Scope.Scope, scope)), (lock) =>
              lock.withPermit(program)
            )
          )
      })
    })
  )
}
