/** A certlet with one flaw: one of its edges, or its programs, do something that they never should. */
import { type Context, Effect, Layer } from "effect"
import { Driver } from "../../../src/driver/Driver.ts"
import { Faults, type RunOptions, type Story } from "../../../src/testing/index.ts"
import type { Edges } from "../../../src/testing/parts/SimProcess.ts"

export interface Mutant {
  /** What is wrong with it. */
  readonly flaw: string
  readonly layers: NonNullable<RunOptions["layers"]>
  /** Without which the flaw does not show. */
  readonly faults: Faults
  /** The stories that can show it; all of them where nothing is said. */
  readonly shows?: (story: Story) => boolean
  /** Where the first stories do not show it: the seed of one that does, which is tried first. */
  readonly seed?: number
}

/** A mutant that the story of this seed shows. */
export const shownBy = (seed: number, mutant: Mutant): Mutant => ({ ...mutant, seed })

/** A mutant that only stories which send the pods' tokens can show. */
export const withTokens = (mutant: Mutant): Mutant => ({ ...mutant, shows: ({ useTokenRequest }) => useTokenRequest })

/** A mutant whose service of this name is changed, in every process. */
export const onEdge = <I extends Edges, S>(
  flaw: string,
  key: Context.Key<I, S>,
  change: (service: S) => S,
  faults: Partial<Faults> = {}
): Mutant => ({
  flaw,
  layers: { edges: Layer.effect(key, Effect.map(key, change)) },
  faults: Faults.of(faults)
})

/** A mutant whose programs are changed. */
export const onPrograms = (
  flaw: string,
  change: (driver: Driver["Service"], edges: Context.Context<Edges>) => Driver["Service"],
  faults: Partial<Faults> = {}
): Mutant => ({
  flaw,
  layers: {
    driver: Layer.effect(
      Driver,
      Effect.gen(function* () {
        const edges = yield* Effect.context<Edges>()
        return change(yield* Driver, edges)
      })
    ).pipe(Layer.provide(Driver.layer))
  },
  faults: Faults.of(faults)
})
