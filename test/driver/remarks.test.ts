import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { SimControlPlane } from "../../src/testing/parts/SimControlPlane.ts"
import { SimEvents } from "../../src/testing/parts/SimEvents.ts"
import { during, onNode, publishCall, seen, startDriver } from "../kit/SimulatedNode.ts"

const odd = publishCall("web", { "csi.cert-manager.io/pkcs12-file": "a", "csi.cert-manager.io/pod-uid": "1" })

const events = Effect.map(
  Effect.flatMap(SimEvents, ({ present }) => present),
  (all) => all.map(({ event }) => `${event.reason}: ${event.note}`)
)

describe("attributes that look like a mistake", () => {
  it.effect("are told once, and the pod gets its certificate", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      for (let i = 0; i < 5; i++) yield* during("1 minute", driver.publish(odd))
      expect(Option.isSome(yield* seen(odd.target))).toBe(true)
      expect(yield* events).toEqual([
        "VolumeAttributeIgnored: the volume is served, but its volumeAttributes hold what looks like a mistake: " +
          "csi.cert-manager.io/pkcs12-file: is not a known attribute; did you mean csi.cert-manager.io/pkcs12-filename?; " +
          "csi.cert-manager.io/pod-uid: is not a known attribute"
      ])
    }).pipe(onNode("remarks"))
  )

  it.effect("are told for a renew-before of nothing, and the pod keeps a third of each certificate's life", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      yield* during("1 second", driver.publish(publishCall("web", { "csi.cert-manager.io/renew-before": "0s" })))
      yield* TestClock.adjust("17 hours")
      expect(yield* events).toEqual([
        expect.stringContaining(
          "renew-before: is ignored, because it leaves no time for a renewal before the certificate"
        )
      ])
      expect(yield* Effect.flatMap(SimControlPlane, ({ submitted }) => submitted)).toHaveLength(2)
    }).pipe(onNode("nothing kept"))
  )

  it.effect("are refused where the node is strict, all at once, and nothing is requested", () =>
    Effect.gen(function* () {
      const driver = yield* startDriver
      const error = yield* Effect.flip(driver.publish(odd))
      for (const name of ["pkcs12-file", "pod-uid"])
        expect(error.message).toContain(`csi.cert-manager.io/${name}: is not`)
      expect(error.temper).toBe("refused")
      expect(yield* Effect.flatMap(SimControlPlane, ({ submitted }) => submitted)).toEqual([])
      expect(yield* events).toEqual([])
    }).pipe(onNode("strict", { strictAttributes: true }))
  )
})
