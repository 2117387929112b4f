/**
 * A node for the tests of the programs: the real driver over simulated services, under the virtual clock and a seed.
 * What the tests of publish, renew, unpublish and resume have in common stands here: a volume's attributes, a publish
 * call, a driver that can be stopped and started over the same disk, and looks at what a pod would see.
 */
import "reflect-metadata"
import { X509Certificate } from "@peculiar/x509"
import { Context, DateTime, Duration, Effect, Exit, Layer, Option, Random, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Driver } from "../../src/driver/Driver.ts"
import type { PublishCall } from "../../src/driver/DriverCalls.ts"
import { Settings } from "../../src/Settings.ts"
import * as SimControlPlane from "../../src/testing/parts/SimControlPlane.ts"
import * as SimEntropy from "../../src/testing/parts/SimEntropy.ts"
import * as SimKeyGenerator from "../../src/testing/parts/SimKeyGenerator.ts"
import * as SimVolumeFS from "../../src/testing/parts/SimVolumeFS.ts"
import * as SimVolumeRecords from "../../src/testing/parts/SimVolumeRecords.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { settings } from "./settings.ts"

/** The simulated edges of one node: they outlive any driver. */
export const edges = (change: Partial<Settings["Service"]> = {}) =>
  Layer.mergeAll(
    SimControlPlane.layer,
    SimEntropy.layer,
    SimKeyGenerator.layer,
    SimVolumeFS.layer,
    SimVolumeRecords.layer
  ).pipe(Layer.provideMerge(Layer.succeed(Settings, { ...settings, ...change })))

/** Runs a story on a fresh node, with a seed. */
export const onNode =
  (seed: string, change: Partial<Settings["Service"]> = {}) =>
  <A, E, R>(story: Effect.Effect<A, E, R>) =>
    story.pipe(Effect.scoped, Effect.provide(edges(change)), Random.withSeed(seed))

/** One of the node's services with other methods: provided to a story, within `onNode`. */
export const changed = <I, S extends object>(service: Context.Key<I, S>, change: (real: S) => Partial<S>) =>
  Layer.effect(
    service,
    Effect.map(service, (real): S => ({ ...real, ...change(real) }))
  )

/** A disk on which each write of a set of files is counted, also one that fails: its layer is provided to a story. */
export const countWrites = () => {
  let count = 0
  const layer = changed(VolumeFS, (fs) => ({
    write: (place, files) =>
      Effect.andThen(
        Effect.sync(() => count++),
        fs.write(place, files)
      )
  }))
  return {
    layer,
    get count() {
      return count
    }
  }
}

/** Starts a driver, which resumes volumes meanwhile; `stop` ends that process, and the disk and the cluster stay. */
export const beginDriver = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(Driver.layer, scope)
  return { ...Context.get(context, Driver), stop: Scope.close(scope, Exit.void) }
})

/** Starts a driver, and waits until it has resumed the volumes of the one before. */
export const startDriver = Effect.tap(beginDriver, ({ status }) => status)

/** What the kubelet sends for a pod's volume. */
export const publishCall = (pod = "web", attributes: Readonly<Record<string, string>> = {}): PublishCall => ({
  volumeId: `csi-${pod}`,
  target: `/var/lib/kubelet/pods/uid-${pod}/volumes/kubernetes.io~csi/tls/mount`,
  readonly: true,
  mountFlags: [],
  volumeMountGroup: "",
  deadline: Option.none(),
  secrets: {},
  context: {
    "csi.storage.k8s.io/ephemeral": "true",
    "csi.storage.k8s.io/pod.name": pod,
    "csi.storage.k8s.io/pod.namespace": "apps",
    "csi.storage.k8s.io/pod.uid": `uid-${pod}`,
    "csi.storage.k8s.io/serviceAccount.name": "default",
    "csi.cert-manager.io/issuer-name": "ca",
    "csi.cert-manager.io/dns-names": `${pod}.apps.svc`,
    "csi.cert-manager.io/duration": "24h",
    ...attributes
  }
})

/** Runs a program while virtual time passes; it has to end within that time. */
export const during = <A, E, R>(passes: Duration.Input, program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(program)
    yield* TestClock.adjust(passes)
    const exit = fiber.pollUnsafe()
    if (exit === undefined)
      return yield* Effect.die(new Error(`not ended after ${Duration.format(Duration.fromInputUnsafe(passes))}`))
    return yield* exit
  })

/** What a process in the pod sees: file contents by name; none where there is no volume or no file. */
export const seen = (target: string) =>
  Effect.gen(function* () {
    const fs = yield* VolumeFS
    const files = yield* fs.read(target)
    return Option.map(files, (files) =>
      Object.fromEntries([...files].map(([name, bytes]) => [name, new TextDecoder().decode(Redacted.value(bytes))]))
    )
  })

/** The leaf that a process in the pod sees. */
export const leafSeen = (target: string) =>
  Effect.map(seen(target), (files) => new X509Certificate(Option.getOrThrow(files)["tls.crt"] ?? ""))

/** True where the pod holds a certificate that has not expired. */
export const isServed = (target: string) =>
  Effect.gen(function* () {
    const leaf = yield* leafSeen(target)
    return leaf.notAfter.getTime() > DateTime.toEpochMillis(yield* DateTime.now)
  })
