// The laws of `CertificateRequests`, held on the live client against a real API server and cert-manager's real issuer,
// with the rights that certlet is shipped with. The embedded API server and the simulated one keep the same laws in
// `npm test`: that is what keeps them honest. The approver is played here, and the issuer's moods are its controllers
// being frozen.
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Logger, Option, Schedule } from "effect"
import { CertificateRequests } from "../../src/issuance/CertificateRequests.ts"
import { rfc3339 } from "../../src/spec/rfc3339.ts"
import { laws, RequestScene } from "../../src/testing/contract/certificateRequests.ts"
import { connect } from "../kit/LiveClient.ts"
import { conditionOf, type KubeObject } from "./objects.ts"
import { clusterLimitMilliseconds, RealCluster } from "./RealCluster.ts"

const namespace = "apps"
const type = { apiVersion: "cert-manager.io/v1", kind: "CertificateRequest" } as const
const kind = { ...type, namespace } as const

let liveClient: RealCluster

beforeAll(async () => {
  liveClient = await RealCluster.start({ manualIssuers: ["ca"] })
  await liveClient.plane.createNamespace(namespace)
  await liveClient.plane.createCaIssuer({ namespace, name: "ca" })
}, clusterLimitMilliseconds)

afterAll(() => liveClient?.stop())

/** What approver and issuer do with requests at the moment. */
interface Moods {
  approval: "approve" | "hold" | "deny"
  signing: "sign" | "hold" | "fail"
}

const isDecided = (request: KubeObject) =>
  conditionOf(request, "Approved") !== undefined || conditionOf(request, "Denied") !== undefined

const fail = (name: string) => {
  const lastTransitionTime = rfc3339(DateTime.nowUnsafe())
  const failed = { type: "Ready", status: "False", reason: "Failed", message: "out of ink", lastTransitionTime }
  return liveClient.plane.api.apply(
    { ...type, metadata: { name, namespace }, status: { conditions: [failed] } },
    { subresource: "status", fieldManager: "certlet-test-issuer" }
  )
}

/** Looks at every request once, and does with it what the moods say. */
const decide = async (moods: Moods): Promise<void> => {
  for (const request of await liveClient.plane.api.list(kind)) {
    const { name } = request.metadata
    if (!isDecided(request) && moods.approval === "approve") await liveClient.plane.approve(namespace, name)
    if (!isDecided(request) && moods.approval === "deny")
      await liveClient.plane.deny(namespace, name, "Policy", "by policy")
    const isOpen = conditionOf(request, "Approved") !== undefined && conditionOf(request, "Ready") === undefined
    if (isOpen && moods.signing === "fail") await fail(name)
  }
}

/** A request that is decided while it is being deleted, or while the API server is away, is looked at again. */
const deciding = (moods: Moods) =>
  Effect.tryPromise(() => decide(moods)).pipe(Effect.ignore, Effect.repeat(Schedule.spaced("50 millis")))

const live = Layer.effectContext(
  Effect.gen(function* () {
    const { access, plane } = liveClient
    const moods: Moods = { approval: "approve", signing: "sign" }
    yield* Effect.forkScoped(deciding(moods))
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        plane.resumeCertManager()
        for (const { metadata } of await plane.api.list(kind)) await plane.api.delete({ ...kind, name: metadata.name })
      })
    )
    const requests = yield* connect({ kubeconfig: Option.some(access.clientNodeKubeconfig) })
    const scene = RequestScene.of({
      approval: (approval) => Effect.sync(() => void Object.assign(moods, { approval })),
      signing: (signing) =>
        Effect.sync(() => {
          Object.assign(moods, { signing })
          if (signing === "sign") plane.resumeCertManager()
          else plane.pauseCertManager()
        }),
      remove: ({ name }) => Effect.promise(() => plane.api.delete({ ...kind, name })),
      exists: ({ name }) => Effect.promise(async () => (await plane.api.get({ ...kind, name })) !== undefined),
      disturb: Effect.promise(async () => {
        await plane.stopApiServer("SIGKILL")
        await plane.startApiServer()
      }),
      passing: (program) => program
    })
    return Context.make(CertificateRequests, requests).pipe(Context.add(RequestScene, scene))
  })
).pipe(Layer.provideMerge(Logger.layer([])))

describe("the live CertificateRequests, against a real API server and cert-manager", () => {
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, live), 120_000)
})
