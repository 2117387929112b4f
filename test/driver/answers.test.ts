/** What becomes of an issuer's answer: it is used and what it lacks is told, or it is refused and asked for seldom. */
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Exit, Metric, Option } from "effect"
import { TestClock } from "effect/testing"
import { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { changed, during, isServed, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const named = publishCall("web", { "csi.cert-manager.io/common-name": "web" })
const web = publishCall("web")

const submissions = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (all) => all.length))

const events = Effect.map(
  Effect.flatMap(SimEvents, ({ present }) => present),
  (all) => all.map(({ count, event: { note, reason, type } }) => ({ reason, type, note, count }))
)

const kubelet = (driver: Effect.Success<typeof startDriver>, minutes: number) =>
  Effect.gen(function* () {
    const answers: Array<string> = []
    for (let minute = 0; minute < minutes; minute++) {
      const fiber = yield* Effect.forkChild(Effect.exit(driver.publish(web)))
      yield* TestClock.adjust("1 minute")
      const answer = fiber.pollUnsafe()
      if (answer !== undefined && Exit.isSuccess(answer)) {
        answers.push(Exit.isSuccess(answer.value) ? "" : String(answer.value.cause))
      }
    }
    return answers
  })

describe("an answer whose CA cannot be read", () => {
  it.effect("is used, and the volume keeps the CA that it has", () => {
    let isDamaged = false
    const damaged = changed(CertificateRequests, (requests) => ({
      await: (request) =>
        Effect.map(requests.await(request), (end) =>
          end._tag === "Ready" && isDamaged ? { ...end, signed: { ...end.signed, ca: "no certificate" } } : end
        )
    }))
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      const before = Option.getOrThrow(yield* seen(web.target))
      isDamaged = true
      yield* during("1 minute", driver.renewNow(web.volumeId, Duration.seconds(30)))
      const after = Option.getOrThrow(yield* seen(web.target))
      expect(after["tls.crt"]).not.toBe(before["tls.crt"])
      expect(after["ca.crt"]).toBe(before["ca.crt"])
    }).pipe(Effect.provide(damaged), onNode("damaged CA"))
  })
})

describe("an answer that lacks something", () => {
  it.effect("is used, and it is told by one Event, the metrics and the status", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ dropCommonName: true }))
      yield* during("1 second", driver.publish(named))
      yield* TestClock.adjust("1 minute")
      expect(yield* isServed(named.target)).toBe(true)
      const [request] = yield* Effect.flatMap(SimControlPlane, ({ present }) => present)
      const told = {
        reason: "CertificateNotAsRequested",
        type: "Warning",
        note:
          `the certificate of CertificateRequest apps/${request?.name} is in use, although the certificate lacks what was ` +
          'requested: common name "web"; look at what Issuer ca grants',
        count: 1
      }
      expect(yield* events).toEqual([told])
      const [status] = yield* driver.status
      expect(status?.state).toBe("Ready")
      expect(status?.remarks).toEqual(['the certificate lacks what was requested: common name "web"'])
      expect(yield* driver.metrics).toContain('certlet_certificates_lacking_total{lacks="name"} 1')
      expect(yield* driver.metrics).toContain('certlet_certificates_lacking_total{lacks="usage"} 0')
      yield* TestClock.adjust("10 days")
      expect(yield* events).toEqual([told])
      expect(yield* submissions).toBeLessThan(20)
    }).pipe(onNode("lacking"), Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("is told again when something else is missing, and no more once nothing is", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ dropCommonName: true })
      yield* during("1 second", driver.publish(named))
      yield* cluster.behave({ dropCommonName: false })
      yield* TestClock.adjust("1 day")
      const [mended] = yield* driver.status
      expect(mended?.remarks).toBeUndefined()
      yield* cluster.behave({ dropCommonName: true })
      yield* TestClock.adjust("1 day")
      expect((yield* events).map(({ reason }) => reason)).toEqual([
        "CertificateNotAsRequested",
        "CertificateNotAsRequested"
      ])
    }).pipe(onNode("lacking again"))
  )

  it.effect("is refused where a name is missing and all names are required", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ dropCommonName: true }))
      const error = yield* during("1 second", Effect.flip(driver.publish(named)))
      expect(error.message).toMatch(/the certificate lacks names that were requested: common name "web"$/)
      expect(Option.isSome(yield* seen(named.target))).toBe(false)
    }).pipe(onNode("all names", { requireAllNames: true }))
  )
})

describe("a refusal that will repeat", () => {
  it.effect("does not cost a request a minute, and the publish says so", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ issuer: "signWrongKey" })
      const answers = yield* kubelet(driver, 60)
      expect(answers.length).toBe(60)
      expect(answers.filter((answer) => answer === "")).toEqual([])
      expect(answers[1]).not.toContain("the same as the time before")
      expect(answers.at(-1)).toMatch(
        /for another key than the one that was requested, the same as the time before; certlet requests the next one in \d+m?/
      )
      // Two at once, and then after 1, 2, 4, 5, 5 ... minutes.
      expect(yield* submissions).toBeGreaterThanOrEqual(9)
      expect(yield* submissions).toBeLessThanOrEqual(24)
      yield* cluster.behave({ issuer: "sign" })
      expect((yield* kubelet(driver, 9)).at(-1)).toBe("")
      expect(yield* isServed(web.target)).toBe(true)
    }).pipe(onNode("stalled"))
  )

  it.effect("is not another pod's, and is forgotten once the pod is unpublished", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ issuer: "signWrongKey" })
      yield* kubelet(driver, 10)
      yield* cluster.behave({ issuer: "sign" })
      yield* during("1 second", driver.publish(publishCall("other")))
      yield* during("1 second", Effect.flip(driver.publish(web)))
      yield* driver.unpublish(web)
      yield* during("1 second", driver.publish(web))
    }).pipe(onNode("stalled and gone"))
  )

  it.effect("is forgotten once an answer was usable: the next one like it is the first", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      const pauseAfterRefusals = Effect.fnUntraced(function* (passes: Duration.Input) {
        yield* cluster.behave({ issuer: "signWrongKey" })
        yield* Effect.forkChild(Effect.exit(driver.renewNow(web.volumeId, Duration.seconds(1))))
        yield* TestClock.adjust(passes)
        const [status] = yield* driver.status
        const { at, nextTry } = status?.failure ?? (yield* Effect.die("nothing has failed"))
        return Duration.toSeconds(DateTime.distance(at, nextTry))
      })
      yield* during("1 second", driver.publish(web))
      const first = yield* pauseAfterRefusals("1 second")
      expect(yield* pauseAfterRefusals("1 hour")).toBeGreaterThan(first * 3)
      yield* cluster.behave({ issuer: "sign" })
      yield* during("1 minute", driver.renewNow(web.volumeId, Duration.seconds(30)))
      expect(yield* pauseAfterRefusals("1 second")).toBeLessThan(first * 3)
    }).pipe(onNode("forgotten"))
  )

  it.effect("of a renewal leaves the pod its files and is asked about ever more seldom, up to once an hour", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      const long = publishCall("web", { "csi.cert-manager.io/duration": "720h" })
      yield* during("1 second", driver.publish(long))
      yield* cluster.behave({ issuer: "signWrongKey" })
      yield* TestClock.adjust("21 days")
      const before = yield* submissions
      yield* TestClock.adjust("1 day")
      expect((yield* submissions) - before).toBeLessThanOrEqual(50)
      expect(yield* isServed(long.target)).toBe(true)
    }).pipe(onNode("stalled renewal"))
  )
})
