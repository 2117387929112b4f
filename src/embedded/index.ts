/**
 * The door `certlet/cluster`: an API server in this process for integration tests, with promises (`cluster`) or with
 * Effect (`EmbeddedCluster`). There is no logic here.
 */

import "../NodeVersion.ts"

export { cluster, type RunningCluster } from "./cluster.ts"
export { EmbeddedCluster, type EmbeddedClusterOptions, type EmbeddedUser } from "./EmbeddedCluster.ts"
export type { IssuanceBehaviour } from "./IssuanceBehaviour.ts"
export type { ServerEvent, Trouble } from "./NodeApiServer.ts"
export type { NewObject, StoredObject } from "./ObjectStore.ts"
