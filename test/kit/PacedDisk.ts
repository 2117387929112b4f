/**
 * A disk whose calls take time, over the simulated one: how long each call takes is said beforehand, call by call, and
 * what is not said takes no time. It keeps a diary of what began and ended, so that a test sees what overlapped.
 */
import { Duration, Effect, Layer } from "effect"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"

/** The calls whose pace can be set. */
type Call = keyof VolumeFS["Service"] | "save" | "remove"

/** How long calls take, and what was called. */
export class PacedDisk {
  /** `write begins`, `write ends`, in the order of time. */
  readonly diary: Array<string> = []
  readonly #paces = new Map<Call, Array<Duration.Input>>()

  /** The next calls of this kind take so long each, before they do anything. */
  readonly slow = (call: Call, ...paces: ReadonlyArray<Duration.Input>): void => void this.#paces.set(call, [...paces])

  /** Whether a call of one kind began while one of the other kind was under way. */
  readonly overlapped = (call: Call, other: Call): boolean => {
    let underWay = 0
    for (const line of this.diary) {
      if (line === `${other} begins`) underWay++
      if (line === `${other} ends`) underWay--
      if (line === `${call} begins` && underWay > 0) return true
    }
    return false
  }

  /** The simulated disk and the simulated records at this pace. */
  get layer(): Layer.Layer<VolumeFS | VolumeRecords, never, VolumeFS | VolumeRecords> {
    const at = this.#at
    return Layer.merge(
      Layer.effect(
        VolumeFS,
        Effect.map(VolumeFS, (fs) => ({
          mount: (place) => at("mount", fs.mount(place)),
          inspect: (target) => at("inspect", fs.inspect(target)),
          write: (place, files) => at("write", fs.write(place, files)),
          read: (target) => at("read", fs.read(target)),
          sweep: (target) => at("sweep", fs.sweep(target)),
          usage: (target) => at("usage", fs.usage(target)),
          unmount: (target) => at("unmount", fs.unmount(target)),
          release: (target) => at("release", fs.release(target))
        }))
      ),
      Layer.effect(
        VolumeRecords,
        Effect.map(VolumeRecords, (records) => ({
          ...records,
          save: (record) => at("save", records.save(record)),
          remove: (volumeId) => at("remove", records.remove(volumeId))
        }))
      )
    )
  }

  readonly #at = <A, E>(call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const pace = this.#paces.get(call)?.shift() ?? Duration.zero
      this.diary.push(`${call} begins`)
      return Effect.ensuring(
        Duration.isZero(Duration.fromInputUnsafe(pace)) ? effect : Effect.delay(effect, pace),
        Effect.sync(() => void this.diary.push(`${call} ends`))
      )
    })
}
