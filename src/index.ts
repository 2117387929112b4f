/**
 * The library's front door: what others may import. There is no logic here. It opens on the contracts with their
 * errors, on the programs over them, and on the pure modules that decide: enough to run certlet's driver over services
 * of one's own, or to replace one service of a simulated cluster (`certlet/testing`). The live layers are not here:
 * they belong to the program `certlet`, and bring its sockets and mounts with them.
 */

import "./NodeVersion.ts"

export { type Calls, Kubelet, KubeletError } from "./csi/Kubelet.ts"
export { Status, StatusCode, statusOf } from "./csi/Status.ts"
export { serve } from "./csi/serve.ts"
export { Defect } from "./Defect.ts"
export { pauseAfter, type Setback } from "./driver/Backoff.ts"
export { Driver } from "./driver/Driver.ts"
export type { PublishCall, UnpublishCall } from "./driver/DriverCalls.ts"
export { PublishError, RenewError, UnknownVolume, UnpublishError, Unpublished } from "./driver/DriverError.ts"
export type { DriverServices } from "./driver/DriverServices.ts"
export type { VolumeReport, VolumeStatus } from "./driver/VolumeStatus.ts"
export type { SignedCertificate } from "./issuance/CertificateRequest.ts"
export {
  CertificateRequest,
  Condition,
  type RequestReference,
  type RequestState,
  requestState
} from "./issuance/CertificateRequest.ts"
export {
  CertificateRequests,
  type EndedState,
  type RequestDraft,
  RequestError
} from "./issuance/CertificateRequests.ts"
export { checkSigned, type Leaf } from "./issuance/checkSigned.ts"
export { IssuanceError } from "./issuance/IssuanceError.ts"
export { KeyError, KeyGenerator, type PrivateKey } from "./issuance/KeyGenerator.ts"
export { lifetime, renewalTime, type Validity } from "./issuance/RenewalTime.ts"
export { signingRequest } from "./issuance/SigningRequest.ts"
export { type EventReason, type PodEvent, PodEvents } from "./kube/PodEvents.ts"
export { type PodReference, Pods } from "./kube/Pods.ts"
export { type TrustBundleReference, TrustBundles, type TrustState } from "./kube/TrustBundles.ts"
export { type KubeSettings, Settings } from "./Settings.ts"
export type { Pod } from "./spec/Pod.ts"
export type { PodState } from "./spec/PodState.ts"
export type { RenewBefore } from "./spec/RenewBefore.ts"
export { SpecError } from "./spec/SpecError.ts"
export type { VolumeContext } from "./spec/VolumeContext.ts"
export type { PublishSecrets } from "./spec/VolumeSecrets.ts"
export { decodeVolumeSpec, type KeyParameters, type VolumeSpec } from "./spec/VolumeSpec.ts"
export type { Temper } from "./Temper.ts"
export { version } from "./Version.ts"
export { Entropy } from "./volume/Entropy.ts"
export { type File, type FileSet, fileSet } from "./volume/FileSet.ts"
export { type VolumeCondition, VolumeError, VolumeFS, type VolumePlace } from "./volume/VolumeFS.ts"
export { RecordError, VolumeRecord, VolumeRecords } from "./volume/VolumeRecord.ts"
