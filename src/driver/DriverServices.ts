/**
 * Everything that the driver's programs need from outside: the contracts of the rooms below. Whoever runs the driver
 * provides these services, live or simulated; the list is said here once.
 */
import type { CertificateRequests } from "../issuance/CertificateRequests.ts"
import type { KeyGenerator } from "../issuance/KeyGenerator.ts"
import type { PodEvents } from "../kube/PodEvents.ts"
import type { Pods } from "../kube/Pods.ts"
import type { TrustBundles } from "../kube/TrustBundles.ts"
import type { Settings } from "../Settings.ts"
import type { Entropy } from "../volume/Entropy.ts"
import type { VolumeFS } from "../volume/VolumeFS.ts"
import type { VolumeRecords } from "../volume/VolumeRecord.ts"

/** The services that `Driver.layer` requires. */
export type DriverServices =
  | CertificateRequests
  | Entropy
  | KeyGenerator
  | PodEvents
  | Pods
  | Settings
  | TrustBundles
  | VolumeFS
  | VolumeRecords
