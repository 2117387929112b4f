import { Effect } from "effect"
import { simulate } from "./testing/simulate.ts"
import { drawStory } from "./testing/Story.ts"
import { Faults } from "./testing/Faults.ts"
const k = {nodes: 1, pods: 1, faults: Faults.none}
const run = (s: number) => Effect.runPromise(simulate(s, k, {traceEvents: 100000}))
for (const s of [4, 14, 6]) {
console.log(JSON.stringify(drawStory(s, k).acts).slice(0, 700))
const a = await run(s); const b = await run(s); const c = await run(s)
console.log(a.digest === b.digest, b.digest === c.digest)
const la = a.lines(), lb = b.lines()
console.log(la.length, lb.length, la.findIndex((l, i) => l !== lb[i]))
}
