/**
 * The laws of `VolumeFS` about what others do to a volume's files, and about what a crash leaves in it: damage is seen,
 * by the next process too, no damaged file is ever read, the next write heals, and keys of sets that nobody uses go.
 * They are a part of the laws in `volumeFS`.
 */
import { Effect, Option } from "effect"
import { holds, same } from "./Law.ts"
import { damages, law, ofLinks, type VolumeLaw } from "./VolumeScene.ts"
import { condition, first, placeOf, render, second, shown, textFiles } from "./volumeTexts.ts"

/** The laws of damage and leftovers. */
export const laws: ReadonlyArray<VolumeLaw> = [
  law("a damaged set is seen, gives no damaged file, and is healed by the next write", function* (fs, scene, target) {
    for (const how of damages) {
      yield* fs.mount(placeOf(target))
      yield* fs.write(placeOf(target), textFiles(first))
      yield* condition(target, "filled")
      yield* scene.damage(target, how)
      for (const started of [fs, yield* scene.restart]) {
        yield* same(yield* started.inspect(target), "damaged", `the condition after ${how}`)
        const read = Option.isSome(yield* started.read(target))
        yield* same(String(read), String(ofLinks.includes(how)), `files that can be read after ${how}`)
      }
      if (ofLinks.includes(how)) yield* same(yield* shown(target), render(first), `the files after ${how}`)
      yield* holds(!(yield* fs.mount(placeOf(target))), "a mount says that it made a volume that was there")
      yield* fs.write(placeOf(target), textFiles(second))
      yield* condition(target, "filled")
      yield* same(yield* shown(target), render(second), `the files after the next write, ${how}`)
      const resolved = Option.getOrElse(yield* scene.resolve(target), () => Effect.succeed(new Map<string, string>()))
      yield* same(render(Object.fromEntries(yield* resolved)), render(second), "the files that a reader sees")
      yield* fs.unmount(target)
      yield* condition(target, "absent")
    }
  }),
  law("sweep takes what a crash left of other sets, and nothing else", function* (fs, scene, target) {
    yield* fs.sweep(target)
    yield* fs.mount(placeOf(target))
    yield* fs.write(placeOf(target), textFiles(first))
    const before = yield* scene.tree(target)
    yield* scene.litter(target)
    yield* condition(target, "filled")
    yield* fs.sweep(target)
    yield* same(yield* scene.tree(target), before, "the tree")
    yield* same(yield* shown(target), render(first), "the files")
    yield* fs.unmount(target)
    yield* scene.plant(target, "folder")
    const planted = yield* scene.tree(target)
    yield* fs.sweep(target)
    yield* same(yield* scene.tree(target), planted, "a stranger's tree")
  })
]
