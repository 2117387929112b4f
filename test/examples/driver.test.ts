// With node:test: certlet's driver over services of one's own. Here the API server is not asked at all: our own
// authority signs, our own list says what a pod is like, and what a pod's owner is told ends in an array.
import assert from "node:assert/strict"
import { test } from "node:test"
import {
  CertificateRequests,
  Driver,
  type DriverServices,
  type EndedState,
  type PodEvent,
  PodEvents,
  type PodState,
  Pods,
  type PublishCall,
  Settings,
  TrustBundles,
  VolumeFS
} from "certlet"
import { makeSimIssuer, SimEntropy, SimKeyGenerator, SimVolumeFS, SimVolumeRecords, simSettings } from "certlet/testing"
import { Duration, Effect, Layer, Option } from "effect"

/** Our authority signs at once, and remembers what it signed. */
const ownRequests = Layer.effect(
  CertificateRequests,
  Effect.map(makeSimIssuer, (authority) => {
    const ended = new Map<string, EndedState>()
    const stateOf = (name: string): EndedState => ended.get(name) ?? { _tag: "Failed", message: "never requested" }
    return {
      submit: ({ name, signingRequest, spec: { duration: lifetime, isCA, pod, usages } }) => {
        const order = { signingRequest, usages, isCA, lifetime, wrongKey: false }
        return Effect.map(Effect.orDie(authority.sign(order)), (signed) => {
          ended.set(name, { _tag: "Ready", signed })
          return { namespace: pod.namespace, name }
        })
      },
      await: ({ name }) => Effect.sync(() => stateOf(name)),
      awaitApproval: () => Effect.void,
      state: ({ name }) => Effect.sync(() => stateOf(name)),
      discard: () => Effect.void
    }
  })
)

const web: PodState = { ips: ["10.0.0.7"], labels: { app: "shop" }, annotations: {}, conditions: {} }

/** Our list of pods: they are all alike, and never change. */
const ownPods = Layer.succeed(Pods, {
  await: (_pod, fits) => Option.match(fits(web), { onNone: () => Effect.never, onSome: Effect.succeed }),
  state: () => Effect.succeedSome(web),
  present: Effect.succeed(new Set(["1"]))
})

/** Nobody keeps trust bundles here. */
const ownBundles = Layer.succeed(TrustBundles, {
  await: () => Effect.never,
  awaitFault: () => Effect.never,
  state: () => Effect.succeedNone
})

const call: PublishCall = {
  volumeId: "csi-1",
  target: "/pods/1/volumes/tls/mount",
  readonly: true,
  context: {
    "csi.storage.k8s.io/ephemeral": "true",
    "csi.storage.k8s.io/pod.name": "web",
    "csi.storage.k8s.io/pod.namespace": "apps",
    "csi.storage.k8s.io/pod.uid": "1",
    "csi.storage.k8s.io/serviceAccount.name": "default",
    "csi.cert-manager.io/issuer-name": "ours",
    "csi.cert-manager.io/key-algorithm": "ECDSA",
    "csi.cert-manager.io/dns-names": "${POD_LABEL:app}.example.com",
    "csi.cert-manager.io/pod-readiness-gate": "pod-ip:any",
    "csi.cert-manager.io/continue-on-not-ready": "true"
  },
  secrets: {},
  mountFlags: [],
  volumeMountGroup: "",
  deadline: Option.none()
}

test("the driver serves a pod over services of our own", async () => {
  const told: Array<PodEvent> = []
  const services: Layer.Layer<DriverServices> = Layer.mergeAll(
    ownRequests,
    ownPods,
    ownBundles,
    Layer.succeed(PodEvents, { tell: (event) => Effect.sync(() => void told.push(event)) }),
    Layer.succeed(Settings, { ...simSettings, nodeId: "our-node" }),
    SimEntropy.layer,
    SimKeyGenerator.layer,
    SimVolumeFS.layer,
    SimVolumeRecords.layer
  )
  const story = Effect.gen(function* () {
    const driver = yield* Driver
    const fs = yield* VolumeFS
    yield* driver.publish(call)
    const status = yield* driver.renewNow(call.volumeId, Duration.seconds(10))
    const files = Option.getOrThrow(yield* fs.read(call.target))
    yield* driver.unpublish(call)
    return { status, files: [...files.keys()].sort(), left: yield* fs.inspect(call.target) }
  })
  const { files, left, status } = await Effect.runPromise(
    story.pipe(Effect.provide(Driver.layer.pipe(Layer.provideMerge(services))))
  )
  assert.equal(status.state, "Ready")
  assert.deepEqual([files, left, told], [["ca.crt", "tls.crt", "tls.key"], "absent", []])
})
