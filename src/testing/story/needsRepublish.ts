/**
 * Whether a story's kubelet has to publish again and again: only another publish brings a fresh token, a password, what
 * a lost record held, or a mount that somebody took away. Pure.
 */
import { prefix } from "../../spec/VolumeContext.ts"
import type { IncidentName } from "../levers/Faults.ts"
import { type Act, type Story, volumeWishesOf } from "./Story.ts"

/** True where a volume needs a password that comes with its publishes: certlet writes none of them down as it is. */
const takesPasswords = (act: Act): boolean =>
  act._tag === "Schedule" &&
  volumeWishesOf(act.wish).some(({ attributes = {} }) =>
    ["pkcs12", "jks"].some((kind) => {
      const from = attributes[`${prefix}${kind}-password-from`]
      return attributes[`${prefix}${kind}-enable`] === "true" && from !== "generate"
    })
  )

/** What takes something away that certlet keeps of a volume. */
const losses: ReadonlyArray<IncidentName> = ["tornRecordsPerDay", "wipedRecordsPerDay", "cleanedVolumesPerDay"]

/** True where a kubelet that publishes once leaves pods of the story without what they ask for. */
export const needsRepublish = ({
  acts,
  faults,
  incidents,
  useTokenRequest
}: Pick<Story, "acts" | "faults" | "incidents" | "useTokenRequest">): boolean =>
  useTokenRequest ||
  losses.some((name) => faults[name] > 0 || incidents.some(({ fault }) => fault === name)) ||
  acts.some(takesPasswords)
