// `npm run bench -- SUBJECT`: how fast certlet is, and what a node pays for it.
//
//     npm run bench                                      publish latency and throughput beside the floor
//     npm run bench -- guard                             what is worse than recorded, with status 1; --record records
//     npm run bench -- memory|idle|start|unpublish       one thing that a node pays for, by itself
//     npm run bench -- node                              all of them in one turn, with processor time
//     npm run bench -- scale                             what many nodes cost the API server; --watches, --whole,
//                                                        --rate, --seconds
//     npm run bench -- simulate|fleet                    the simulations' speed
//     npm run bench -- node --peer "/path/to/driver -x"  a node with another driver of the same command line, in turns
import { parseArgs } from "node:util"
import { RealCluster } from "../cluster/RealCluster.ts"
import { bundle } from "../kit/bundle.ts"
import { isNodeSubject, type NodeSubject, nodeSide, nodeSubjects } from "./benchNode.ts"
import { complaintsOf, guardTable } from "./guard.ts"
import { publishSides } from "./publishSides.ts"
import { guard, record } from "./runGuard.ts"
import { scaleKinds, scaleSide } from "./scaleSide.ts"
import { shippedCertlet } from "./shippedCertlet.ts"
import { fleetSide, storiesSide } from "./simulationSide.ts"
import { printTurns, takeTurns } from "./takeTurns.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    peer: { type: "string" },
    turns: { type: "string" },
    few: { type: "string", default: "110" },
    many: { type: "string", default: "1000" },
    keys: { type: "string", default: "ECDSA" },
    watches: { type: "string", default: "1000" },
    whole: { type: "string", default: "50" },
    rate: { type: "string", default: "20" },
    seconds: { type: "string", default: "60" },
    record: { type: "boolean", default: false }
  }
})
const [what = "publish"] = positionals
const turns = (usual = 3) => Number(values.turns ?? usual)

const onCluster = async (body: (cluster: RealCluster) => Promise<void>) => {
  const cluster = await RealCluster.start()
  try {
    await body(cluster)
  } finally {
    await cluster.stop()
  }
}

const benchPublish = async (cluster: RealCluster) => printTurns(await takeTurns(await publishSides(cluster), turns(8)))

const benchGuard = async (cluster: RealCluster) => {
  const verdicts = await (values.record ? record : guard)(cluster)
  for (const verdict of verdicts) console.log(JSON.stringify(verdict))
  console.log(`\n${guardTable(verdicts)}`)
  const complaints = complaintsOf(verdicts)
  for (const complaint of complaints) console.error(complaint)
  if (complaints.length > 0) process.exitCode = 1
}

const benchNode = async (subject: NodeSubject) => {
  if (process.getuid?.() !== 0) throw new Error(`npm run bench -- ${what} mounts and counts memory, so it needs root`)
  const peer = values.peer?.split(" ") ?? []
  const others = peer.length === 0 ? [] : [{ name: "peer", command: peer, environment: {} }]
  const options = { few: Number(values.few), many: Number(values.many), keys: values.keys }
  const sides = [await shippedCertlet(), ...others].map((contender) => nodeSide(subject, contender, options))
  printTurns(await takeTurns(sides, turns()))
}

const benchScale = async () => {
  const { rate, seconds, watches, whole } = values
  const options = { watches: Number(watches), whole: Number(whole), rate: Number(rate), seconds: Number(seconds) }
  printTurns(
    await takeTurns(
      scaleKinds.map((kind) => scaleSide(kind, options)),
      turns(1)
    )
  )
}

if (what === "publish") await onCluster(benchPublish)
else if (what === "guard") await onCluster(benchGuard)
else if (isNodeSubject(what)) await benchNode(what)
else if (what === "scale") await benchScale()
else if (what === "simulate") printTurns(await takeTurns([storiesSide(await bundle())], turns()))
else if (what === "fleet") printTurns(await takeTurns([fleetSide(await bundle())], turns()))
else {
  const subjects = ["publish", "guard", ...nodeSubjects, "scale", "simulate", "fleet"].join("|")
  throw new Error(`npm run bench -- ${subjects}, not ${JSON.stringify(what)}`)
}
process.exit()
