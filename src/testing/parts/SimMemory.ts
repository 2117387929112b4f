/**
 * The secrets in the memory of a process of certlet, as far as a judge can see them: the bytes of each key as it is
 * made or taken up again, and of each file as it is read from a volume or brought to one. Whoever has done with them
 * overwrites them.
 */
import { Effect, Option, Redacted } from "effect"
import { KeyGenerator, type PrivateKey } from "../../issuance/KeyGenerator.ts"
import { VolumeFS } from "../../volume/VolumeFS.ts"

/** So many are noted before those that were overwritten are let go. */
const longestBook = 256

/** The memory of one process. */
export class SimMemory {
  #noted: Array<Uint8Array> = []

  /** The bytes that nobody has overwritten. */
  get secrets(): ReadonlyArray<Uint8Array> {
    this.#noted = this.#noted.filter((bytes) => bytes.some((byte) => byte !== 0))
    return this.#noted
  }

  /** The same keys; what is made or taken up of them is noted. */
  readonly keys = (keys: KeyGenerator["Service"]): KeyGenerator["Service"] => {
    const noted = <E>(key: Effect.Effect<PrivateKey, E>) => Effect.tap(key, ({ pkcs8 }) => this.#note([pkcs8]))
    return KeyGenerator.of({
      ...keys,
      generate: (wanted) => noted(keys.generate(wanted)),
      restore: (pkcs8, parameters) => noted(keys.restore(pkcs8, parameters))
    })
  }

  /** The same files; what is read and written of them is noted. */
  readonly files = (fs: VolumeFS["Service"]): VolumeFS["Service"] =>
    VolumeFS.of({
      ...fs,
      read: (target) =>
        Effect.tap(fs.read(target), (held) =>
          Option.match(held, { onNone: () => Effect.void, onSome: (files) => this.#note(files.values()) })
        ),
      write: (place, files) => Effect.andThen(this.#note(files.map(({ content }) => content)), fs.write(place, files))
    })

  readonly #note = (secrets: Iterable<Redacted.Redacted<Uint8Array>>): Effect.Effect<void> =>
    Effect.sync(() => {
      for (const secret of secrets) this.#noted.push(Redacted.value(secret))
      if (this.#noted.length > longestBook) void this.secrets
    })
}
