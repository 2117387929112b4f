/** Seeds that nobody has run before: each run of the tests looks somewhere else. */
import { describe } from "@effect/vitest"
import { from, swarm } from "./swarm.ts"

describe("the swarm, somewhere new", () => swarm(from(Math.floor(Math.random() * 1_000_000_000), 6)))
