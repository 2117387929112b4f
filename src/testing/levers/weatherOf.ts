/**
 * What a set of faults makes of the API server and the issuer as long as nobody pulls a lever: the weather of a
 * simulation. Pure.
 */
import { Duration } from "effect"
import { calmIssuance, type IssuanceBehaviour } from "../../embedded/IssuanceBehaviour.ts"
import { type ApiBehaviour, calmApi } from "../parts/ApiBehaviour.ts"
import type { Faults } from "./Faults.ts"

/** How the cluster behaves under these faults. */
export const weatherOf = (faults: Faults): ApiBehaviour & IssuanceBehaviour => ({
  ...calmApi,
  ...calmIssuance,
  latency: Duration.millis(20),
  callLatency: Duration.millis(faults.apiLatencyMillis),
  watchLatency: Duration.millis(faults.watchLatencyMillis),
  throttled: faults.apiThrottledShare,
  retryAfterSeconds: Math.max(1, faults.apiRetryAfterSeconds),
  lost: faults.apiLostShare,
  duplicated: faults.watchDuplicatedShare,
  pageSize: Math.ceil(faults.apiPageObjects),
  pagesExpired: faults.apiPagesExpiredShare,
  dawdle: Duration.seconds(faults.issuerDawdleSeconds),
  denied: faults.deniedShare,
  failed: faults.failedShare,
  wronglySigned: faults.wrongKeyShare
})
