/**
 * From what the driver says of a volume to the messages on the wire. Both ways of the standard are answered from the
 * same report: the condition in a volume's statistics, which kubelets up to version 1.12 of the standard ask for, and
 * the health that replaced it in 1.13. Pure.
 */
import type { MessageInitShape } from "@bufbuild/protobuf"
import { Option } from "effect"
import type { VolumeReport } from "../driver/VolumeStatus.ts"
import type { Amount, VolumeUsage } from "../volume/VolumeFS.ts"
import { type Node, VolumeHealthErrorType, VolumeUsage_Unit } from "./generated/csi_pb.js"
import { wireSentence } from "./Status.ts"

const usageOf = ({ available, total, used }: Amount, unit: VolumeUsage_Unit) => ({
  available: BigInt(available),
  total: BigInt(total),
  used: BigInt(used),
  unit
})

const usages = ({ bytes, inodes }: VolumeUsage) => [
  usageOf(bytes, VolumeUsage_Unit.BYTES),
  usageOf(inodes, VolumeUsage_Unit.INODES)
]

const writeStats = ({
  complaints,
  usage
}: VolumeReport): MessageInitShape<typeof Node.method.nodeGetVolumeStats.output> => ({
  usage: Option.match(usage, { onNone: () => [], onSome: usages }),
  volumeCondition: {
    abnormal: complaints.length > 0,
    message: wireSentence(complaints.map(({ sentence }) => sentence).join("; ") || "the certificate is in place")
  }
})

const severities = {
  degraded: VolumeHealthErrorType.DEGRADED,
  inaccessible: VolumeHealthErrorType.INACCESSIBLE
} as const

const writeHealth =
  (volumeId: string) =>
  ({ complaints }: VolumeReport): MessageInitShape<typeof Node.method.nodeGetVolumeHealth.output> => ({
    volumeHealth: {
      volumeId,
      healthStatuses: complaints.map(({ reason, sentence, severity }) => ({
        status: severities[severity],
        reason,
        message: wireSentence(sentence)
      }))
    }
  })

/** Writes the answers to NodeGetVolumeStats and NodeGetVolumeHealth. */
export const writeAnswer = { stats: writeStats, health: writeHealth } as const
