/**
 * The scene of the laws of `VolumeFS`: the node as a stranger sees it who plants things, unmounts, damages files, and
 * looks at the tree with its own eyes. Whoever runs the laws provides it over the file system that is judged. `law`
 * gives each trial the service, the scene and a fresh target.
 */
import { Context, Effect, type Option } from "effect"
import { type VolumeError, VolumeFS } from "../../volume/VolumeFS.ts"
import type { Law, LawBroken } from "./Law.ts"

/** Ways to damage a set with the files `tls.key` and `tls.crt`. */
export const damages = ["unlink", "redirect", "unlink data", "redirect data", "truncate", "change", "remove"] as const
/** One of them. */
export type Damage = (typeof damages)[number]
/** Those that leave the files as they were. */
export const ofLinks: ReadonlyArray<Damage> = damages.slice(0, 4)

/** What the laws need besides the service: the node as a stranger sees it. */
export class VolumeScene extends Context.Service<
  VolumeScene,
  {
    /** A target that nothing stands at, below a folder `pods` and in a folder of its own that exists. */
    readonly target: Effect.Effect<string>
    /** A stranger puts something at this path: a file, a link to a folder elsewhere, or a folder with a file in it. */
    readonly plant: (path: string, obstacle: "file" | "link" | "folder") => Effect.Effect<void>
    /** Everything at this path and below, with names, kinds and contents, as one text. */
    readonly tree: (path: string) => Effect.Effect<string>
    /** A stranger unmounts the volume: what stays is an empty folder. */
    readonly clean: (target: string) => Effect.Effect<void>
    /** A stranger damages the set at this target in one of these ways. */
    readonly damage: (target: string, how: Damage) => Effect.Effect<void>
    /** A crash leaves another set at this target, finished or not, that no link leads to. */
    readonly litter: (target: string) => Effect.Effect<void>
    /** The service that the next process has, over the same node. */
    readonly restart: Effect.Effect<VolumeFS["Service"]>
    /** Follows `..data` once; what it gives reads the files there, as far as they still exist, as texts by name. */
    readonly resolve: (target: string) => Effect.Effect<Option.Option<Effect.Effect<ReadonlyMap<string, string>>>>
    /** Another driver mounts a volume with files at this target; none where nothing can be mounted. */
    readonly inherit: Option.Option<(target: string) => Effect.Effect<void>>
    /** How many bytes a volume holds; none where it has no limit of its own. */
    readonly capacity: Option.Option<number>
  }
>()("certlet/testing/VolumeScene") {}

/** A law of `VolumeFS`. */
export type VolumeLaw = Law<VolumeError, VolumeFS | VolumeScene>

/** A law whose trial gets the service, the scene and a fresh target. */
export const law = (
  sentence: string,
  trial: (
    fs: VolumeFS["Service"],
    scene: VolumeScene["Service"],
    target: string
  ) => Effect.fn.Return<void, VolumeError | LawBroken, VolumeFS | VolumeScene>
): VolumeLaw => ({
  law: sentence,
  program: Effect.gen(function* () {
    const scene = yield* VolumeScene
    yield* Effect.fnUntraced(trial)(yield* VolumeFS, scene, yield* scene.target)
  })
})
