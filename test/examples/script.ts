// A plain script: a fault of one's own, and one of a node's edges replaced. `node script.ts` ends with 1 where a story
// breaks.
import { KeyGenerator } from "certlet"
import { drawStory, explain, Faults, fault, type RunOptions, runStory } from "certlet/testing"
import { Effect, Layer } from "effect"

/** Our rack loses its uplink, and the issuer stands behind it. */
const uplinkLost = fault("uplinkLost", 4, (cluster, { node }) =>
  Effect.andThen(cluster.cut(node, "10 minutes"), cluster.issuer.stall("15 minutes"))
)

/** Our keys come from a device that takes three seconds for each. */
const slowKeys = Layer.effect(
  KeyGenerator,
  Effect.map(KeyGenerator, (keys) => ({
    ...keys,
    generate: (wanted) => Effect.delay(keys.generate(wanted), "3 seconds")
  }))
)

const options: RunOptions = { ownFaults: [uplinkLost], layers: { edges: slowKeys } }

const program = Effect.gen(function* () {
  for (const seed of [1, 2, 3]) {
    const story = drawStory(seed, { pods: 3, faults: Faults.none }, options.ownFaults)
    const { outcome, steps } = yield* runStory(story, options)
    console.log(`story ${seed}: ${outcome._tag} after ${steps} events`)
    if (outcome._tag === "passed") continue
    console.log(yield* explain(story, options))
    process.exitCode = 1
  }
})

await Effect.runPromise(program)
