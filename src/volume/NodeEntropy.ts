/**
 * The live side of `Entropy`: the operating system's random generator, through Node. It answers at once, because the
 * few bytes that a keystore needs never wait once the system has started.
 */
import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import { Entropy } from "./Entropy.ts"

/** Cryptographically secure bytes. */
export const layer = Layer.succeed(Entropy, {
  bytes: (length) => Effect.sync(() => new Uint8Array(randomBytes(length)))
})
