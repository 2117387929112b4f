/** The first seeds, the same in every run. */
import { describe } from "@effect/vitest"
import { from, swarm } from "./swarm.ts"

describe("the swarm", () => swarm(from(1, 40)))
