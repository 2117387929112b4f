/**
 * How a volume is, for the kubelet to see: what it takes on the node, and what is wrong with it. What is wrong is what somebody
 * should hear of: a mount that is lost, files that are missing, no certificate yet, one that has run out or is about to because
 * its renewal is late, a renewal that keeps failing. It says nothing of what passes by itself, so that a volume is not
 * abnormal for the moment that a renewal takes.
 */
import { DateTime, Effect, Option, Ref } from "effect"
import { type VolumeCondition, VolumeFS, type VolumeUsage } from "../volume/VolumeFS.ts"
import { UnknownVolume } from "./DriverError.ts"
import { isLate, persistent } from "./tell.ts"
import { type Volume, Volumes } from "./Volume.ts"
import { statusOf, type VolumeStatus } from "./VolumeStatus.ts"

/** One thing that is wrong with a volume. `degraded`: its pod can use it still; `inaccessible`: it cannot. */
export interface VolumeComplaint {
  readonly severity: "degraded" | "inaccessible"
  /** One word, for programs. */
  readonly reason:
    | "CertificateExpired"
    | "CertificateNearExpiry"
    | "CertificateNotIssued"
    | "CertificateNotRenewed"
    | "FilesMissing"
    | "MountLost"
    | "VolumeInherited"
    | "VolumeUnreadable"
  readonly sentence: string
}

/** How a volume is; a volume that is well has nothing to complain of. */
export interface VolumeReport {
  /** None where there is no volume of certlet's to measure. */
  readonly usage: Option.Option<VolumeUsage>
  readonly complaints: ReadonlyArray<VolumeComplaint>
}

/** Looks at a volume; a path that is given has to be where the volume is. */
export const inspectVolume = Effect.fn("driver.inspect")(function* (volumeId: string, path: Option.Option<string>) {
  const volumes = yield* Volumes
  if ((yield* volumes.inherited).has(volumeId)) return inherited
  const volume = Option.getOrUndefined(yield* volumes.get(volumeId))
  if (volume === undefined || Option.exists(path, (path) => path !== volume.place.target)) {
    return yield* new UnknownVolume({ volumeId })
  }
  return yield* report(volume)
})

/** Of a volume that another driver has mounted no more is known. */
const inherited: VolumeReport = {
  usage: Option.none(),
  complaints: [
    {
      severity: "degraded",
      reason: "VolumeInherited",
      sentence: "another driver has mounted the volume, and nobody renews its certificate; restart the pod"
    }
  ]
}

const report = Effect.fnUntraced(function* (volume: Volume): Effect.fn.Return<VolumeReport, never, Needs> {
  const fs = yield* VolumeFS
  const { target } = volume.place
  const status = yield* statusOf(volume)
  const ofCertificate = yield* certificateComplaints(volume, status)
  const looked = yield* Effect.result(Effect.all([fs.inspect(target), fs.usage(target)]))
  if (looked._tag === "Failure") {
    const unreadable = {
      severity: "inaccessible",
      reason: "VolumeUnreadable",
      sentence: looked.failure.message
    } as const
    return { usage: Option.none(), complaints: [unreadable, ...ofCertificate] }
  }
  const [found, usage] = looked.success
  return { usage, complaints: [...placeComplaints(found, status), ...ofCertificate] }
})

type Needs = VolumeFS | Effect.Services<ReturnType<typeof statusOf>>

const placeComplaints = (found: VolumeCondition, { certificate }: VolumeStatus): ReadonlyArray<VolumeComplaint> => {
  if (found === "filled") return []
  if (found === "empty") {
    const sentence = "the volume's files were removed; the pod's next publish makes them anew"
    return certificate === undefined ? [] : [{ severity: "degraded", reason: "FilesMissing", sentence }]
  }
  const sentence =
    "the volume's mount is gone; the pod's next publish makes it anew, and then the pod must be restarted"
  return [{ severity: "inaccessible", reason: "MountLost", sentence }]
}

const certificateComplaints = Effect.fnUntraced(function* (volume: Volume, { certificate, failure }: VolumeStatus) {
  const complaints: Array<VolumeComplaint> = []
  const complain = (reason: VolumeComplaint["reason"], sentence: string) =>
    void complaints.push({ severity: "degraded", reason, sentence })
  const now = yield* DateTime.now
  const { issued } = yield* Ref.get(volume.record)
  if (certificate === undefined) complain("CertificateNotIssued", "the volume holds no certificate yet")
  else if (DateTime.isLessThanOrEqualTo(certificate.notAfter, now)) {
    complain("CertificateExpired", `the certificate ended at ${DateTime.formatIso(certificate.notAfter)}`)
  } else if (issued !== undefined && isLate(issued, now)) {
    complain(
      "CertificateNearExpiry",
      `the certificate ends at ${DateTime.formatIso(certificate.notAfter)}, and its renewal has been due since ${DateTime.formatIso(certificate.renewAt)}`
    )
  }
  if (failure !== undefined && (failure.temper === "refused" || failure.failures >= persistent)) {
    complain(
      "CertificateNotRenewed",
      `${failure.failures} attempts in a row failed: ${failure.sentence}; ${failure.advice}`
    )
  }
  return complaints
})
