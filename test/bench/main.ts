// `npm run bench -- SUBJECT`: how fast certlet is, and what a node pays for it.
//
//     npm run bench                                      publish latency and throughput beside the floor
//     npm run bench -- memory|idle|start|unpublish       one thing that a node pays for, by itself
//     npm run bench -- node                              all of them in one turn, with processor time
//     npm run bench -- simulate|fleet                    the simulations' speed
//     npm run bench -- node --peer "/path/to/driver -x"  a node with another driver of the same command line, in turns
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { figureRows, measure, thorough } from "../cluster/bench.ts"
import { bundle, compileCacheEnvironment } from "../cluster/bundle.ts"
import { shippedManifest } from "../cluster/manifests.ts"
import { RealCluster } from "../cluster/RealCluster.ts"
import { type Contender, isNodeSubject, type NodeSubject, nodeSide, nodeSubjects } from "./benchNode.ts"
import { fleetSide, storiesSide } from "./simulationSide.ts"
import { takeTurns } from "./takeTurns.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    peer: { type: "string" },
    turns: { type: "string", default: "3" },
    few: { type: "string", default: "110" },
    many: { type: "string", default: "1000" },
    keys: { type: "string", default: "ECDSA" }
  }
})
const [what = "publish"] = positionals
const turns = Number(values.turns)

const benchPublish = async () => {
  const cluster = await RealCluster.start()
  try {
    const { rows, table } = figureRows(await measure(cluster, thorough))
    for (const row of rows) console.log(JSON.stringify(row))
    console.log(`\n${table}`)
  } finally {
    await cluster.stop()
  }
}

/** What the DaemonSet says of malloc. */
const mallocSettings = () =>
  Object.fromEntries(
    [...readFileSync(shippedManifest, "utf8").matchAll(/\{ name: (MALLOC_\w+), value: "(\d+)" \}/g)].map(
      ([, name = "", value]) => [name, value ?? ""]
    )
  )

/** As the DaemonSet starts it. */
const certlet = async (): Promise<Contender> => {
  const program = await bundle()
  return {
    name: "certlet",
    command: [process.execPath, program, "run", "--log-level=1"],
    environment: { ...mallocSettings(), ...compileCacheEnvironment(program) }
  }
}

const benchNode = async (subject: NodeSubject) => {
  if (process.getuid?.() !== 0) throw new Error(`npm run bench -- ${what} mounts and counts memory, so it needs root`)
  const peer = values.peer?.split(" ") ?? []
  const others = peer.length === 0 ? [] : [{ name: "peer", command: peer, environment: {} }]
  const options = { few: Number(values.few), many: Number(values.many), keys: values.keys }
  const sides = [await certlet(), ...others].map((contender) => nodeSide(subject, contender, options))
  await takeTurns(sides, turns)
}

if (what === "publish") await benchPublish()
else if (isNodeSubject(what)) await benchNode(what)
else if (what === "simulate") await takeTurns([storiesSide(await bundle())], turns)
else if (what === "fleet") await takeTurns([fleetSide(await bundle())], turns)
else throw new Error(`npm run bench -- publish|${nodeSubjects.join("|")}|simulate|fleet, not ${JSON.stringify(what)}`)
process.exit(0)
