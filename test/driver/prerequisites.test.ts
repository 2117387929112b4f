// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how pods write variables
import "reflect-metadata"
import { describe, expect, it } from "@effect/vitest"
import { SubjectAlternativeNameExtension } from "@peculiar/x509"
import { Effect, Fiber, Logger, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimPodRegistry } from "../../src/testing/parts/SimPodRegistry.ts"
import { SimRecordDisk } from "../../src/testing/parts/SimVolumeRecords.ts"
import { VolumeRecords } from "../../src/volume/VolumeRecord.ts"
import { during, leafSeen, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const pod = { namespace: "apps", name: "web", uid: "uid-web" }
const ours = (attributes: Readonly<Record<string, string>>) =>
  publishCall(
    "web",
    Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`csi.cert-manager.io/${key}`, value]))
  )

const names = (target: string) =>
  Effect.map(leafSeen(target), (leaf) =>
    (leaf.getExtension(SubjectAlternativeNameExtension)?.names.items ?? []).map(({ value }) => value)
  )

const asked = Effect.flatMap(SimControlPlane, (cluster) => Effect.map(cluster.submitted, (drafts) => drafts.length))

describe("names that need the pod's address", () => {
  const request = ours({ "continue-on-not-ready": "true", "ip-sans": "${POD_IPS}", "dns-names": "web.apps.svc" })

  it.effect("are answered at once, and issued when the address is there", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* during("1 second", driver.publish(request))
      yield* registry.set(pod, {})
      yield* TestClock.adjust("10 minutes")
      expect([yield* asked, yield* seen(request.target)]).toEqual([0, Option.none()])
      yield* registry.set(pod, { ips: ["10.0.0.7", "fd00::7"] })
      yield* TestClock.adjust("1 second")
      expect(yield* names(request.target)).toEqual(["web.apps.svc", "10.0.0.7", "fd00::7"])
      // The kubelet calls again and again: nothing is asked for a second time.
      yield* during("1 second", driver.publish(request))
      expect(yield* asked).toBe(1)
    }).pipe(onNode("late address"))
  )

  it.effect("are issued again when the pod gets another address, and not while it has none", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* registry.set(pod, { ips: ["10.0.0.7"] })
      yield* during("1 second", driver.publish(request))
      yield* TestClock.adjust("1 second")
      yield* registry.set(pod, { ips: [], conditions: { Ready: "False" } })
      yield* TestClock.adjust("1 hour")
      expect(yield* asked).toBe(1)
      yield* registry.set(pod, { ips: ["10.0.0.8"] })
      yield* TestClock.adjust("2 seconds")
      expect(yield* names(request.target)).toEqual(["web.apps.svc", "10.0.0.8"])
      expect(yield* asked).toBe(2)
    }).pipe(onNode("another address"))
  )

  it.effect("are remembered by a restarted certlet, with the request that was pending for them", () =>
    Effect.gen(function* () {
      const first = yield* startDriver
      const registry = yield* SimPodRegistry
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ issuer: "hold" })
      yield* registry.set(pod, { ips: ["10.0.0.7"] })
      yield* during("1 second", first.publish(request))
      yield* first.stop
      yield* startDriver
      yield* cluster.behave({ issuer: "sign" })
      yield* TestClock.adjust("1 second")
      expect([yield* names(request.target), yield* asked]).toEqual([["web.apps.svc", "10.0.0.7"], 1])
      const [record] = yield* Effect.flatMap(VolumeRecords, (records) => records.all)
      expect(record?.issued.pipe(Option.map(({ followed }) => followed))).toEqual(Option.some({ POD_IPS: "10.0.0.7" }))
      yield* TestClock.adjust("1 hour")
      expect(yield* asked).toBe(1)
    }).pipe(onNode("restart"))
  )

  it.effect("leave nobody waiting when the volume goes before they are known", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* during("1 second", driver.publish(request))
      expect(yield* registry.watches).toBe(1)
      yield* driver.unpublish(request)
      yield* TestClock.adjust("31 seconds")
      expect(yield* registry.watches).toBe(0)
    }).pipe(onNode("unpublish"))
  )
})

describe("names from labels and annotations", () => {
  const request = ours({ "dns-names": "${POD_LABEL:app}.apps.svc,${POD_ANNOTATION:example.com/alias}" })

  it.effect("are there when the publish answers", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* registry.set(pod, { labels: { app: "web" }, annotations: { "example.com/alias": "alias.example" } })
      yield* during("1 second", driver.publish(request))
      expect(yield* names(request.target)).toEqual(["web.apps.svc", "alias.example"])
      yield* registry.set(pod, { labels: { app: "shop" } })
      yield* TestClock.adjust("2 seconds")
      expect(yield* names(request.target)).toEqual(["shop.apps.svc", "alias.example"])
    }).pipe(onNode("labels"))
  )

  it.effect("are waited for, and named in the answer that comes without them", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      const unseen = yield* Effect.flip(during("2 minutes", driver.publish(request)))
      expect(unseen.message).toBe("waited 1m for the pod to be seen at the API server")
      yield* registry.set(pod, { labels: { app: "web" } })
      const error = yield* Effect.flip(during("2 minutes", driver.publish(request)))
      expect(error.message).toBe("waited 1m for the annotation example.com/alias of the pod")
      yield* registry.set(pod, { annotations: { "example.com/alias": "alias.example" } })
      yield* during("1 second", driver.publish(request))
      expect(yield* asked).toBe(1)
    }).pipe(onNode("missing label"))
  )

  it.effect("that break a rule are refused by the attribute that they stand in", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* registry.set(pod, { labels: { app: "web" }, annotations: { "example.com/alias": "a b" } })
      const error = yield* Effect.flip(during("1 second", driver.publish(request)))
      expect(error.reason).toMatchObject({ _tag: "SpecError", field: "csi.cert-manager.io/dns-names" })
      expect(yield* asked).toBe(0)
    }).pipe(onNode("bad label"))
  )
})

describe("readiness gates", () => {
  const request = ours({
    "continue-on-not-ready": "true",
    "pod-readiness-gate": "pod-ip:ipv4,pod-condition:PodReadyToStartContainers,pod-annotation:example.com/go"
  })

  it.effect("hold the first certificate back until all of them are open, and no renewal", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* during("1 second", driver.publish(request))
      yield* registry.set(pod, { ips: ["fd00::7"], annotations: { "example.com/go": "" } })
      yield* registry.set(pod, { conditions: { PodReadyToStartContainers: "True" } })
      yield* registry.set(pod, { ips: ["fd00::7", "10.0.0.7"] })
      yield* TestClock.adjust("1 hour")
      expect(yield* asked).toBe(0)
      yield* registry.set(pod, { annotations: { "example.com/go": "now" } })
      yield* TestClock.adjust("1 second")
      const first = yield* leafSeen(request.target)
      yield* registry.set(pod, { ips: [], conditions: {}, annotations: {} })
      yield* TestClock.adjust("20 hours")
      expect((yield* leafSeen(request.target)).serialNumber).not.toBe(first.serialNumber)
    }).pipe(onNode("gates"))
  )

  // Found by seed 980456.
  it.effect("hold nothing back of a running pod whose record was lost", () =>
    Effect.gen(function* () {
      const before = yield* startDriver
      const registry = yield* SimPodRegistry
      const open = { ips: ["10.0.0.7"], annotations: { "example.com/go": "now" } }
      yield* registry.set(pod, { ...open, conditions: { PodReadyToStartContainers: "True" } })
      yield* during("1 second", before.publish(request))
      const first = yield* leafSeen(request.target)
      yield* before.stop
      yield* Effect.flatMap(SimRecordDisk, ({ wipe }) => wipe)
      yield* registry.set(pod, { ips: [], conditions: {}, annotations: {} })
      const after = yield* startDriver
      yield* during("1 minute", after.publish(request))
      expect((yield* leafSeen(request.target)).serialNumber).not.toBe(first.serialNumber)
    }).pipe(onNode("gates and no record"))
  )

  it.effect("of the node hold every pod's certificate back", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* during("1 second", driver.publish(publishCall()))
      yield* TestClock.adjust("1 minute")
      expect(yield* asked).toBe(0)
      yield* registry.set(pod, { ips: ["10.0.0.7"] })
      yield* TestClock.adjust("1 second")
      expect(yield* asked).toBe(1)
    }).pipe(
      onNode("node's gates", { continueOnNotReady: true, podReadinessGates: [{ kind: "pod-ip", family: "any" }] })
    )
  )
})

describe("a volume that needs nothing of its pod", () => {
  it.effect("waits for no pod", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const registry = yield* SimPodRegistry
      yield* during("1 second", driver.publish(publishCall()))
      expect(yield* registry.watches).toBe(0)
    }).pipe(onNode("nothing"))
  )
})

describe("the pod's own token", () => {
  const withToken = (token: string, expirationTimestamp = "2030-01-01T00:00:00Z") =>
    publishCall("web", {
      "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify({ "": { token, expirationTimestamp } })
    })
  const tokens = Effect.map(
    Effect.flatMap(SimControlPlane, (cluster) => cluster.submitted),
    (drafts) => drafts.map(({ token }) => Option.getOrUndefined(Option.map(token, Redacted.value)))
  )

  it.effect("is waited for, and used the moment that the kubelet brings it", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const error = yield* Effect.flip(during("2 minutes", driver.publish(publishCall())))
      expect(error.message).toContain("waited 1m for a token of the pod's ServiceAccount")
      const publishing = yield* Effect.forkChild(driver.publish(withToken("fresh")))
      yield* TestClock.adjust("30 millis")
      yield* Fiber.join(publishing)
      expect(yield* tokens).toEqual(["fresh"])
    }).pipe(onNode("token comes", { useTokenRequest: true }))
  )

  it.effect("is renewed by each publish, and an expired one is not shown to anybody", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(withToken("one", "1970-01-01T01:00:00Z")))
      yield* TestClock.adjust("20 hours")
      expect(yield* tokens).toEqual(["one"])
      yield* during("1 second", driver.publish(withToken("two")))
      yield* TestClock.adjust("1 second")
      expect(yield* tokens).toEqual(["one", "two"])
    }).pipe(onNode("token refreshed", { useTokenRequest: true }))
  )

  it.effect("is in no log and in no record", () => {
    const said: Array<string> = []
    const logger = Logger.make<unknown, void>(({ cause, message }) => {
      said.push(`${JSON.stringify(message)} ${String(cause)}`)
    })
    return Effect.gen(function* () {
      const driver = yield* startDriver
      const cluster = yield* SimControlPlane
      yield* cluster.behave({ api: "Unauthorized" })
      yield* Effect.flip(during("2 minutes", driver.publish(withToken("s3cr3t"))))
      yield* cluster.behave({ api: "up" })
      yield* TestClock.adjust("1 minute")
      expect(yield* tokens).toEqual(["s3cr3t"])
      const records = yield* Effect.flatMap(VolumeRecords, (records) => records.all)
      expect(said.length).toBeGreaterThan(0)
      expect(`${said.join()} ${JSON.stringify(records)}`).not.toContain("s3cr3t")
    }).pipe(onNode("token secret", { useTokenRequest: true }), Effect.provide(Logger.layer([logger])))
  })

  it.effect("for other audiences alone is refused, in a sentence that says what to list", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const attributes = { "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify({ vault: { token: "x" } }) }
      const error = yield* Effect.flip(during("1 second", driver.publish(publishCall("web", attributes))))
      expect(error.message).toContain('list the audience "" in the CSIDriver')
    }).pipe(onNode("audience", { useTokenRequest: true }))
  )
})
