/**
 * One node's side of a cluster of its own, for tests of the programs: the real clients over a simulated API server, and
 * the levers and windows of what stands behind it. `SimControlPlane` has those of approver, issuer and API server;
 * pods, trust bundles and Events have their own. `SimCluster` has many nodes on one such server.
 */
import { Context, Duration, Effect, Layer, Result, Schema } from "effect"
import { Controllers } from "../../embedded/Controllers.ts"
import type { IssuanceBehaviour } from "../../embedded/IssuanceBehaviour.ts"
import * as ApiCertificateRequests from "../../issuance/ApiCertificateRequests.ts"
import { CertificateRequest, type RequestState, requestState } from "../../issuance/CertificateRequest.ts"
import { CertificateRequests, type RequestDraft } from "../../issuance/CertificateRequests.ts"
import * as ApiPodEvents from "../../kube/ApiPodEvents.ts"
import * as ApiPods from "../../kube/ApiPods.ts"
import { ApiServer } from "../../kube/ApiServer.ts"
import * as ApiTrustBundles from "../../kube/ApiTrustBundles.ts"
import { Settings } from "../../Settings.ts"
import type { ApiBehaviour } from "./ApiBehaviour.ts"
import { makeSimApiServer, type SimApiServer } from "./SimApiServer.ts"
import { makeSimBundleShelf, SimBundleShelf } from "./SimBundleShelf.ts"
import { makeLink } from "./SimConnection.ts"
import { makeSimEvents, SimEvents } from "./SimEvents.ts"
import { makeSimIssuer } from "./SimIssuer.ts"
import { makeSimPodRegistry, SimPodRegistry } from "./SimPodRegistry.ts"

/** The levers and the window of the cluster behind one node: its API server, approver and issuer. */
export class SimControlPlane extends Context.Service<
  SimControlPlane,
  {
    readonly behave: (change: Partial<ApiBehaviour & IssuanceBehaviour>) => Effect.Effect<void>
    /** Every draft that was ever accepted, in order. */
    readonly submitted: Effect.Effect<ReadonlyArray<RequestDraft>>
    /** The requests that exist now. */
    readonly present: Effect.Effect<ReadonlyArray<{ readonly name: string; readonly state: RequestState }>>
    /** Somebody deletes a request. */
    readonly remove: (name: string) => Effect.Effect<void>
    /** Every watch breaks, and the API server's history is forgotten. */
    readonly disturb: Effect.Effect<void>
  }
>()("certlet/testing/SimControlPlane") {}

const decodeRequest = Schema.decodeUnknownResult(CertificateRequest)

const planeOf = (
  server: SimApiServer,
  controllers: Controllers,
  submitted: ReadonlyArray<RequestDraft>
): SimControlPlane["Service"] => {
  const { requests } = server.api.stores
  return {
    behave: (change) => behave(server, controllers, change),
    submitted: Effect.sync(() => [...submitted]),
    present: Effect.sync(() =>
      requests.all().map((object) => ({
        name: object.metadata.name,
        state: requestState(Result.getOrThrow(decodeRequest(object)))
      }))
    ),
    remove: (name) =>
      Effect.sync(() => {
        for (const { metadata } of requests.all()) {
          if (metadata.name === name) requests.delete(metadata.namespace, name)
        }
      }),
    disturb: Effect.andThen(
      Effect.sync(() => server.api.forget()),
      server.watches.drop("the connection was reset")
    )
  }
}

/** The four clients of the API server. */
export const clients = Layer.mergeAll(
  ApiCertificateRequests.layer,
  ApiPodEvents.layer,
  ApiPods.layer,
  ApiTrustBundles.layer
)

/** A cluster of its own for the node that the settings name. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { nodeId } = yield* Settings
    const server = yield* makeSimApiServer("control plane")
    const issuer = yield* makeSimIssuer
    const controllers = new Controllers({ api: server.api, issuer, run: server.run, draw: server.dice.next })
    yield* controllers.behave({ latency: Duration.millis(20) })
    const drafts = new Map<string, RequestDraft>()
    const submitted: Array<RequestDraft> = []
    server.api.stores.requests.subscribe(({ object, type }) => {
      const draft = drafts.get(object.metadata.name)
      if (type === "ADDED" && draft !== undefined) submitted.push(draft)
    })
    const remembering = Layer.effect(
      CertificateRequests,
      Effect.map(CertificateRequests, (requests) => ({
        ...requests,
        submit: (draft) => {
          drafts.set(draft.name, draft)
          return requests.submit(draft)
        }
      }))
    )
    return Layer.mergeAll(
      Layer.provideMerge(remembering, clients),
      Layer.succeed(SimControlPlane, planeOf(server, controllers, submitted)),
      Layer.succeed(SimPodRegistry, makeSimPodRegistry(server)),
      Layer.succeed(SimBundleShelf, makeSimBundleShelf(server)),
      Layer.succeed(SimEvents, makeSimEvents(server.api.stores.events))
    ).pipe(Layer.provide(Layer.succeed(ApiServer, server.connect(makeLink(nodeId)))))
  })
)

/** Changes the behaviour of a cluster from now on; what was held back goes on where it may. */
export const behave = (
  server: SimApiServer,
  controllers: Controllers,
  change: Partial<ApiBehaviour & IssuanceBehaviour>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    server.behaviour = { ...server.behaviour, ...change }
    const down = server.behaviour.api === "Unavailable" ? server.watches.drop("the server is gone") : Effect.void
    return Effect.andThen(down, controllers.behave(change))
  })
