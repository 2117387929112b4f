/**
 * The annex's street door, `certlet/testing`: what a project imports to run simulated clusters in its own tests. There is no
 * logic here. It opens on the simulated services, which stand behind the same contracts as the live ones, and on the laws of
 * those contracts, so that a service of one's own can be held to them. No test runner is imported: the programs run under
 * any.
 */

export type { Cluster, Ending } from "./Cluster.ts"
export * as CertificateRequestsContract from "./contract/certificateRequests.ts"
export * as KeyGeneratorContract from "./contract/keyGenerator.ts"
export * as KubeletContract from "./contract/kubelet.ts"
export { holds, type Law, LawBroken, same } from "./contract/Law.ts"
export * as PodEventsContract from "./contract/podEvents.ts"
export * as PodsContract from "./contract/pods.ts"
export * as TrustBundlesContract from "./contract/trustBundles.ts"
export * as VolumeFSContract from "./contract/volumeFS.ts"
export * as VolumeRecordsContract from "./contract/volumeRecords.ts"
export { type FaultName, Faults, type Incident } from "./Faults.ts"
export type { Happening } from "./Happening.ts"
export { type Invariant, InvariantBroken, invariant, type World } from "./Invariants.ts"
export { invariants } from "./judges.ts"
export { CannotSee, type Sight } from "./Sight.ts"
export * as SimCertificateRequests from "./SimCertificateRequests.ts"
export { SimControlPlane } from "./SimCertificateRequests.ts"
export { type ClusterOptions, SimCluster } from "./SimCluster.ts"
export * as SimEntropy from "./SimEntropy.ts"
export { Issuer, makeSimIssuer, type SimIssuer } from "./SimIssuer.ts"
export * as SimKeyGenerator from "./SimKeyGenerator.ts"
export type { PodWish, SimPod } from "./SimPod.ts"
export * as SimPodEvents from "./SimPodEvents.ts"
export * as SimPods from "./SimPods.ts"
export type { Edges } from "./SimProcess.ts"
export * as SimTrustBundles from "./SimTrustBundles.ts"
export * as SimVolumeFS from "./SimVolumeFS.ts"
export * as SimVolumeRecords from "./SimVolumeRecords.ts"
export { drawStory, type Knobs, type Story } from "./Story.ts"
export { type Outcome, type RunOptions, runStory, simulate, type Verdict } from "./simulate.ts"
export { type Event, Trace } from "./Trace.ts"
