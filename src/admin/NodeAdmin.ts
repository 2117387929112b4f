/**
 * The door for the operator: the admin API on a unix socket that only certlet's own user, root, can open, because its
 * folder is 0700 and the socket 0600. What an answer holds is names, times and sentences. The socket is no condition
 * for a pod's certificate: where it cannot be had certlet warns, serves the kubelet all the same and tries again, as
 * it does when somebody has removed it.
 */
import { chmodSync, lstatSync, mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { DateTime, Duration, Effect, Layer, Option } from "effect"
import { HttpMiddleware, HttpServerRequest, HttpServerResponse } from "effect/http"
import { adviceFor } from "../driver/Advice.ts"
import { Driver } from "../driver/Driver.ts"
import type { RenewError, Unpublished } from "../driver/DriverError.ts"
import { Health } from "../Health.ts"
import { Settings } from "../Settings.ts"
import { keepStanding } from "../socket/keepStanding.ts"
import { answerHttp, plain } from "../socket/NodeHttp.ts"
import { holdSocket, unusable } from "../socket/NodeUnixSocket.ts"
import { version } from "../Version.ts"
import { NodeStatus, RenewAnswer, RenewQuery } from "./AdminApi.ts"

/** The longest that a renewal is waited for. */
const longestPatience = Duration.hours(1)

/** The folder is root's alone; one that is older than certlet, and somebody else's, is not taken over. */
const makeFolder = (socket: string) =>
  Effect.try({
    try: () => {
      const folder = dirname(socket)
      if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) return chmodSync(folder, 0o700)
      const { mode, uid } = lstatSync(folder)
      if (uid !== process.geteuid?.()) throw new Error(`${folder} belongs to user ${uid}, not to certlet's`)
      if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0) throw new Error(`everybody may write to ${folder}`)
    },
    catch: (cause) => unusable(socket, cause instanceof Error ? cause.message : String(cause))
  })

const statusAnswer = Effect.gen(function* () {
  const driver = yield* Driver
  const { driverName, nodeId } = yield* Settings
  const { look } = yield* Health
  const complaints = (yield* look).flatMap(({ complaint, name }) =>
    Option.toArray(complaint).map((complaint) => ({ check: name, complaint }))
  )
  const at = yield* DateTime.now
  const volumes = yield* driver.status
  const onDisk = (yield* driver.keepsKeys) ? {} : ({ dataRootOnDisk: true } as const)
  const answer = { version, node: nodeId, driver: driverName, at, complaints, ...onDisk, volumes }
  return yield* Effect.orDie(HttpServerResponse.schemaJson(NodeStatus)(answer))
})

/** How a renewal reads that has not come to its end; the error's own words and what to do. */
const notRenewed = (volumeId: string, error: RenewError | Unpublished): RenewAnswer => {
  const reason = error._tag === "RenewError" ? error.reason : error
  const outcome = reason.temper === "waiting" ? "waiting" : "failed"
  return { outcome, volumeId, sentence: reason.message, advice: adviceFor(reason) }
}

const renewAnswer = Effect.gen(function* () {
  const driver = yield* Driver
  const { patience, volume } = yield* HttpServerRequest.schemaSearchParams(RenewQuery)
  const allowed = Duration.min(longestPatience, Duration.millis(Math.max(0, patience)))
  const answer = yield* driver.renewNow(volume, allowed).pipe(
    Effect.map((volume): RenewAnswer => ({ outcome: "renewed", volume })),
    Effect.catch((error) => Effect.succeed(notRenewed(volume, error)))
  )
  return yield* Effect.orDie(HttpServerResponse.schemaJson(RenewAnswer)(answer))
}).pipe(Effect.catchTag("SchemaError", (error) => Effect.succeed(plain(`${error.message}\n`, 400))))

const serve = Effect.fnUntraced(function* (socket: string) {
  const driver = yield* Driver
  const settings = yield* Settings
  const routes = {
    "GET /status": statusAnswer.pipe(Effect.provideService(Driver, driver), Effect.provideService(Settings, settings)),
    "POST /renew": HttpMiddleware.searchParamsParser(renewAnswer).pipe(Effect.provideService(Driver, driver))
  }
  yield* makeFolder(socket)
  return yield* holdSocket({
    path: socket,
    flag: "--admin-socket",
    bind: (path) => Effect.mapError(answerHttp({ path }, routes), ({ cause }) => unusable(socket, String(cause)))
  })
})

/** Serves the operator next to everything else. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(Settings, ({ adminSocket }) =>
    keepStanding({
      path: adminSocket,
      serve: serve(adminSocket),
      served: Effect.logInfo(`serving certlet status and certlet renew on unix://${adminSocket}`),
      removed: Effect.logWarning(`${adminSocket} was removed by somebody; serving it again`),
      failed: ({ message }) => Effect.logWarning(`certlet status and certlet renew cannot be served: ${message}`)
    }).pipe(Effect.forkScoped)
  )
)
