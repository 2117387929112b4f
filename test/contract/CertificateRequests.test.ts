import { describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { Settings } from "../../src/Settings.ts"
import { laws, RequestScene } from "../../src/testing/contract/certificateRequests.ts"
import * as SimControlPlane from "../../src/testing/parts/SimControlPlane.ts"
import { liveClient } from "../kit/LiveClient.ts"
import { settings } from "../kit/settings.ts"

const approvalOf = (policy: "approve" | "hold" | "deny") => (policy === "deny" ? { deny: "by policy" } : policy)
const signingOf = (policy: "sign" | "hold" | "fail") => (policy === "fail" ? { fail: "out of ink" } : policy)

/** The simulated cluster's levers as a scene. */
const simScene = Layer.effect(
  RequestScene,
  Effect.gen(function* () {
    const cluster = yield* SimControlPlane.SimControlPlane
    return RequestScene.of({
      approval: (policy) => cluster.behave({ approval: approvalOf(policy) }),
      signing: (policy) => cluster.behave({ issuer: signingOf(policy) }),
      remove: ({ name }) => cluster.remove(name),
      exists: ({ name }) => Effect.map(cluster.present, (present) => present.some((request) => request.name === name)),
      disturb: cluster.disturb,
      passing: (program) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(program, { startImmediately: true })
          yield* TestClock.adjust("1 minute")
          return yield* Fiber.join(fiber)
        })
    })
  })
)

describe("the simulated CertificateRequests", () => {
  const cluster = Layer.provideMerge(simScene, Layer.provide(SimControlPlane.layer, Layer.succeed(Settings, settings)))
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, cluster))
})

/** The live client against an API server on a real socket, with an approver and an issuer that sign for real. */
const live = Layer.effectContext(
  Effect.gen(function* () {
    const { cluster, requests } = yield* liveClient()
    const scene = RequestScene.of({
      approval: (policy) => cluster.behave({ approval: approvalOf(policy) }),
      signing: (policy) => cluster.behave({ issuer: signingOf(policy) }),
      remove: ({ name, namespace }) => Effect.sync(() => void cluster.store.delete(namespace, name)),
      exists: ({ name, namespace }) => Effect.sync(() => cluster.store.get(namespace, name) !== undefined),
      disturb: cluster.dropWatches(),
      passing: (program) => program
    })
    return Context.make(CertificateRequests, requests).pipe(Context.add(RequestScene, scene))
  })
).pipe(Layer.provideMerge(Logger.layer([])))

describe("the live CertificateRequests, against the embedded API server", () => {
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, live))
})
