import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Redacted } from "effect"
import { VolumeScene } from "../../src/testing/contract/VolumeScene.ts"
import { laws } from "../../src/testing/contract/volumeFS.ts"
import * as SimVolumeFS from "../../src/testing/parts/SimVolumeFS.ts"
import * as NodeVolumeFS from "../../src/volume/NodeVolumeFS.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import { describeWhere } from "../kit/needs.ts"
import { canMount, sceneLayer, settings, type VolumeMedium } from "../volume/NodeScene.ts"

const { SimDisk } = SimVolumeFS

const text = (content: Redacted.Redacted<Uint8Array>) => new TextDecoder().decode(Redacted.value(content))

/** The simulated disk's levers as a scene. What a reader resolved is its own copy: a set never changes. */
const simScene = Layer.effect(
  VolumeScene,
  Effect.gen(function* () {
    const disk = yield* SimDisk
    const planted = new Map<string, string>()
    let count = 0
    const filesAt = (target: string) =>
      Effect.map(disk.volumes, (volumes) => {
        const files = volumes.find((volume) => volume.target === target)?.files ?? Option.none()
        return Option.map(
          files,
          (files) => new Map([...files].map(([name, file]) => [name, text(file.content)] as const))
        )
      })
    return VolumeScene.of({
      target: Effect.sync(() => `/var/lib/kubelet/pods/${++count}/volumes/kubernetes.io~csi/tls/mount`),
      plant: (path, obstacle) =>
        Effect.andThen(
          disk.plant(path, Option.some(obstacle)),
          Effect.sync(() => planted.set(path, obstacle))
        ),
      tree: (path) =>
        Effect.map(disk.volumes, (volumes) =>
          JSON.stringify([
            volumes
              .filter((volume) => volume.target.startsWith(path))
              .map((volume) => [volume.target, Option.isSome(volume.files)]),
            [...planted].filter(([at]) => at.startsWith(path))
          ])
        ),
      clean: disk.clean,
      damage: (target, how) => disk.damage(target, how.includes("link") || how.includes("redirect") ? "link" : "file"),
      litter: () => Effect.void,
      restart: Effect.succeed(yield* VolumeFS),
      inherit: Option.some(disk.inherit),
      resolve: (target) => Effect.map(filesAt(target), Option.map(Effect.succeed)),
      capacity: Option.some(SimVolumeFS.capacity)
    })
  })
)

describe("the simulated VolumeFS", () => {
  const node = Layer.provideMerge(simScene, SimVolumeFS.layer)
  for (const { law, program } of laws) it.effect(law, () => Effect.provide(program, node))
})

const onNode = (medium: VolumeMedium) =>
  Layer.merge(sceneLayer(medium), NodeVolumeFS.layer.pipe(Layer.provide(settings({ volumeMedium: medium })))).pipe(
    Layer.provideMerge(Logger.layer([]))
  )

describe("the live VolumeFS, with plain folders", () => {
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, onNode("directory")))
})

describeWhere(canMount, "needs the right to mount")("the live VolumeFS, with mounts", () => {
  for (const { law, program } of laws) it.live(law, () => Effect.provide(program, onNode("tmpfs")))
})
