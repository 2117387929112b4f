import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { during, onNode, publishCall, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

/** What a pod's owner reads: reason, count and note of each Event. */
const told = Effect.map(
  Effect.flatMap(SimEvents, ({ present }) => present),
  (tallies) => tallies.map(({ count, event }) => ({ reason: event.reason, type: event.type, note: event.note, count }))
)

const published = Effect.gen(function* () {
  const driver = yield* startDriver
  yield* during("1 second", driver.publish(web))
  return driver
})

describe("a pod's owner", () => {
  it.effect("hears nothing of what goes well, however long it goes well", () =>
    Effect.gen(function* () {
      const driver = yield* published
      yield* TestClock.adjust("10 days")
      yield* driver.publish(web)
      yield* driver.unpublish(web)
      expect(yield* told).toEqual([])
    }).pipe(onNode("calm"))
  )

  it.effect("hears of a request that waits for approval: its name, for how long, what to do; in one Event", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      const driver = yield* startDriver
      yield* Effect.forkChild(Effect.ignore(driver.publish(web)))
      yield* TestClock.adjust("14 seconds")
      expect(yield* told).toEqual([])
      yield* TestClock.adjust("2 seconds")
      const [request] = yield* cluster.present
      const [first] = yield* told
      expect(first).toMatchObject({ reason: "CertificateNotApproved", type: "Warning", count: 1 })
      expect(first?.note).toBe(
        `CertificateRequest apps/${request?.name} has waited 15s for approval; ` +
          `approve it (cmctl approve -n apps ${request?.name}), or look at the approver's policy`
      )
      yield* TestClock.adjust("6 hours")
      const [later, ...others] = yield* told
      expect(others).toEqual([])
      expect(later?.count).toBeGreaterThan(10)
      expect(later?.count).toBeLessThan(30)
      expect(later?.note).toMatch(/has waited 5h \d+m for approval/)
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 day")
      expect((yield* told).length).toBe(1)
    }).pipe(onNode("approval"))
  )

  it.effect("hears who has not signed", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ issuer: "hold" })
      const driver = yield* startDriver
      yield* Effect.forkChild(Effect.ignore(driver.publish(web)))
      yield* TestClock.adjust("2 minutes")
      expect(yield* told).toMatchObject([
        { reason: "CertificateNotSigned", note: expect.stringMatching(/not been signed for 1m.*status of Issuer ca$/) }
      ])
    }).pipe(onNode("signature"))
  )

  it.effect("hears at once of a denial and of a failure, with the cluster's words and when the next try is", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const driver = yield* published
      yield* cluster.behave({ approval: { deny: "by policy" } })
      yield* TestClock.adjust("17 hours")
      const [denied] = yield* told
      expect(denied).toMatchObject({ reason: "CertificateDenied", type: "Warning" })
      expect(denied?.note).toMatch(
        /by policy; the request was denied; .*; the current certificate expires at 1970-01-02T00.*; next try in/
      )
      yield* cluster.behave({ approval: "approve", issuer: { fail: "out of ink" } })
      yield* TestClock.adjust("3 hours")
      expect((yield* told).map(({ reason }) => reason)).toContain("CertificateFailed")
      yield* driver.unpublish(web)
    }).pipe(onNode("denied"))
  )

  it.effect("does not hear of one failed call, and hears when calls keep failing", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      yield* published
      yield* cluster.behave({ webhook: "down" })
      yield* TestClock.adjust("16 hours")
      const early = yield* told
      yield* TestClock.adjust("4 hours")
      expect(early.filter(({ reason }) => reason !== "CertificateNotRenewed")).toEqual([])
      expect(yield* told).toMatchObject([{ reason: "CertificateNotRenewed", type: "Warning" }])
      yield* cluster.behave({ webhook: "up" })
    }).pipe(onNode("outage"))
  )

  it.effect("hears that a renewal came late, and when the pod was without a certificate", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      yield* published
      yield* cluster.behave({ approval: "hold" })
      yield* TestClock.adjust("26 hours")
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 minute")
      const late = (yield* told).find(({ reason }) => reason === "CertificateRenewedLate")
      expect(late?.type).toBe("Warning")
      expect(late?.note).toMatch(
        /^the certificate was renewed \d+h \d+m after it was due; the pod had no valid certificate for 2h/
      )
    }).pipe(onNode("late"))
  )

  it.effect("is told that its certificates expire before they are renewed, and the renewals keep their pace", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      const driver = yield* startDriver
      const brief = publishCall("brief", { "csi.cert-manager.io/duration": "1s" })
      yield* during("1 second", driver.publish(brief))
      yield* TestClock.adjust("59 seconds")
      expect((yield* cluster.submitted).length).toBeLessThanOrEqual(13)
      const short = (yield* told).find(({ reason }) => reason === "CertificateTooShort")
      expect(short?.type).toBe("Warning")
      expect(short?.note).toMatch(
        /^the certificate expires at \S+ and is renewed at \S+: certlet renews no volume more often than every 5s; set a longer/
      )
    }).pipe(onNode("brief"))
  )

  it.effect("hears nothing of certificates that last long enough", () =>
    Effect.gen(function* () {
      yield* published
      yield* TestClock.adjust("3 days")
      expect(yield* told).toEqual([])
    }).pipe(onNode("long enough"))
  )

  it.effect("is asked to restart the pod when its mount was lost, and nothing of healing", () =>
    Effect.gen(function* () {
      const disk = yield* SimDisk
      const driver = yield* published
      yield* disk.clean(web.target)
      yield* during("1 second", driver.publish(web))
      yield* TestClock.adjust("1 minute")
      expect(yield* told).toMatchObject([
        { reason: "VolumeMountLost", type: "Warning", note: expect.stringMatching(/restart the pod$/) }
      ])
    }).pipe(onNode("mount"))
  )

  it.effect("hears once that missing files are there again", () =>
    Effect.gen(function* () {
      const disk = yield* SimDisk
      const driver = yield* published
      yield* disk.empty(web.target)
      yield* during("1 second", driver.publish(web))
      yield* driver.publish(web)
      expect(yield* told).toMatchObject([
        { reason: "VolumeDamaged", type: "Warning", count: 1 },
        { reason: "VolumeHealed", type: "Normal", count: 1 }
      ])
    }).pipe(onNode("damage"))
  )

  it.effect("hears of damage once, however long it takes to heal", () =>
    Effect.gen(function* () {
      const disk = yield* SimDisk
      const cluster = yield* SimControlPlane
      const driver = yield* published
      yield* cluster.behave({ approval: "hold" })
      yield* disk.empty(web.target)
      for (let minute = 0; minute < 5; minute++) {
        yield* during("61 seconds", Effect.ignore(driver.publish(web)))
      }
      const reasons = Effect.map(told, (events) => events.map(({ count, reason }) => `${count} ${reason}`))
      expect((yield* reasons)[0]).toBe("1 VolumeDamaged")
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 minute")
      expect(yield* reasons).toContain("1 VolumeHealed")
    }).pipe(onNode("slowly healed"))
  )

  it.effect("hears what a certificate needs that is not there, when nobody waits for the volume", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const held = publishCall("held", {
        "csi.cert-manager.io/continue-on-not-ready": "true",
        "csi.cert-manager.io/trust-bundle": "ConfigMap/corporate"
      })
      yield* during("1 second", driver.publish(held))
      yield* TestClock.adjust("13 seconds")
      expect(yield* told).toEqual([])
      expect((yield* driver.status)[0]).toMatchObject({
        state: "Issuing",
        missing: expect.stringContaining("ConfigMap apps/corporate, key ca.crt")
      })
      yield* TestClock.adjust("2 minutes")
      expect(yield* told).toMatchObject([
        {
          reason: "CertificateNotRequested",
          type: "Warning",
          note: expect.stringMatching(
            /^no certificate requested yet: waiting 1m for ConfigMap apps\/corporate.*; certlet requests it as soon as it is there$/
          )
        }
      ])
    }).pipe(onNode("held"))
  )

  it.effect("of another pod hears nothing", () =>
    Effect.gen(function* () {
      const cluster = yield* SimControlPlane
      yield* published
      yield* cluster.behave({ approval: "hold" })
      const driver = yield* startDriver
      yield* Effect.forkChild(Effect.ignore(driver.publish(publishCall("other"))))
      yield* TestClock.adjust("1 minute")
      const events = yield* Effect.flatMap(SimEvents, ({ present }) => present)
      expect(events.map(({ event }) => event.pod.name)).toEqual(["other"])
    }).pipe(onNode("others"))
  )
})
