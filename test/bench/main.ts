// `npm run bench -- publish|node`: how fast certlet is against a real control plane, and what a node pays for it.
//
//     npm run bench                                   publish latency and throughput beside the floor
//     npm run bench -- node                           memory, processor time, start, unpublish
//     npm run bench -- node --peer /path/to/driver    the same with another driver of the same command line, in turns
import { parseArgs } from "node:util"
import { describeFigures, measure, thorough } from "../cluster/bench.ts"
import { bundle, compileCacheEnvironment } from "../cluster/bundle.ts"
import { RealCluster } from "../cluster/RealCluster.ts"
import { benchNode, type Contender } from "./benchNode.ts"

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

const benchPublish = async () => {
  const cluster = await RealCluster.start()
  try {
    console.log(describeFigures(await measure(cluster, thorough)))
  } finally {
    await cluster.stop()
  }
}

/** As the DaemonSet starts it. */
const certlet = async (): Promise<Contender> => {
  const program = await bundle()
  const memory = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "65536", MALLOC_TRIM_THRESHOLD_: "131072" }
  return {
    name: "certlet",
    command: [process.execPath, program, "run", "--log-level=1"],
    environment: { ...memory, ...compileCacheEnvironment(program) }
  }
}

const [what = "publish"] = positionals
if (what === "publish") await benchPublish()
else if (what === "node") {
  if (process.getuid?.() !== 0) throw new Error("npm run bench -- node mounts and counts memory, so it needs root")
  const peer = values.peer?.split(" ") ?? []
  const others = peer.length === 0 ? [] : [{ name: "peer", command: peer, environment: {} }]
  const [turns, few, many] = [Number(values.turns), Number(values.few), Number(values.many)]
  await benchNode({ contenders: [await certlet(), ...others], turns, few, many, keys: values.keys })
} else throw new Error(`npm run bench -- publish|node, not ${JSON.stringify(what)}`)
process.exit(0)
