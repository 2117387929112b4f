/**
 * How long the demo's certificates live. Twelve seconds are enough where certlet starts in one and a half: a renewal is
 * due with a third of the lifetime left, and the demo starts certlet again meanwhile, on a machine that may have become
 * twice as busy. On a slower machine certificates live longer by as much, so that the demo shows what certlet does and
 * not how busy the machine is. Pure.
 */
import { Duration } from "effect"

const shortest = Duration.seconds(12)
const longest = Duration.minutes(4)

const startsPerLife = 8

/** The lifetime, in whole seconds, for a machine on which certlet's start took so long. */
export const lifetimeFor = (start: Duration.Duration): Duration.Duration =>
  Duration.clamp(Duration.seconds(Math.ceil(Duration.toSeconds(start) * startsPerLife)), {
    minimum: shortest,
    maximum: longest
  })
