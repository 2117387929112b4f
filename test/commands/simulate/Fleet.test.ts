/**
 * The fleet is a model, so it is held to what it models: the real driver, with real certificates, under the virtual
 * clock. Both live through the same time with the same issuer and the same draws, and must ask for certificates at the
 * same instants.
 */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer, Logger, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import { apiLoad } from "../../../src/commands/simulate/apiLoad.ts"
import { Fleet, type FleetLog, type FleetPlan, fleetStart } from "../../../src/commands/simulate/Fleet.ts"
import { FleetRecord } from "../../../src/commands/simulate/FleetRecord.ts"
import { CertificateRequests, type EndedState, type RequestDraft } from "../../../src/issuance/CertificateRequests.ts"
import { makeSimIssuer } from "../../../src/testing/parts/SimIssuer.ts"
import { edges, publishCall, startDriver } from "../../kit/SimulatedNode.ts"

const calm: FleetPlan = {
  nodes: 1,
  pods: 1,
  days: 10,
  duration: Duration.hours(24),
  renewBefore: Option.none(),
  rollout: Duration.zero,
  issuerRate: 1e9,
  outage: { at: Duration.days(20), lasts: Duration.zero, kind: "stalls" },
  jitter: true
}

/** What a fleet's issuer signs. */
const orderOf = ({ signingRequest, spec }: RequestDraft) => ({
  signingRequest,
  usages: spec.usages,
  isCA: spec.isCA,
  lifetime: spec.duration,
  wrongKey: false
})

/** What the modelled cluster tells of its requests, by the instant at which it happens. */
interface RequestLog {
  readonly created: (now: number) => void
  readonly answered: (now: number) => void
}

/** An API server and an issuer as the fleet models them, with real signatures. */
const modelledCluster = ({ outage }: FleetPlan, { answered, created }: RequestLog) =>
  Layer.effect(
    CertificateRequests,
    Effect.gen(function* () {
      const issuer = yield* makeSimIssuer
      const drafts = new Map<string, RequestDraft>()
      const from = fleetStart + Duration.toMillis(outage.at)
      const to = from + Duration.toMillis(outage.lasts)
      const answer = Effect.fnUntraced(function* (draft: RequestDraft): Effect.fn.Return<EndedState> {
        const asked = yield* Clock.currentTimeMillis
        yield* Effect.sleep("20 millis")
        if (outage.kind === "fails" && asked >= from && asked < to) return { _tag: "Failed", message: "away" }
        const now = yield* Clock.currentTimeMillis
        if (now >= from && now < to) yield* Effect.sleep(to - now)
        return { _tag: "Ready", signed: yield* Effect.orDie(issuer.sign(orderOf(draft))) }
      })
      return CertificateRequests.of({
        submit: (draft) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            if (!drafts.has(draft.name)) created(now)
            drafts.set(draft.name, draft)
            return { namespace: draft.spec.pod.namespace, name: draft.name }
          }),
        await: ({ name }) =>
          Effect.suspend(() => {
            const draft = drafts.get(name)
            return draft === undefined ? Effect.die(`no request ${name}`) : answer(draft)
          }).pipe(Effect.ensuring(Effect.map(Clock.currentTimeMillis, answered))),
        awaitApproval: () => Effect.void,
        state: () => Effect.succeed({ _tag: "AwaitingApproval" }),
        discard: () => Effect.void
      })
    })
  )

interface Draw {
  readonly now: number
  readonly value: number
}

/** Jitter is drawn when a request has its answer; keys, names and watches draw in other instants. */
const jitterOf = (draws: ReadonlyArray<Draw>, answers: ReadonlySet<number>): ReadonlyArray<number> =>
  draws.filter(({ now }) => answers.has(now)).map(({ value }) => value)

/** When the real driver creates its requests for one volume, and the jitter that it draws. */
const liveOnce = (plan: FleetPlan, seed: string) =>
  Effect.gen(function* () {
    const instants: Array<number> = []
    const draws: Array<Draw> = []
    const answers = new Set<number>()
    const clock = yield* Clock.Clock
    const random = yield* Random.Random.pipe(Random.withSeed(seed))
    const nextDoubleUnsafe = () => {
      const value = random.nextDoubleUnsafe()
      draws.push({ now: clock.currentTimeMillisUnsafe(), value })
      return value
    }
    const cluster = modelledCluster(plan, {
      created: (now) => instants.push(now),
      answered: (now) => answers.add(now)
    })
    yield* TestClock.setTime(fleetStart)
    yield* Effect.gen(function* () {
      const driver = yield* startDriver
      yield* driver.publish(
        publishCall("web", {
          "csi.cert-manager.io/duration": `${Duration.toHours(plan.duration)}h`,
          ...Option.match(plan.renewBefore, {
            onNone: () => ({}),
            onSome: (before) => ({ "csi.cert-manager.io/renew-before": `${Duration.toHours(before)}h` })
          })
        })
      )
      yield* TestClock.adjust(Duration.days(plan.days))
      yield* driver.stop
    }).pipe(
      Effect.provide(cluster),
      Effect.provide(edges({ continueOnNotReady: true })),
      Effect.provide(Logger.layer([])),
      Effect.provideService(Random.Random, { ...random, nextDoubleUnsafe })
    )
    return { instants, jitter: jitterOf(draws, answers) }
  })

const silent: FleetLog = {
  created: () => undefined,
  deleted: () => undefined,
  signed: () => undefined,
  refused: () => undefined,
  swapped: () => undefined,
  sample: () => undefined
}

const times: ReadonlyArray<{ readonly name: string; readonly plan: FleetPlan }> = [
  { name: "with a calm issuer", plan: calm },
  { name: "with a wish", plan: { ...calm, renewBefore: Option.some(Duration.hours(20)) } },
  {
    name: "with an issuer that stalls for longer than a lifetime",
    plan: { ...calm, outage: { at: Duration.days(3), lasts: Duration.hours(30), kind: "stalls" } }
  },
  {
    name: "with an issuer that refuses for longer than a lifetime",
    plan: {
      ...calm,
      days: 1,
      duration: Duration.hours(1),
      outage: { at: Duration.hours(5), lasts: Duration.minutes(75), kind: "fails" }
    }
  },
  { name: "with short lives", plan: { ...calm, days: 2, duration: Duration.hours(1) } }
]

describe("a fleet of one", () => {
  it.effect.each(times)("asks when the real driver asks, $name", ({ plan }) =>
    Effect.gen(function* () {
      const real = yield* liveOnce(plan, "one")
      const jitter = [...real.jitter]
      const instants: Array<number> = []
      const fleet = new Fleet(
        plan,
        { ...silent, created: (_, now) => instants.push(now) },
        () => jitter.shift() ?? expect.unreachable("the fleet draws more often than the driver")
      )
      fleet.advance(fleetStart + Duration.toMillis(Duration.days(plan.days)))
      expect(real.instants.length).toBeGreaterThan(10)
      expect(instants.length).toBe(real.instants.length)
      // Both add fractions of a millisecond, one of them in more steps.
      const apart = instants.map((instant, at) => Math.abs(instant - (real.instants[at] ?? 0)))
      expect(Math.max(...apart)).toBeLessThan(1.5)
      expect(jitter).toEqual([])
    })
  )
})

describe("the record of a fleet", () => {
  const plan: FleetPlan = {
    ...calm,
    nodes: 10,
    pods: 400,
    issuerRate: 5,
    // As long as a renewal takes to come round: at any time some pods are due.
    rollout: Duration.hours(16),
    outage: { at: Duration.days(4), lasts: Duration.hours(6), kind: "stalls" }
  }
  const live = (plan: FleetPlan) =>
    Effect.gen(function* () {
      const random = yield* Random.Random.pipe(Random.withSeed("fleet"))
      const record = new FleetRecord(plan)
      const fleet = new Fleet(plan, record, () => random.nextDoubleUnsafe())
      for (let day = 1; day <= plan.days; day++) fleet.advance(fleetStart + Duration.toMillis(Duration.days(day)))
      return { record, events: fleet.events }
    })
  const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)

  it.effect("counts each call once, and is the same for the same seed", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* live(plan), yield* live(plan)]
      expect(other.record.totals).toEqual(one.record.totals)
      expect(other.record.looks).toEqual(one.record.looks)
      const { creates, deletes, refusals, signatures } = one.record.totals
      expect(creates + signatures).toBe(one.events)
      expect(deletes).toBe(signatures - plan.pods)
      expect(refusals).toBe(0)
      const { mean } = one.record.issuer(0, plan.days, 10)
      expect(Math.round(sum(mean) * 86_400)).toBe(creates)
    })
  )

  it.effect("sees that jitter scatters the herd that an outage made, and that nothing expires", () =>
    Effect.gen(function* () {
      const day = 4 + 6 / 24
      const highest = (record: FleetRecord) => Math.max(...record.issuer(day + 0.5, day + 1.5, 1440).mean)
      const jittered = (yield* live(plan)).record
      const plain = (yield* live({ ...plan, jitter: false })).record
      expect(highest(jittered)).toBeLessThan(highest(plain) / 4)
      expect([jittered.expired, plain.expired]).toEqual([0, 0])
      expect(jittered.lowestMillis / 3_600_000).toBeGreaterThan(1.9)
      expect(jittered.lowestMillis / 3_600_000).toBeLessThan(3)
    })
  )

  it.effect("says how many certificates ran out in an outage that outlasts them", () =>
    Effect.gen(function* () {
      const { record } = yield* live({ ...plan, outage: { ...plan.outage, lasts: Duration.hours(30) } })
      expect(record.expired).toBe(plan.pods)
      expect(record.lowestMillis).toBeLessThan(0)
      expect(Math.min(...record.looks.map(({ lowest }) => lowest))).toBeLessThan(0)
    })
  )
})

describe("what a fleet is to the API server", () => {
  const day = { ...calm, days: 1, nodes: 5000 }
  const renewals = (each: number) => ({ creates: each, deletes: each, signatures: each, refusals: 0 })
  const idle = apiLoad(day, renewals(0))

  it("is a bookmark a minute for each idle node, and no call", () => {
    expect(idle.calls).toBe(0)
    expect(idle.watchEvents).toBeCloseTo(5000 / 60)
    expect(idle.watchBytes / idle.watchEvents).toBeGreaterThan(100)
  })

  it("is a create, two status updates and a delete for each renewal, and an event on one watch for each of them", () => {
    const one = apiLoad(day, renewals(86_400))
    expect(one.calls).toBe(4)
    expect(one.watchEvents - idle.watchEvents).toBeCloseTo(4)
    expect((one.watchBytes - idle.watchBytes) / 4).toBeGreaterThan(1000)
    const other = apiLoad(day, renewals(864_000))
    expect(other.watchBytes - idle.watchBytes).toBeCloseTo(10 * (one.watchBytes - idle.watchBytes))
  })

  it("is not smaller where the issuer refuses: a refusal is an answer too", () => {
    const refused = { ...renewals(86_400), signatures: 0, refusals: 86_400 }
    expect(apiLoad(day, refused)).toEqual(apiLoad(day, renewals(86_400)))
  })
})
