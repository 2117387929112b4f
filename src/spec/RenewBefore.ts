/**
 * How long before its end a pod wants its certificate renewed: a time, or a share of the life that the certificate has.
 * Pure data; `RenewalTime` makes an instant of it and says when such a wish cannot be kept.
 */
import type { Duration } from "effect"

/** A time before the end, or the percentage of its life that a certificate then still has. */
export type RenewBefore = { readonly time: Duration.Duration } | { readonly percentage: number }
