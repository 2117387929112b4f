/**
 * Same seed, same bytes, on Node 24 and on Node 26: keys, certificates, files and every event are in a run's digest,
 * with keys of both kinds. Left out with a word where there is no second Node (it comes with `npm ci` on Linux).
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import { describeWhere } from "../kit/needs.ts"

const root = join(import.meta.dirname, "../..")
const platform = `node-${process.platform}-${process.arch}/bin/node`
const nodes = [join(root, "node_modules", platform), join(root, "test/node26/node_modules", platform)]
const missing = nodes.filter((path) => !existsSync(path))

const script = `
  const { Effect } = await import("effect")
  const { drawStory, runStory, SimCluster } = await import("./src/testing/index.ts")
  const sight = (keys) => Effect.scoped(Effect.gen(function* () {
    const cluster = yield* SimCluster.make({ seed: 42, keys })
    const pod = yield* cluster.schedule()
    yield* cluster.advance("1 minute")
    const { files } = yield* cluster.exec(pod)
    return [...files].map(([name, { mode, text }]) => [name, mode, text])
  }))
  const digests = []
  for (const [keys, seed] of [["Ed25519", 1], ["Ed25519", 7], ["P-256", 42]]) {
    const { digest, outcome, steps } = await Effect.runPromise(runStory({ ...drawStory(seed, { pods: 2 }), keys }))
    digests.push([keys, seed, steps, outcome._tag, digest], await Effect.runPromise(sight(keys)))
  }
  console.log(JSON.stringify({ node: process.versions.node.split(".")[0], digests }))`

describeWhere(missing.length === 0, "needs the second Node")("the same seeds on two Nodes", () => {
  it("come out the same to the byte", async () => {
    const run = async (node: string): Promise<{ readonly node: string; readonly digests: ReadonlyArray<unknown> }> => {
      const args = ["--input-type=module", "--eval", script]
      const { stdout } = await promisify(execFile)(node, args, { cwd: root, timeout: 110_000 })
      return JSON.parse(stdout)
    }
    const [older, newer] = await Promise.all(nodes.map(run))
    expect([older?.node, newer?.node]).toEqual(["24", "26"])
    expect(older?.digests).toHaveLength(6)
    expect(newer?.digests).toEqual(older?.digests)
  }, 120_000)
})
