/**
 * Chance that obeys a seed: the simulation's side of `Entropy`, drawn from Effect's Random. The same seed gives the
 * same salts and passwords, byte for byte; nothing here is hard to guess.
 */
import { Effect, Layer, Random } from "effect"
import { Entropy } from "../../volume/Entropy.ts"

/** This many bytes from Effect's Random. */
export const drawBytes = Effect.fnUntraced(function* (length: number): Effect.fn.Return<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = yield* Random.nextIntBetween(0, 256, { halfOpen: true })
  return bytes
})

/** The simulated chance. */
export const layer = Layer.succeed(Entropy, { bytes: drawBytes })
