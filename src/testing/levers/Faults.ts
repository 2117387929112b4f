/**
 * What can go wrong in a simulated cluster, as one schema with everything off by default. The first fields are the
 * weather: they hold at every call. The others are incidents, so many per simulated day and cluster, struck at times
 * and places that only the seed decides. Each kind draws from a stream of its own, so that turning one off leaves the
 * others as they were.
 */
import { Effect, Schema } from "effect"
import { Dice } from "../parts/Dice.ts"
import { amountOf, known, shareOf } from "./misuse.ts"

const off = Schema.Number.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0)))

const weather = {
  /** The most that a call to the API server takes, each way. */
  apiLatencyMillis: off,
  /** The most that an event of a watch is late. */
  watchLatencyMillis: off,
  /** Shares of calls or events, from 0 to 1. */
  apiThrottledShare: off,
  apiLostShare: off,
  watchDuplicatedShare: off,
  /** The most that a throttled call is asked to stay away; a second where nothing is said. */
  apiRetryAfterSeconds: off,
  /** The most objects in a page of a list, a whole number; as many as a client asks for where nothing is said. */
  apiPageObjects: off,
  /** The share of further pages that the API server no longer knows. */
  apiPagesExpiredShare: off,
  /** The most that approver and issuer take for a request. */
  issuerDawdleSeconds: off,
  /** Shares of requests. */
  deniedShare: off,
  failedShare: off,
  wrongKeyShare: off,
  /** The most that a call to a disk takes. */
  diskLatencyMillis: off,
  /** The most that a pod's sandbox, and so its address, takes after its volumes are there. */
  podAddressLateSeconds: off
}

const incidents = {
  watchDropsPerDay: off,
  watchEndsPerDay: off,
  watchSilencesPerDay: off,
  historyLossesPerDay: off,
  apiOutagesPerDay: off,
  forbiddenPerDay: off,
  cutsPerDay: off,
  approvalStallsPerDay: off,
  issuerStallsPerDay: off,
  denialsPerDay: off,
  failuresPerDay: off,
  shortLifetimesPerDay: off,
  caRotationsPerDay: off,
  requestsDeletedPerDay: off,
  killsPerDay: off,
  crashPointsPerDay: off,
  stopsPerDay: off,
  freezesPerDay: off,
  kubeletRestartsPerDay: off,
  rebootsPerDay: off,
  disksFullPerDay: off,
  disksBrokenPerDay: off,
  tornRecordsPerDay: off,
  cleanedVolumesPerDay: off,
  wipedRecordsPerDay: off,
  clockSkewsPerDay: off,
  bundleRotationsPerDay: off,
  bundleLossesPerDay: off,
  addressChangesPerDay: off,
  labelChangesPerDay: off,
  tokenExpiriesPerDay: off,
  watchesGarbledPerDay: off,
  backdatingPerDay: off,
  commonNameDropsPerDay: off,
  podsReplacedPerDay: off,
  containerRestartsPerDay: off,
  mountsPlantedPerDay: off,
  callsRunningOnPerDay: off,
  disksHangingPerDay: off,
  callsCutShortPerDay: off,
  defectsPerDay: off
}

/** A fault's name. */
export type FaultName = keyof typeof weather | keyof typeof incidents
/** The name of a kind of incident. */
export type IncidentName = keyof typeof incidents

/**
 * One incident: what strikes, when, where, for how long. `draw` and `draw2` settle what else there is to settle about
 * it.
 */
export interface Incident {
  /** Its kind: one of certlet's own, or the name of a user's fault. */
  readonly fault: string
  /** Milliseconds since the simulation began. */
  readonly at: number
  readonly node: string
  readonly millis: number
  /** From [0, 1). */
  readonly draw: number
  readonly draw2: number
}

const isKeyOf = <O extends object>(object: O, key: PropertyKey): key is keyof O => key in object

/** The names of all kinds of incidents. */
export const incidentNames: ReadonlyArray<IncidentName> = Object.keys(incidents).filter((name) =>
  isKeyOf(incidents, name)
)
/** Whether a kind of incident is one of certlet's own. */
export const isIncidentName = (name: string): name is IncidentName => isKeyOf(incidents, name)
/** The names of all kinds of weather. */
export const weatherNames = Object.keys(weather).filter((name) => isKeyOf(weather, name))

/**
 * In few stories disks are so slow, and kubelets restart so often, that all that happens to a volume on a node
 * overlaps.
 */
const drawOverlaps = (seed: number | string): Partial<Faults> => {
  const dice = new Dice(`${seed}/slow`)
  if (!dice.chance(0.15)) return {}
  return {
    diskLatencyMillis: Math.round(dice.between(1000, 20_000)),
    callsRunningOnPerDay: dice.whole(0, 60),
    callsCutShortPerDay: dice.whole(0, 60),
    bundleRotationsPerDay: dice.whole(0, 60),
    deniedShare: dice.between(0, 0.3)
  }
}

/** In few stories the issuer takes its time, certlet is killed meanwhile, and what the names follow changes. */
const drawLateAnswers = (seed: number | string): Partial<Faults> => {
  const dice = new Dice(`${seed}/late`)
  if (!dice.chance(0.1)) return {}
  return {
    issuerDawdleSeconds: Math.round(dice.between(60, 300)),
    killsPerDay: dice.whole(10, 60),
    labelChangesPerDay: dice.whole(10, 60),
    addressChangesPerDay: dice.whole(10, 60)
  }
}

/** In few stories the issuer answers, and most of its answers are of no use. */
const drawUselessAnswers = (seed: number | string): Partial<Faults> => {
  const dice = new Dice(`${seed}/useless`)
  return dice.chance(0.06) ? { wrongKeyShare: dice.between(0.3, 0.9) } : {}
}

/** How much of each fault is a lot, in the fault's own unit. */
const strong: Readonly<Record<FaultName, number>> = {
  apiLatencyMillis: 2000,
  watchLatencyMillis: 5000,
  apiThrottledShare: 0.2,
  apiLostShare: 0.2,
  watchDuplicatedShare: 0.5,
  apiRetryAfterSeconds: 30,
  apiPageObjects: 5,
  apiPagesExpiredShare: 0.3,
  issuerDawdleSeconds: 120,
  deniedShare: 0.1,
  failedShare: 0.2,
  wrongKeyShare: 0.1,
  diskLatencyMillis: 500,
  podAddressLateSeconds: 120,
  watchDropsPerDay: 24,
  watchEndsPerDay: 24,
  watchSilencesPerDay: 8,
  historyLossesPerDay: 8,
  apiOutagesPerDay: 4,
  forbiddenPerDay: 2,
  cutsPerDay: 4,
  approvalStallsPerDay: 4,
  issuerStallsPerDay: 4,
  denialsPerDay: 2,
  failuresPerDay: 2,
  shortLifetimesPerDay: 1,
  caRotationsPerDay: 1,
  requestsDeletedPerDay: 8,
  killsPerDay: 12,
  crashPointsPerDay: 24,
  stopsPerDay: 8,
  freezesPerDay: 6,
  kubeletRestartsPerDay: 6,
  rebootsPerDay: 2,
  disksFullPerDay: 3,
  disksBrokenPerDay: 3,
  tornRecordsPerDay: 6,
  cleanedVolumesPerDay: 2,
  wipedRecordsPerDay: 1,
  clockSkewsPerDay: 2,
  bundleRotationsPerDay: 4,
  bundleLossesPerDay: 2,
  addressChangesPerDay: 4,
  labelChangesPerDay: 4,
  tokenExpiriesPerDay: 4,
  watchesGarbledPerDay: 12,
  backdatingPerDay: 2,
  commonNameDropsPerDay: 1,
  podsReplacedPerDay: 2,
  containerRestartsPerDay: 6,
  mountsPlantedPerDay: 2,
  callsRunningOnPerDay: 12,
  disksHangingPerDay: 24,
  callsCutShortPerDay: 48,
  defectsPerDay: 24
}

/**
 * Every fault by its name; what is not named is off. `Schema.decodeSync(Faults)` reads a set from JSON, `Faults.of`
 * makes one in code, `Faults.swarm` draws one.
 */
export class Faults extends Schema.Opaque<Faults>()(Schema.Struct({ ...weather, ...incidents })) {
  /** The names of all faults. */
  static readonly names: ReadonlyArray<FaultName> = [...weatherNames, ...incidentNames]
  /** No faults at all. */
  static readonly none: Faults = Schema.decodeSync(Faults)({})

  /** These faults, and no others. */
  static of(some: Partial<Faults>): Faults {
    known("a set of faults", some, Faults.none)
    for (const [name, amount] of Object.entries(some)) {
      if (name.endsWith("Share")) shareOf(name, amount)
      else amountOf(name, amount)
    }
    return { ...Faults.none, ...some }
  }

  /** These faults at half of what is a lot: what a name alone means on a command line. */
  static named(names: ReadonlyArray<FaultName>): Faults {
    return Faults.of(Object.fromEntries(names.map((name) => [name, strong[name] / 2])))
  }

  /** A set of faults for a seed: a few of them, from slight to strong; about one seed in ten has none. */
  static swarm(seed: number | string): Faults {
    const dice = new Dice(`${seed}/swarm`)
    const share = dice.pick([0, 0.1, 0.2, 0.2, 0.3, 0.3, 0.5, 0.5, 0.8, 1])
    const drawn = Faults.names.map((name) => {
      const [chosen, intensity] = [dice.chance(share), dice.next()]
      return [name, chosen ? Math.round(strong[name] * intensity * 1000) / 1000 : 0] as const
    })
    return Faults.of({
      ...Object.fromEntries(drawn),
      ...drawOverlaps(seed),
      ...drawLateAnswers(seed),
      ...drawUselessAnswers(seed)
    })
  }
}

const longest: Partial<Record<IncidentName, number>> = {
  freezesPerDay: 600_000,
  disksHangingPerDay: 600_000,
  killsPerDay: 600_000,
  stopsPerDay: 600_000,
  kubeletRestartsPerDay: 300_000,
  callsCutShortPerDay: 60_000,
  rebootsPerDay: 300_000,
  shortLifetimesPerDay: 1_200_000
}
const hour = 3_600_000
const longestOf = (fault: string): number => (isIncidentName(fault) ? (longest[fault] ?? hour * 2) : hour * 2)

/** A kind of incident, and how often it strikes in a day and cluster. */
export interface Rate {
  readonly name: string
  readonly perDay: number
}

/**
 * The incidents of one simulated day (counted from 0), in order: those of the faults, and those of `own` kinds.
 * `perDay` counts them for a day of `dayMillis`.
 */
export const incidentsOf = (
  faults: Faults,
  seed: string,
  nodes: ReadonlyArray<string>,
  day: number,
  dayMillis = 86_400_000,
  own: ReadonlyArray<Rate> = []
): ReadonlyArray<Incident> =>
  [...incidentNames.map((name) => ({ name, perDay: faults[name] })), ...own]
    .flatMap(({ name: fault, perDay }) => {
      if (perDay === 0) return []
      const dice = new Dice(`${seed}/${fault}/${day}`)
      const count = Math.floor(perDay + dice.next())
      return Array.from({ length: count }, () => ({
        fault,
        at: Math.floor((day + dice.next()) * dayMillis),
        node: nodes[dice.whole(0, nodes.length)] ?? "",
        // Mostly short, seldom very long: the interesting lengths are spread over orders of magnitude.
        millis: Math.ceil(longestOf(fault) * dice.next() ** 3),
        draw: dice.next(),
        draw2: dice.next()
      }))
    })
    .sort((one, other) => one.at - other.at)
