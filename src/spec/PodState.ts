/**
 * What certlet knows of a pod beyond what the kubelet says when it publishes a volume: its addresses, its labels and
 * annotations, and its conditions, as the API server shows them. Names in a certificate may follow them and readiness
 * gates look at them. Pure, at the bottom of the house: `cluster/` reads it off the API, everybody else only looks.
 */
import { limits } from "./Limits.ts"

/**
 * Stands for a value that is too long for any attribute, such as kubectl's last applied configuration: it tells that
 * the value is there, it is refused by its length where a name is to be made of it, and it is in memory once.
 */
export const tooLongValue = " ".repeat(limits.attributeLength + 1)

/** A pod at one moment. */
export interface PodState {
  /** `status.podIPs`, the primary address first; empty until the kubelet has made the pod's sandbox. */
  readonly ips: ReadonlyArray<string>
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** `status.conditions`: `True`, `False` or `Unknown` by type. */
  readonly conditions: Readonly<Record<string, string>>
}
