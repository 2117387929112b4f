// The promise about speed and size, kept in the same run in which it is measured: what a publish takes, over what this
// machine's control plane needs for anybody's certificate, and what a node pays, are not worse than they were recorded
// (`npm run bench -- guard`). No absolute time is judged here: two cores that are shared with the control plane and the
// judges make those a matter of luck.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { complaintsOf, guardTable } from "../bench/guard.ts"
import { guard } from "../bench/runGuard.ts"
import { clusterLimitMilliseconds, RealCluster } from "./RealCluster.ts"

let cluster: RealCluster

beforeAll(async () => {
  cluster = await RealCluster.start()
}, clusterLimitMilliseconds)

afterAll(() => cluster?.stop())

describe("performance", () => {
  it("is what it was", { timeout: clusterLimitMilliseconds }, async () => {
    const verdicts = await guard(cluster)
    console.log(`\n${guardTable(verdicts)}`)
    expect(complaintsOf(verdicts)).toEqual([])
  })
})
