/**
 * Times to the second, as Kubernetes writes them into objects and as tables show them (RFC 3339, in UTC). Pure. Logs
 * and records keep milliseconds, and use `DateTime.formatIso` as it is.
 */
import { DateTime } from "effect"

/** `2026-11-28T16:27:56Z`; what is below a second is cut off. */
export const rfc3339 = (time: DateTime.Utc): string => `${DateTime.formatIso(time).slice(0, 19)}Z`
