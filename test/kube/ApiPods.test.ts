import { it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Option } from "effect"
import { describe, expect } from "vitest"
import { Pods } from "../../src/kube/Pods.ts"
import { TrustBundles } from "../../src/kube/TrustBundles.ts"
import { tooLongValue } from "../../src/spec/PodState.ts"
import { bare, podObject } from "../../src/testing/parts/SimPodRegistry.ts"
import { record } from "../kit/LiveClient.ts"
import { bundlesLayer, podsLayer, Server, watching } from "./LiveCluster.ts"

const limit = 20_000
const pod = { namespace: "shop", name: "web-0", uid: "uid-1" }
const quiet = <A, E, R>(layer: Layer.Layer<A, E, R>) => Layer.provideMerge(layer, Logger.layer([]))

describe("ApiPods", () => {
  it.live(
    "opens one watch for all who wait, on this node's pods alone, and none before anybody does",
    () =>
      Effect.gen(function* () {
        const cluster = yield* Server
        const pods = yield* Pods
        const events = record(cluster)
        expect(yield* cluster.watches()).toBe(0)
        const waiting = yield* Effect.forEach([1, 2, 3], () =>
          Effect.forkChild(
            pods.await(pod, ({ ips }) => Option.fromUndefinedOr(ips[0])),
            { startImmediately: true }
          )
        )
        yield* watching(cluster, "pods")
        cluster.stores.pods.create(
          podObject({ ...pod, name: "other", node: "node-2" }, { ...bare, ips: ["10.0.0.9"] }),
          "uid-2"
        )
        const plain = { ...podObject({ ...pod, name: "plain" }, bare), spec: { nodeName: "node-1" } }
        cluster.stores.pods.create(plain, "uid-3")
        cluster.stores.pods.create(podObject(pod, { ...bare, ips: ["10.0.0.1"] }), pod.uid)
        expect(yield* Effect.forEach(waiting, Fiber.join)).toEqual(["10.0.0.1", "10.0.0.1", "10.0.0.1"])
        const calls = events
          .filter((event) => event._tag === "Request")
          .map((event) => new URL(event.path, "https://a").searchParams)
        expect(calls.map((parameters) => parameters.get("fieldSelector"))).toEqual([
          "spec.nodeName=node-1",
          "spec.nodeName=node-1"
        ])
        expect(yield* pods.state({ ...pod, uid: "uid-2" })).toEqual(Option.none())
        expect(yield* pods.state({ ...pod, uid: "uid-3" })).toEqual(Option.none())
      }).pipe(Effect.provide(quiet(podsLayer))),
    limit
  )

  it.live(
    "keeps an annotation whole, and of one that is too long for any name only that it is there",
    () =>
      Effect.gen(function* () {
        const cluster = yield* Server
        const pods = yield* Pods
        const names = Array.from({ length: 400 }, (_, index) => `host-${index}.shop.example`).join(",")
        cluster.stores.pods.create(
          podObject(pod, { ...bare, annotations: { huge: "x".repeat(100_000), long: names, short: "y" } }),
          pod.uid
        )
        const { annotations } = yield* pods.await(pod, Option.some)
        expect(annotations).toEqual({ huge: tooLongValue, long: names, short: "y" })
      }).pipe(Effect.provide(quiet(podsLayer))),
    limit
  )
})

describe("ApiTrustBundles", () => {
  it.live(
    "asks for the named object and no other, and takes the API's older version where there is no newer",
    () =>
      Effect.gen(function* () {
        const cluster = yield* Server
        const bundles = yield* TrustBundles
        const events = record(cluster)
        const wait = (bundle: Parameters<typeof bundles.await>[0]) =>
          Effect.forkChild(bundles.await(bundle, Option.none()), { startImmediately: true })
        const map = { kind: "ConfigMap", namespace: "shop", name: "corp-ca", key: "ca.crt" } as const
        yield* Effect.all([wait(map), wait(map), wait({ kind: "ClusterTrustBundle", namespace: "shop", name: "corp" })])
        yield* Effect.all([watching(cluster, "configMaps"), watching(cluster, "clusterTrustBundles")])
        const calls = events
          .filter((event) => event._tag === "Request")
          .map((event) => new URL(event.path, "https://a"))
        expect(new Set(calls.map((url) => `${url.pathname} ${url.searchParams.get("fieldSelector")}`))).toEqual(
          new Set([
            "/api/v1/namespaces/shop/configmaps metadata.name=corp-ca",
            "/apis/certificates.k8s.io/v1beta1/clustertrustbundles metadata.name=corp"
          ])
        )
        expect(yield* cluster.watches()).toBe(2)
      }).pipe(Effect.provide(quiet(bundlesLayer))),
    limit
  )
})
