/**
 * The invariants of certlet itself: what the programs promise, each a judge with its own books. Safety is judged at
 * every step; liveness when a cluster had time to settle, and from then on until somebody disturbs it. The order is
 * that of the list, and of nothing else: no judge knows another.
 */
import type { Invariant } from "./Invariants.ts"
import { judgesOfCalls } from "./judgesOfCalls.ts"
import { judgesOfFailures } from "./judgesOfFailures.ts"
import { judgesOfKeystores } from "./judgesOfKeystores.ts"
import { judgesOfNeed } from "./judgesOfNeed.ts"
import { judgesOfPauses } from "./judgesOfPauses.ts"
import { judgesOfPods } from "./judgesOfPods.ts"
import { judgesOfRecords } from "./judgesOfRecords.ts"
import { judgesOfRequests } from "./judgesOfRequests.ts"
import { judgesOfRest } from "./judgesOfRest.ts"
import { judgesOfSecrets } from "./judgesOfSecrets.ts"
import { judgesOfStatus } from "./judgesOfStatus.ts"
import { judgesOfTime } from "./judgesOfTime.ts"
import { judgesOfTrust } from "./judgesOfTrust.ts"
import { judgesOfVolumes } from "./judgesOfVolumes.ts"

/** certlet's own invariants. */
export const judges: ReadonlyArray<Invariant> = [
  ...judgesOfVolumes,
  ...judgesOfPods,
  ...judgesOfCalls,
  ...judgesOfFailures,
  ...judgesOfPauses,
  ...judgesOfTrust,
  ...judgesOfKeystores,
  ...judgesOfRecords,
  ...judgesOfTime,
  ...judgesOfStatus,
  ...judgesOfRequests,
  ...judgesOfNeed,
  ...judgesOfSecrets,
  ...judgesOfRest
]
