/**
 * The trust bundles of a simulated cluster, as somebody keeps them: written, rotated to other CAs, lost for a while, or
 * damaged. Each holds real CA certificates that obey the seed. What happens to a bundle while it is lost shows when it
 * is back.
 */
import { Effect, Random, Result } from "effect"
import { bundleText, type TrustBundleReference } from "../../kube/TrustBundles.ts"
import { trustBundleName } from "../../spec/TrustBundle.ts"
import { Misuse } from "../levers/misuse.ts"
import { Dice } from "./Dice.ts"
import type { SimBundleShelf } from "./SimBundleShelf.ts"
import type { SimKeyKind } from "./SimCrypto.ts"
import { makeAuthorityPem } from "./SimIssuer.ts"

/** What a bundle shows: what it holds, nothing, or half of it. */
type Showing = "whole" | "lost" | "damaged"

interface Kept {
  readonly reference: TrustBundleReference
  readonly dice: Dice
  text: string | undefined
  showing: Showing
}

/** A bundle by the words of the attribute `trust-bundle`, such as `ConfigMap/roots`; throws where they name none. */
export const bundleNamed = (name: string, namespace = "apps"): TrustBundleReference => ({
  ...Result.getOrThrowWith(trustBundleName(name), (rule) => new Misuse(`a trust bundle ${rule}`)),
  namespace
})

/** The bundles. */
export class SimBundles {
  readonly #shelf: SimBundleShelf["Service"]
  readonly #seed: string
  readonly #kind: SimKeyKind
  readonly #kept = new Map<string, Kept>()

  constructor(shelf: SimBundleShelf["Service"], seed: string, kind: SimKeyKind) {
    this.#shelf = shelf
    this.#seed = seed
    this.#kind = kind
  }

  /** The bundles that were ever written, in the order of their first writing, by the words of the attribute. */
  get names(): ReadonlyArray<readonly [name: string, namespace: string]> {
    return [...this.#kept.values()]
      .filter(({ text }) => text !== undefined)
      .map(({ reference: { namespace, ...bundle } }) => [
        bundle.kind === "ConfigMap" ? `ConfigMap/${bundle.name}/${bundle.key}` : `ClusterTrustBundle/${bundle.name}`,
        namespace
      ])
  }

  /** Makes a bundle hold a new CA; the first time this is its making. */
  readonly rotate = (reference: TrustBundleReference): Effect.Effect<void> =>
    Effect.suspend(() => {
      const kept = this.#keep(reference)
      return makeAuthorityPem(this.#kind).pipe(
        Effect.provideService(Random.Random, kept.dice.random),
        Effect.flatMap((text) => this.write(reference, text))
      )
    })

  /** Makes a bundle hold this text. */
  readonly write = (reference: TrustBundleReference, text: string): Effect.Effect<void> =>
    Effect.suspend(() => this.#show(Object.assign(this.#keep(reference), { text })))

  /** From now on a bundle shows what it holds, half of it, or nothing. */
  readonly turn = (reference: TrustBundleReference, showing: Showing): Effect.Effect<void> =>
    Effect.suspend(() => this.#show(Object.assign(this.#keep(reference), { showing })))

  #keep(reference: TrustBundleReference): Kept {
    const key = bundleText(reference)
    const kept = this.#kept.get(key) ?? {
      reference,
      dice: new Dice(`${this.#seed}/bundle/${key}`),
      text: undefined,
      showing: "whole"
    }
    this.#kept.set(key, kept)
    return kept
  }

  #show({ reference, showing, text }: Kept): Effect.Effect<void> {
    if (text === undefined || showing === "lost") return this.#shelf.remove(reference)
    return this.#shelf.write(reference, showing === "whole" ? text : text.slice(0, text.length / 2))
  }
}
