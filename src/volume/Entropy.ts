/**
 * Where a volume's secrets get their chance from: salts, initialisation vectors and generated passwords. `NodeEntropy`
 * is the live side and gives what the operating system calls cryptographically secure; the simulation draws from its
 * seed, so that the same seed gives the same keystores, byte for byte. A volume without keystores draws nothing.
 */
import { Context, type Effect } from "effect"

/**
 * Random bytes.
 *
 * Laws: as many bytes as were asked for; no two draws are the same array, so that a caller may keep or wipe its own.
 */
export class Entropy extends Context.Service<
  Entropy,
  {
    /** This many random bytes. */
    readonly bytes: (length: number) => Effect.Effect<Uint8Array>
  }
>()("certlet/volume/Entropy") {}
