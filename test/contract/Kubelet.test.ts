import { join } from "node:path"
import { describe, it } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Fiber, Layer, Logger, Option } from "effect"
import { TestClock } from "effect/testing"
import { connectKubelet } from "../../src/commands/demo/GrpcKubeletClient.ts"
import * as GrpcKubelet from "../../src/csi/GrpcKubelet.ts"
import { Kubelet } from "../../src/csi/Kubelet.ts"
import type { Status } from "../../src/csi/Status.ts"
import { Settings } from "../../src/Settings.ts"
import { KubeletScene, laws } from "../../src/testing/contract/kubelet.ts"
import { SimDoor } from "../../src/testing/parts/SimDoor.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { settings } from "../kit/settings.ts"

const target = "/pods/uid/volumes/kubernetes.io~csi/tls/mount"
const attributes = { "csi.storage.k8s.io/ephemeral": "true" }

/** A gRPC server on a unix socket, and a kubelet's client that connects again for each call. */
const live = Layer.effectContext(
  Effect.gen(function* () {
    const endpoint = join(yield* temporaryFolder, "csi.sock")
    const kubelet = yield* Layer.build(
      GrpcKubelet.layer.pipe(
        Layer.provide(Layer.succeed(Settings, { ...settings, endpoint, shutdownTimeout: Duration.seconds(5) }))
      )
    )
    const failure = ({ code, detail }: { readonly code: string; readonly detail: string }) => ({
      code,
      sentence: detail
    })
    const scene = KubeletScene.of({
      publish: ({ deadline, volumeId }) =>
        Effect.scoped(
          Effect.flatMap(connectKubelet(endpoint), ({ publish }) =>
            publish({
              volumeId,
              target,
              context: attributes,
              ...Option.match(deadline, { onNone: () => ({}), onSome: (deadline) => ({ deadline }) })
            })
          )
        ).pipe(Effect.mapError(failure)),
      unpublish: (volumeId) =>
        Effect.scoped(
          Effect.flatMap(connectKubelet(endpoint), ({ unpublish }) => unpublish({ volumeId, target }))
        ).pipe(Effect.mapError(failure)),
      passing: (program) => program
    })
    return Context.make(Kubelet, Context.get(kubelet, Kubelet)).pipe(Context.add(KubeletScene, scene))
  })
).pipe(Layer.provideMerge(Logger.layer([])))

describe("the live Kubelet, on a unix socket", () => {
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, live))
})

/** The door of a simulated process, and a kubelet that gives a call up when its deadline passes. */
const simulated = Layer.effectContext(
  Effect.sync(() => {
    const door = new SimDoor(Duration.minutes(10))
    const failure = ({ code, sentence }: Status) => ({ code, sentence })
    const outOfTime = { code: "DEADLINE_EXCEEDED", sentence: "context deadline exceeded" }
    const scene = KubeletScene.of({
      publish: ({ deadline, volumeId }) => {
        const request = {
          volumeId,
          target,
          context: attributes,
          secrets: {},
          readonly: true,
          mountFlags: [],
          volumeMountGroup: "",
          deadline
        }
        const call = Effect.mapError(
          door.call(({ publish }) => publish(request)),
          failure
        )
        return Option.match(deadline, {
          onNone: () => call,
          onSome: (deadline) =>
            Effect.flatMap(DateTime.now, (now) =>
              Effect.timeoutOrElse(call, {
                duration: DateTime.distance(now, deadline),
                orElse: () => Effect.fail(outOfTime)
              })
            )
        })
      },
      unpublish: (volumeId) =>
        Effect.mapError(
          door.call(({ unpublish }) => unpublish({ volumeId, target })),
          failure
        ),
      passing: (program) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(program, { startImmediately: true })
          yield* TestClock.adjust("1 minute")
          return yield* Fiber.join(fiber)
        })
    })
    return Context.make(Kubelet, door.kubelet).pipe(Context.add(KubeletScene, scene))
  })
)

describe("the simulated Kubelet", () => {
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, simulated))
})
