/**
 * A span of time as people say it, for sentences and tables. Pure. Flags and attributes are written as Go writes them
 * (`GoDuration`).
 */
import { Duration } from "effect"

/** The two largest units of a span, in whole seconds: "2h 5m", "40s". A negative span is "0s". */
export const spokenDuration = (span: Duration.Duration): string => {
  const whole = Duration.seconds(Math.max(0, Math.round(Duration.toSeconds(span))))
  return Duration.isZero(whole) ? "0s" : Duration.format(whole).split(" ").slice(0, 2).join(" ")
}
