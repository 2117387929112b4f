/**
 * The laws of `VolumeFS`, as programs. They run on the simulated file system and on the live one, in each of its media:
 * what holds on both sides is what the programs, and their simulations, may build on. `VolumeScene` is the hand of a
 * stranger on the same node; the laws of damage and of what a crash leaves stand in `volumeHealing`.
 */
import { Effect, Exit, Fiber, Option, Redacted, Ref } from "effect"
import { holds, same } from "./Law.ts"
import { law, type VolumeLaw } from "./VolumeScene.ts"
import { laws as healing } from "./volumeHealing.ts"
import { condition, fails, first, placeOf, render, second, shown, textFiles } from "./volumeTexts.ts"

export { VolumeScene } from "./VolumeScene.ts"

const mounting: ReadonlyArray<VolumeLaw> = [
  law("mount twice is mount once", function* (fs, _scene, target) {
    yield* condition(target, "absent")
    yield* holds(yield* fs.mount(placeOf(target)), "the first mount did not make the volume")
    yield* condition(target, "empty")
    yield* fs.write(placeOf(target), textFiles(first))
    yield* holds(!(yield* fs.mount(placeOf(target))), "the second mount says that it made the volume")
    yield* condition(target, "filled")
    yield* same(yield* shown(target), render(first), "the files after the second mount")
    yield* fs.unmount(target)
    yield* condition(target, "absent")
  }),
  law("a failed mount leaves nothing", function* (fs, scene, target) {
    const before = yield* scene.tree(target)
    for (const flag of ["exec", "size=1g", "bind", "context=a,exec", 'context="a",suid', "X-mount.mkdir", ""]) {
      yield* fails(fs.mount(placeOf(target, [flag])), "NotPermitted")
    }
    yield* same(yield* scene.tree(target), before, "the tree")
    yield* condition(target, "absent")
  }),
  law("an interrupted mount leaves nothing", function* (fs, scene, target) {
    const before = yield* scene.tree(target)
    const mounting = yield* Effect.forkChild(fs.mount(placeOf(target)))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(mounting)
    const exit = yield* Fiber.await(mounting)
    if (Exit.isSuccess(exit)) yield* fs.unmount(target)
    yield* same(yield* scene.tree(target), before, "the tree")
  }),
  law("a mount flag of SELinux is granted", function* (fs, _scene, target) {
    yield* fs.mount(placeOf(target, ['context="system_u:object_r:container_file_t:s0:c1,c2"', "ro", "noexec"]))
    yield* fs.write(placeOf(target), textFiles(first))
    yield* fs.unmount(target)
  })
]

const writing: ReadonlyArray<VolumeLaw> = [
  law("what was written is what read returns", function* (fs, _scene, target) {
    yield* fs.mount(placeOf(target))
    yield* same(yield* shown(target), "nothing", "the files before the first write")
    const bytes = new Uint8Array(256).map((_, i) => i)
    yield* fs.write(placeOf(target), [{ name: "all bytes", content: Redacted.make(bytes), mode: 0o400 }])
    const read = Option.flatMap(yield* fs.read(target), (files) => Option.fromUndefinedOr(files.get("all bytes")))
    const found = Option.match(read, { onNone: () => "", onSome: (content) => `${Redacted.value(content)}` })
    yield* same(found, `${bytes}`, "the bytes")
    yield* fs.unmount(target)
  }),
  law("a write replaces the whole set", function* (fs, scene, target) {
    yield* fs.mount(placeOf(target))
    for (const set of [first, second, first, {}]) {
      yield* fs.write(placeOf(target), textFiles(set))
      yield* same(yield* shown(target), render(set), "the files")
      const resolved = Option.getOrElse(yield* scene.resolve(target), () => Effect.succeed(new Map<string, string>()))
      yield* same(render(Object.fromEntries(yield* resolved)), render(set), "the files that a reader sees")
    }
    yield* fs.unmount(target)
  }),
  law("a set that does not fit is Full and leaves the set before", function* (fs, scene, target) {
    if (Option.isNone(scene.capacity)) return
    yield* fs.mount(placeOf(target))
    yield* fs.write(placeOf(target), textFiles(first))
    const before = yield* scene.tree(target)
    const large = "x".repeat(scene.capacity.value)
    yield* fails(fs.write(placeOf(target), textFiles({ ...first, fits: "", large })), "Full")
    yield* same(yield* shown(target), render(first), "the files")
    yield* same(yield* scene.tree(target), before, "the tree")
    yield* fs.write(placeOf(target), textFiles(second))
    yield* same(yield* shown(target), render(second), "the files after the next write")
    yield* fs.unmount(target)
  }),
  law("a set with names that cannot be is Hostile and leaves the set before", function* (fs, scene, target) {
    yield* fs.mount(placeOf(target))
    yield* fs.write(placeOf(target), textFiles(first))
    const before = yield* scene.tree(target)
    for (const name of ["../tls.key", "a/b", "..data", "..", ".", "", "new\nline", "x".repeat(256)]) {
      yield* fails(fs.write(placeOf(target), textFiles({ ...second, [name]: "stray" })), "Hostile")
    }
    yield* fails(fs.write(placeOf(target), [...textFiles(second), ...textFiles(second)]), "Hostile")
    yield* same(yield* scene.tree(target), before, "the tree")
    yield* fs.unmount(target)
  }),
  law("an interrupted write leaves one whole set", function* (fs, _scene, target) {
    yield* fs.mount(placeOf(target))
    yield* fs.write(placeOf(target), textFiles(first))
    for (let i = 0; i < 20; i++) {
      const writing = yield* Effect.forkChild(fs.write(placeOf(target), textFiles(i % 2 === 0 ? second : first)))
      if (i % 3 === 0) yield* Effect.yieldNow
      yield* Fiber.interrupt(writing)
      const seen = yield* shown(target)
      yield* holds(seen === render(first) || seen === render(second), `the files: ${seen}`)
    }
    yield* fs.unmount(target)
  }),
  law("a reader that resolves ..data once never sees files of two sets", function* (fs, scene, target) {
    yield* fs.mount(placeOf(target))
    const numbered = (n: number) => textFiles({ "tls.key": `${n}`, "tls.crt": `${n}`, "ca.crt": `${n}` })
    yield* fs.write(placeOf(target), numbered(0))
    const done = yield* Ref.make(false)
    const writer = Effect.forEach(
      Array.from({ length: 200 }, (_, i) => i + 1),
      (n) => Effect.andThen(fs.write(placeOf(target), numbered(n)), Effect.yieldNow),
      { discard: true }
    ).pipe(Effect.ensuring(Ref.set(done, true)))
    const reader = Effect.gen(function* () {
      while (!(yield* Ref.get(done))) {
        yield* Effect.yieldNow
        const files = yield* Option.getOrElse(yield* scene.resolve(target), () => Effect.succeed(new Map()))
        yield* holds(new Set(files.values()).size <= 1, `one resolved set: ${[...files.values()]}`)
      }
    })
    yield* Effect.all([writer, reader, reader], { concurrency: 3, discard: true })
    yield* same(yield* shown(target), render({ "tls.key": "200", "tls.crt": "200", "ca.crt": "200" }), "the last set")
    yield* fs.unmount(target)
  })
]

const keepingApart: ReadonlyArray<VolumeLaw> = [
  law("write to what is not our volume is Foreign and changes nothing", function* (fs, scene, target) {
    yield* fails(fs.write(placeOf(target), textFiles(first)), "Foreign")
    yield* same(yield* shown(target), "nothing", "the files")
    yield* condition(target, "absent")
    yield* scene.plant(target, "folder")
    const before = yield* scene.tree(target)
    yield* fails(fs.write(placeOf(target), textFiles(first)), "Foreign")
    yield* fails(fs.mount(placeOf(target)), "Foreign")
    yield* fails(fs.unmount(target), "Foreign")
    yield* fs.release(target)
    yield* condition(target, "foreign")
    yield* same(yield* shown(target), "nothing", "the files")
    yield* same(yield* scene.tree(target), before, "the tree")
  }),
  law("a volume that a stranger unmounted gets no key, and can be made again", function* (fs, scene, target) {
    yield* fs.mount(placeOf(target))
    yield* fs.write(placeOf(target), textFiles(first))
    yield* scene.clean(target)
    const before = yield* scene.tree(target)
    yield* condition(target, "absent")
    yield* fails(fs.write(placeOf(target), textFiles(second)), "Foreign")
    yield* same(yield* shown(target), "nothing", "the files")
    yield* same(yield* scene.tree(target), before, "the tree")
    yield* holds(yield* fs.mount(placeOf(target)), "the mount did not make the volume again")
    yield* fs.write(placeOf(target), textFiles(second))
    yield* same(yield* shown(target), render(second), "the files")
    yield* fs.unmount(target)
  }),
  law("unmount of what is not there succeeds, and afterwards nothing is left", function* (fs, scene, target) {
    const before = yield* scene.tree(target)
    yield* fs.unmount(target)
    yield* fs.mount(placeOf(target))
    yield* fs.write(placeOf(target), textFiles(first))
    yield* fs.unmount(target)
    yield* same(yield* scene.tree(target), before, "the tree")
    yield* fs.unmount(target)
    yield* same(yield* scene.tree(target), before, "the tree")
  }),
  law("volumes do not touch each other", function* (fs, scene, target) {
    const other = yield* scene.target
    for (const path of [target, other]) yield* fs.mount(placeOf(path))
    yield* fs.write(placeOf(target), textFiles(first))
    yield* fs.write(placeOf(other), textFiles(second))
    yield* fs.release(target)
    yield* same(yield* shown(target), render(first), "the files")
    yield* fs.unmount(target)
    yield* same(yield* shown(other), render(second), "the other's files")
    yield* fs.unmount(other)
  }),
  law("a volume of another driver is inherited, and only release unmounts it", function* (fs, scene, target) {
    if (Option.isNone(scene.inherit)) return
    yield* scene.inherit.value(target)
    const before = yield* scene.tree(target)
    yield* condition(target, "inherited")
    yield* fails(fs.mount(placeOf(target)), "Foreign")
    for (const call of [fs.write(placeOf(target), textFiles(first)), fs.unmount(target)]) yield* fails(call, "Foreign")
    yield* same(yield* scene.tree(target), before, "the tree")
    yield* Effect.andThen(fs.release(target), fs.unmount(target))
    yield* condition(target, "absent")
  }),
  law("a hostile path is Hostile and nothing is touched", function* (fs, _scene, target) {
    const looks = ["relative", "", `${target}/`, `${target}/../x`, `${target}/./x`, "//etc", "/", `${target}\nx`]
    for (const path of [...looks, `${target}\u0000`, `/${"x/".repeat(2000)}x`, `${target}/${"x".repeat(256)}`]) {
      yield* fails(fs.mount(placeOf(path)), "Hostile")
      yield* fails(fs.inspect(path), "Hostile")
      yield* fails(fs.write(placeOf(path), textFiles(first)), "Hostile")
      yield* fails(fs.read(path), "Hostile")
      for (const call of [fs.unmount(path), fs.release(path)]) yield* fails(call, "Hostile")
    }
  }),
  law("a file or a link in the target's place or above it is Hostile and not touched", function* (fs, scene, target) {
    for (const obstacle of ["file", "link"] as const) {
      const path = yield* scene.target
      yield* scene.plant(path, obstacle)
      const before = yield* scene.tree(path)
      for (const place of [placeOf(path), placeOf(`${path}/mount`)]) {
        yield* fails(fs.mount(place), "Hostile")
        yield* fails(fs.inspect(place.target), "Hostile")
        yield* fails(fs.write(place, textFiles(first)), "Hostile")
        yield* fails(fs.unmount(place.target), "Hostile")
      }
      yield* same(yield* scene.tree(path), before, "the tree")
    }
    yield* condition(target, "absent")
  })
]

const measuring: ReadonlyArray<VolumeLaw> = [
  law("usage grows with what is written, and there is none of what is not our volume", function* (fs, scene, target) {
    yield* same(String(Option.isNone(yield* fs.usage(target))), "true", "without a volume there is no usage")
    yield* fs.mount(placeOf(target))
    const empty = Option.getOrThrow(yield* fs.usage(target))
    yield* fs.write(placeOf(target), textFiles({ "tls.key": "x".repeat(10_000) }))
    const filled = Option.getOrThrow(yield* fs.usage(target))
    for (const { available, total, used } of [filled.bytes, filled.inodes, empty.bytes]) {
      yield* holds(used >= 0 && available >= 0 && used <= total && available <= total, "more is used than there is")
    }
    if (Option.isSome(scene.capacity)) {
      yield* same(String(filled.bytes.total), String(scene.capacity.value), "the volume's size")
      yield* holds(filled.bytes.used - empty.bytes.used >= 10_000, "what was written is not counted")
    }
    yield* fs.unmount(target)
    yield* scene.plant(target, "folder")
    yield* same(String(Option.isNone(yield* fs.usage(target))), "true", "a stranger's folder has no usage of ours")
  })
]

/** Every law of `VolumeFS`. */
export const laws: ReadonlyArray<VolumeLaw> = [...mounting, ...writing, ...healing, ...keepingApart, ...measuring]
