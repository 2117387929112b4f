/**
 * What a simulated node is made of, and what its cluster gives it: the settings of its certlet and its kubelet, the API
 * server, and the edges of the tests' own. Only types stand here.
 */
import type { Effect, Fiber, Layer } from "effect"
import type { Driver } from "../../driver/Driver.ts"
import type { Settings } from "../../Settings.ts"
import type { Happening } from "../story/Happening.ts"
import type { KubeletParts, KubeletSettings } from "./KubeletParts.ts"
import type { SimApiServer } from "./SimApiServer.ts"
import type { SimKeyKind } from "./SimCrypto.ts"
import type { Edges } from "./SimProcess.ts"

/** What a node is made of. */
export interface PartsOfNode {
  readonly name: string
  readonly seed: string
  readonly settings: Settings["Service"]
  readonly kubelet: KubeletSettings
  readonly keys: SimKeyKind
  readonly server: SimApiServer
  /** Takes the place of some of the node's edges. */
  readonly edges: Layer.Layer<never, never, Edges>
  readonly driver: Layer.Layer<Driver, unknown, Edges>
  readonly now: () => number
  readonly observe: (where: string, what: Happening) => void
  /** Runs something by the true clock, as long as the cluster lives. */
  readonly run: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown, unknown>
  readonly contextOf: KubeletParts["contextOf"]
  readonly secretsOf: KubeletParts["secretsOf"]
  readonly onSandbox: KubeletParts["onSandbox"]
  readonly onGone: KubeletParts["onGone"]
}
