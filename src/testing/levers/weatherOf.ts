/**
 * What a set of faults makes of the API server and the issuer as long as nobody pulls a lever: the weather of a
 * simulation. Pure.
 */
import { Duration } from "effect"
import { calmIssuance, type IssuanceBehaviour } from "../../embedded/Controllers.ts"
import { type ApiBehaviour, calmApi } from "../parts/SimApiServer.ts"
import type { Faults } from "./Faults.ts"

/** How the cluster behaves under these faults. */
export const weatherOf = (faults: Faults): ApiBehaviour & IssuanceBehaviour => ({
  ...calmApi,
  ...calmIssuance,
  latency: Duration.millis(20),
  callLatency: Duration.millis(faults.apiLatencyMillis),
  watchLatency: Duration.millis(faults.watchLatencyMillis),
  throttled: faults.apiThrottledShare,
  lost: faults.apiLostShare,
  duplicated: faults.watchDuplicatedShare,
  dawdle: Duration.seconds(faults.issuerDawdleSeconds),
  denied: faults.deniedShare,
  failed: faults.failedShare,
  wronglySigned: faults.wrongKeyShare
})
