import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Fiber, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimDisk } from "../../src/testing/parts/SimVolumeFS.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { during, leafSeen, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const web = publishCall("web")

/** Nothing of a volume is left on the node: no mount, no folder, no record. */
const nothingLeft = (target: string) =>
  Effect.gen(function* () {
    expect(yield* Effect.flatMap(VolumeFS, (fs) => fs.inspect(target))).toBe("absent")
    expect(yield* Effect.flatMap(VolumeRecords, (records) => records.all)).toEqual([])
  })

const submissions = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (all) => all.length))

describe("publish", () => {
  it.effect("puts key, certificate and CA into the volume", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      const files = Option.getOrThrow(yield* seen(web.target))
      expect(Object.keys(files).sort()).toEqual(["ca.crt", "tls.crt", "tls.key"])
      expect(files["tls.key"]).toContain("PRIVATE KEY")
      expect((yield* leafSeen(web.target)).toString("text")).toContain("web.apps.svc")
    }).pipe(onNode("files"))
  )

  it.effect("again is cheap: no second request, the same files", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      const before = yield* seen(web.target)
      for (let i = 0; i < 10; i++) yield* during("1 minute", driver.publish(web))
      expect(yield* seen(web.target)).toEqual(before)
      expect(yield* submissions).toBe(1)
    }).pipe(onNode("again"))
  )

  it.effect("twice at the same time is one request, and both succeed", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const twice = Effect.all([driver.publish(web), driver.publish(web)], { concurrency: 2, discard: true })
      yield* during("1 second", twice)
      expect(yield* submissions).toBe(1)
    }).pipe(onNode("twice"))
  )

  it.effect("refuses a volume that is not read-only, and makes nothing", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const error = yield* Effect.flip(driver.publish({ ...web, readonly: false }))
      expect(error.reason).toMatchObject({ _tag: "SpecError", field: "readOnly" })
      expect(error.pod).toBe("apps/web")
      yield* nothingLeft(web.target)
    }).pipe(onNode("readonly"))
  )

  it.effect("that is denied says so at once and leaves nothing", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: { deny: "by policy" } })
      const error = yield* during("1 second", Effect.flip(driver.publish(web)))
      expect(error.reason).toMatchObject({ _tag: "IssuanceError", reason: "Denied", detail: "by policy" })
      yield* nothingLeft(web.target)
      yield* TestClock.adjust("1 day")
      expect(yield* submissions).toBe(1)
      yield* cluster.behave({ approval: "approve" })
      yield* during("1 second", driver.publish(web))
    }).pipe(onNode("denied"))
  )

  it.effect("that is denied again and again keeps one request, not a heap", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: { deny: "by policy" } })
      for (let i = 0; i < 5; i++) yield* during("1 second", Effect.flip(driver.publish(web)))
      expect((yield* cluster.present).length).toBe(1)
      expect(yield* submissions).toBe(5)
    }).pipe(onNode("heap"))
  )

  it.effect.each([
    [{ fail: "out of ink" }, "Failed"],
    ["signWrongKey", "Mismatch"]
  ] as const)("that the issuer spoils (%j) fails and leaves nothing", ([issuer, reason]) =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ issuer }))
      const error = yield* during("1 second", Effect.flip(driver.publish(web)))
      expect(error.reason).toMatchObject({ reason })
      yield* nothingLeft(web.target)
    }).pipe(onNode("spoiled"))
  )

  it.effect("that waits too long names what it waits for, and the next one joins the same request", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      const error = yield* during("61 seconds", Effect.flip(driver.publish(web)))
      const [request] = yield* cluster.present
      expect(error.reason).toMatchObject({ reason: "Pending", request: `apps/${request?.name}` })
      expect(error.message).toContain("not approved yet after 1m")
      const next = yield* Effect.forkChild(driver.publish(web))
      yield* TestClock.adjust("10 seconds")
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(next)
      expect(yield* submissions).toBe(1)
    }).pipe(onNode("slow approval"))
  )

  it.effect("answers before the kubelet's own deadline", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ issuer: "hold" }))
      const deadline = Option.some(DateTime.addDuration(yield* DateTime.now, Duration.seconds(10)))
      const error = yield* during("9 seconds", Effect.flip(driver.publish({ ...web, deadline })))
      expect(error.message).toContain("approved, not signed yet (held back) after 8s")
    }).pipe(onNode("deadline"))
  )

  it.effect("that is cancelled leaves its issuance running, and the next one finds the files", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ latency: Duration.minutes(2) })
      const first = yield* Effect.forkChild(driver.publish(web))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("2 minutes")
      yield* during(0, driver.publish(web))
      expect(yield* submissions).toBe(1)
    }).pipe(onNode("cancelled"))
  )

  it.effect("sits out the API server's absence", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ api: "Unavailable" })
      const publishing = yield* Effect.forkChild(driver.publish(web))
      yield* TestClock.adjust("20 seconds")
      yield* cluster.behave({ api: "up" })
      yield* TestClock.adjust("25 seconds")
      yield* Fiber.join(publishing)
      expect(yield* submissions).toBe(1)
    }).pipe(onNode("api away"))
  )

  it.effect("says that the API server does not answer, when it stays away", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ api: "Unavailable" }))
      const error = yield* during("61 seconds", Effect.flip(driver.publish(web)))
      expect(error.reason).toMatchObject({ _tag: "RequestError", reason: "Unavailable" })
    }).pipe(onNode("api gone"))
  )

  it.effect("says at once that it has no rights", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.behave({ api: "Forbidden" }))
      const error = yield* during("1 second", Effect.flip(driver.publish(web)))
      expect(error.reason).toMatchObject({ _tag: "RequestError", reason: "Forbidden" })
      yield* nothingLeft(web.target)
    }).pipe(onNode("forbidden"))
  )

  it.effect("makes a new request with a new key when its request is deleted", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      const publishing = yield* Effect.forkChild(driver.publish(web))
      yield* TestClock.adjust("1 second")
      const [request] = yield* cluster.present
      yield* cluster.remove(request?.name ?? "")
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(publishing)
      const drafts = yield* cluster.submitted
      expect(new Set(drafts.map((draft) => draft.signingRequest)).size).toBe(2)
    }).pipe(onNode("deleted"))
  )

  it.effect("on a full disk fails and leaves nothing", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimDisk, (disk) => disk.fill)
      const error = yield* during("1 second", Effect.flip(driver.publish(web)))
      expect(error.reason).toMatchObject({ _tag: "VolumeError", reason: "Full" })
      yield* nothingLeft(web.target)
    }).pipe(onNode("full"))
  )

  it.effect("where something else stands fails, asks for no certificate and touches nothing", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* Effect.flatMap(SimDisk, (disk) => disk.plant(web.target, Option.some("mount")))
      const error = yield* during("1 second", Effect.flip(driver.publish(web)))
      expect(error.reason).toMatchObject({ _tag: "VolumeError", reason: "Foreign" })
      // It may stand above a mount of certlet's: the kubelet has to call again, or nobody ever unpublishes that one.
      expect(Option.getOrElse(error.left, () => "")).toMatch(/may hide a volume of certlet's/)
      expect(yield* submissions).toBe(0)
      expect(yield* Effect.flatMap(VolumeRecords, (records) => records.all)).toEqual([])
      expect(yield* Effect.flatMap(VolumeFS, (fs) => fs.inspect(web.target))).toBe("foreign")
    }).pipe(onNode("foreign"))
  )

  it.effect("whose mount fails leaves nothing, and withdraws what it asked for", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      const flags = ["no-such-flag"]
      const error = yield* during("1 second", Effect.flip(driver.publish({ ...web, mountFlags: flags })))
      expect(error.reason).toMatchObject({ _tag: "VolumeError" })
      yield* nothingLeft(web.target)
      yield* TestClock.adjust("1 day")
      expect(yield* cluster.present).toEqual([])
    }).pipe(onNode("mount fails"))
  )

  it.effect("with other attributes replaces the volume", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      const changed = publishCall("web", { "csi.cert-manager.io/dns-names": "other.apps.svc" })
      yield* during("1 second", driver.publish(changed))
      expect((yield* leafSeen(web.target)).toString("text")).toContain("other.apps.svc")
    }).pipe(onNode("changed"))
  )

  it.effect("leaves a volume alone where only a newer kubelet says more than the last one did", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      const before = yield* Effect.flatMap(SimDisk, (disk) => disk.volumes)
      const more = publishCall("web", { "csi.storage.k8s.io/something.new": "true" })
      yield* during("1 second", driver.publish(more))
      expect(yield* submissions).toBe(1)
      expect((yield* Effect.flatMap(SimDisk, (disk) => disk.volumes))[0]).toBe(before[0])
    }).pipe(onNode("newer kubelet"))
  )

  it.effect("fills a volume again whose mount has disappeared", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(web))
      yield* Effect.flatMap(SimDisk, (disk) => disk.clean(web.target))
      yield* during("1 second", driver.publish(web))
      expect(Option.isSome(yield* seen(web.target))).toBe(true)
      expect(yield* submissions).toBe(2)
    }).pipe(onNode("cleaned"))
  )

  it.effect("with continue-on-not-ready answers first and issues in the background", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ approval: "hold" })
      yield* during(0, driver.publish(web))
      expect(yield* Effect.flatMap(VolumeFS, (fs) => fs.inspect(web.target))).toBe("empty")
      yield* TestClock.adjust("1 hour")
      yield* cluster.behave({ approval: "approve" })
      yield* TestClock.adjust("1 second")
      expect(Option.isSome(yield* seen(web.target))).toBe(true)
    }).pipe(onNode("not ready", { continueOnNotReady: true }))
  )

  it.effect("asks in the pod's name with the token of the last publish, and waits for one", () => {
    const tokens = (token: string) =>
      publishCall("web", {
        "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify({
          "": { token, expirationTimestamp: "2030-01-01T00:00:00Z" }
        })
      })
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const error = yield* during("61 seconds", Effect.flip(driver.publish(web)))
      expect(error.reason).toMatchObject({ reason: "NotReady" })
      yield* during("16 seconds", driver.publish(tokens("first")))
      yield* during("1 second", driver.publish(tokens("second")))
      const [draft, ...more] = yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.submitted)
      expect(more).toEqual([])
      expect(Option.map(draft?.token ?? Option.none(), Redacted.value)).toEqual(Option.some("first"))
      const records = yield* Effect.flatMap(VolumeRecords, (records) => records.all)
      expect(JSON.stringify(records)).not.toMatch(/first|second/)
    }).pipe(onNode("token", { useTokenRequest: true }))
  })

  it.effect("asks with the token that comes among the call's secrets, and remembers it nowhere", () => {
    const tokens = JSON.stringify({ "": { token: "among secrets", expirationTimestamp: "2030-01-01T00:00:00Z" } })
    const secrets = { "csi.storage.k8s.io/serviceAccount.tokens": Redacted.make(tokens) }
    return Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish({ ...web, secrets }))
      const [draft] = yield* Effect.flatMap(SimControlPlane, (cluster) => cluster.submitted)
      expect(Option.map(draft?.token ?? Option.none(), Redacted.value)).toEqual(Option.some("among secrets"))
      expect(JSON.stringify(yield* Effect.flatMap(VolumeRecords, (records) => records.all))).not.toContain("among")
    }).pipe(onNode("token in secrets", { useTokenRequest: true }))
  })
})
