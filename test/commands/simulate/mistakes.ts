/**
 * Programs and services with one mistake each, for tests of what finds mistakes. They stand at a door where a user's
 * own layer would stand.
 */
import { Effect, Layer, Random } from "effect"
import { Issuer } from "../../../src/embedded/Issuer.ts"
import { KeyGenerator } from "../../../src/issuance/KeyGenerator.ts"
import type { RunOptions } from "../../../src/testing/story/simulate.ts"
import { VolumeFS } from "../../../src/volume/VolumeFS.ts"

/** Every life of certlet makes the same keys again: two requests get one key, once it was restarted. */
const sameKeysInEveryLife: RunOptions = {
  layers: {
    edges: Layer.effect(
      KeyGenerator,
      Effect.map(KeyGenerator, (real) => {
        let made = 0
        return {
          ...real,
          generate: (wanted) => Effect.suspend(() => real.generate(wanted).pipe(Random.withSeed(made++)))
        }
      })
    )
  }
}

/** The key is left out of the files. */
const noKeyInTheFiles: RunOptions = {
  layers: {
    edges: Layer.effect(
      VolumeFS,
      Effect.map(VolumeFS, (real) => ({
        ...real,
        write: (place, files) =>
          real.write(
            place,
            files.filter(({ name }) => name !== "tls.key")
          )
      }))
    )
  }
}

/** The third files of a life are without a key: a pod that lives that long sees it. */
const noKeyInTheThirdFiles: RunOptions = {
  layers: {
    edges: Layer.effect(
      VolumeFS,
      Effect.map(VolumeFS, (real) => {
        let writes = 0
        return {
          ...real,
          write: (place, files) =>
            Effect.suspend(() => {
              writes += 1
              return real.write(place, writes === 3 ? files.filter(({ name }) => name !== "tls.key") : files)
            })
        }
      })
    )
  }
}

let keysEver = 0

/** Keys depend on how many there were before, in any story. */
const otherKeysEachTime: RunOptions = {
  layers: {
    edges: Layer.effect(
      KeyGenerator,
      Effect.map(KeyGenerator, (real) => ({
        ...real,
        generate: (wanted) => Effect.suspend(() => real.generate(wanted).pipe(Random.withSeed(keysEver++)))
      }))
    )
  }
}

/** Nothing is ever signed. */
const silentIssuer: RunOptions = {
  layers: { issuer: Layer.succeed(Issuer, { sign: () => Effect.never, rotate: Effect.void }) }
}

/** The issuer cannot even be made. */
const noIssuer: RunOptions = { layers: { issuer: Layer.effect(Issuer, Effect.die(new Error("out of paper"))) } }

/** All of them by name. */
export const mistakes = {
  sameKeysInEveryLife,
  noKeyInTheFiles,
  noKeyInTheThirdFiles,
  otherKeysEachTime,
  silentIssuer,
  noIssuer
} as const
