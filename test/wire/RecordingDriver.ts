/**
 * A served socket for the wire tests: the real gRPC server with a driver behind it that records what reaches it and
 * answers as it is told. A call can be held back until a test lets it go, and the driver says when a call's fiber was
 * interrupted.
 */
import { linkSync, renameSync } from "node:fs"
import { createServer } from "node:net"
import { Deferred, Duration, Effect, Layer, Queue } from "effect"
import * as GrpcKubelet from "../../src/csi/GrpcKubelet.ts"
import { serve } from "../../src/csi/serve.ts"
import { Driver } from "../../src/driver/Driver.ts"
import type { PublishCall, UnpublishCall } from "../../src/driver/DriverCalls.ts"
import { type PublishError, UnknownVolume, Unpublished } from "../../src/driver/DriverError.ts"
import { Settings } from "../../src/Settings.ts"
import { settings } from "../kit/settings.ts"

/** What reached the driver. */
export type Event =
  | { readonly _tag: "publish"; readonly request: PublishCall }
  | { readonly _tag: "unpublish"; readonly request: UnpublishCall }
  | { readonly _tag: "interrupted"; readonly volumeId: string }

/** A driver that records, and whose publishes end with what `answer` says. */
export const makeRecorder = (
  answer: (request: PublishCall) => Effect.Effect<void, PublishError>,
  inspect: Driver["Service"]["inspect"] = (volumeId) => Effect.fail(new UnknownVolume({ volumeId }))
) =>
  Effect.gen(function* () {
    const events = yield* Queue.unbounded<Event>()
    const driver = Layer.succeed(Driver, {
      publish: (request) =>
        Effect.andThen(Queue.offer(events, { _tag: "publish", request }), answer(request)).pipe(
          Effect.onInterrupt(() => Queue.offer(events, { _tag: "interrupted", volumeId: request.volumeId }))
        ),
      unpublish: (request) => Effect.asVoid(Queue.offer(events, { _tag: "unpublish", request })),
      inspect,
      renewNow: () => Effect.fail(new Unpublished()),
      status: Effect.succeed([]),
      measure: Effect.succeed(new Map()),
      keepsKeys: Effect.succeed(true),
      metrics: Effect.succeed("recorded_total 1\n")
    })
    return { driver, next: Queue.take(events) }
  })

/** Serves a driver on a socket until the scope closes. */
export const serveOn = (socket: string, driver: Layer.Layer<Driver>, shutdownTimeout: Duration.Input = "5 seconds") =>
  Layer.build(
    Layer.effectDiscard(serve).pipe(
      Layer.provide([driver, GrpcKubelet.layer]),
      Layer.provide(
        Layer.succeed(Settings, {
          ...settings,
          endpoint: socket,
          shutdownTimeout: Duration.fromInputUnsafe(shutdownTimeout)
        })
      )
    )
  )

/** A gate: publishes wait at it until it is opened. */
export const makeGate = Effect.map(Deferred.make<void>(), (gate) => ({
  wait: Deferred.await(gate),
  open: Effect.asVoid(Deferred.succeed(gate, undefined))
}))

/** A socket file that stays where its listener died without closing it, as after a kill. */
export const leaveStale = Effect.fnUntraced(function* (socket: string) {
  const stale = createServer()
  yield* Effect.callback<void>((resume) => void stale.listen(socket, () => resume(Effect.void)))
  linkSync(socket, `${socket}.kept`)
  yield* Effect.callback<void>((resume) => void stale.close(() => resume(Effect.void)))
  renameSync(`${socket}.kept`, socket)
})
