/**
 * The laws of `TrustBundles`, as programs. They run on the simulated bundles and on the live ones. The scene is the API
 * server's side: a bundle is written, rotated, damaged and deleted, and the connection to it breaks.
 */
import { Context, Effect, Fiber, Option } from "effect"
import { type TrustBundleReference, TrustBundles } from "../../kube/TrustBundles.ts"
import { writePem } from "../../pki/Pem.ts"
import { authorities } from "./authorities.ts"
import { holds, type Law, same } from "./Law.ts"

/** What the laws need besides the service. */
export class BundleScene extends Context.Service<
  BundleScene,
  {
    /** Writes a bundle's text, making the object where it is not there; `undefined` leaves it without its key. */
    readonly write: (bundle: TrustBundleReference, text: string | undefined) => Effect.Effect<void>
    readonly remove: (bundle: TrustBundleReference) => Effect.Effect<void>
    /** Breaks whatever connection there is. */
    readonly cut: Effect.Effect<void>
    /** Waits until a change of this bundle that was made now would be seen. */
    readonly watching: (bundle: TrustBundleReference) => Effect.Effect<void>
  }
>()("certlet/testing/BundleScene") {}

type BundleLaw = Law<never, TrustBundles | BundleScene>

const [one, two] = authorities
/** A block that is whole as PEM, and no certificate. */
const strange = writePem("CERTIFICATE", new TextEncoder().encode("no certificate"))

const map: TrustBundleReference = { kind: "ConfigMap", namespace: "shop", name: "corp-ca", key: "ca.crt" }
const cluster: TrustBundleReference = { kind: "ClusterTrustBundle", namespace: "shop", name: "corp" }

const waitFor = Effect.fnUntraced(function* (bundle: TrustBundleReference, held: string | undefined) {
  const bundles = yield* TrustBundles
  const scene = yield* BundleScene
  const waiting = bundles.await(bundle, Option.fromUndefinedOr(held))
  const fiber = yield* Effect.forkChild(waiting, { startImmediately: true })
  yield* scene.watching(bundle)
  return fiber
})

const both = (program: (bundle: TrustBundleReference) => BundleLaw["program"]): BundleLaw["program"] =>
  Effect.forEach([map, cluster], program, { discard: true })

/** Every law, in the order of the contract. */
export const laws: ReadonlyArray<BundleLaw> = [
  {
    law: "await returns a bundle's certificates as soon as there are some",
    program: both((bundle) =>
      Effect.gen(function* () {
        const bundles = yield* TrustBundles
        const scene = yield* BundleScene
        yield* scene.write(bundle, one)
        yield* same(yield* bundles.await(bundle, Option.none()), one, "the bundle")
      })
    )
  },
  {
    law: "and, where some are held already, as soon as they are others",
    program: both((bundle) =>
      Effect.gen(function* () {
        const scene = yield* BundleScene
        yield* scene.write(bundle, one)
        const waiting = yield* waitFor(bundle, one)
        yield* scene.write(bundle, `# the same\n${one}`)
        yield* scene.write(bundle, `${one}${two}`)
        yield* same(yield* Fiber.join(waiting), `${one}${two}`, "the bundle")
      })
    )
  },
  {
    law: "it waits for a bundle that is not there, or cannot be read, until it can be",
    program: both((bundle) =>
      Effect.gen(function* () {
        const scene = yield* BundleScene
        const waiting = yield* waitFor(bundle, undefined)
        yield* scene.write(bundle, undefined)
        yield* scene.write(bundle, "nothing of this kind")
        yield* scene.write(bundle, one.slice(0, -20))
        yield* scene.write(bundle, `${one}${strange}`)
        yield* scene.remove(bundle)
        yield* scene.write(bundle, two)
        yield* same(yield* Fiber.join(waiting), two, "the bundle")
      })
    )
  },
  {
    law: "nothing but certificates is handed over",
    program: Effect.gen(function* () {
      const bundles = yield* TrustBundles
      const scene = yield* BundleScene
      const key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
      yield* scene.write(map, `words\n${one}${key}\r\n${two.replaceAll("\n", "\r\n")}words`)
      yield* same(yield* bundles.await(map, Option.none()), `${one}${two}`, "the bundle")
    })
  },
  {
    law: "a bundle in which one block cannot be read is no bundle, and which block it is can be awaited",
    program: both((bundle) =>
      Effect.gen(function* () {
        const bundles = yield* TrustBundles
        const scene = yield* BundleScene
        const fault = (number: number) => `has a PEM block that is no certificate (number ${number})`
        yield* scene.write(bundle, `${one}${two}${strange}`)
        yield* same(yield* bundles.awaitFault(bundle, Option.none()), fault(3), "the fault")
        const waiting = bundles.awaitFault(bundle, Option.some(fault(3)))
        const fiber = yield* Effect.forkChild(waiting, { startImmediately: true })
        yield* scene.watching(bundle)
        yield* scene.write(bundle, one)
        yield* scene.write(bundle, `${strange}${one}`)
        yield* same(yield* Fiber.join(fiber), fault(1), "the other fault")
      })
    )
  },
  {
    law: "it never fails because the connection did",
    program: both((bundle) =>
      Effect.gen(function* () {
        const scene = yield* BundleScene
        yield* scene.write(bundle, one)
        const waiting = yield* waitFor(bundle, one)
        yield* scene.cut
        yield* scene.write(bundle, two)
        yield* same(yield* Fiber.join(waiting), two, "the bundle")
      })
    )
  },
  {
    law: "the state says why there are no certificates",
    program: Effect.gen(function* () {
      const bundles = yield* TrustBundles
      const scene = yield* BundleScene
      const detail = Effect.map(bundles.state(map), (state) =>
        Option.match(state, {
          onNone: () => "",
          onSome: (bundle) => (bundle._tag === "Present" ? "present" : bundle.detail)
        })
      )
      const waiting = yield* waitFor(map, undefined)
      yield* same(yield* detail, "is not there", "without an object")
      yield* scene.write(map, one)
      yield* Fiber.join(waiting)
      yield* same(yield* detail, "present", "with certificates")
      yield* holds((yield* bundles.await(map, Option.none())) === one, "it can be had at once")
    })
  }
]
