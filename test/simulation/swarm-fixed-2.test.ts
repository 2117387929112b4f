/** Half of the fixed seeds; the other half runs in parallel. */
import { describe } from "@effect/vitest"
import { from, swarm } from "./swarm.ts"

describe("the swarm", () => swarm(from(41, 40)))
