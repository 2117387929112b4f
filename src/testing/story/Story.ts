/**
 * A story: everything that is done to a simulated cluster, as a value. When pods come and go, which incidents strike,
 * what the weather is like, all of it drawn from a seed before anything runs. That is what makes a story repeatable,
 * and what lets one that fails be cut down to the acts and faults that matter. Pure.
 */
import type { Duration } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import { prefix } from "../../spec/VolumeContext.ts"
import type { Faults, Incident } from "../levers/Faults.ts"
import type { IssuerWish } from "../levers/soundIssuer.ts"
import type { SimKeyKind } from "../parts/SimCrypto.ts"
import type { PodWish, VolumeWish } from "../parts/SimPod.ts"

/** Something that a cluster's user does at a time, in milliseconds since the beginning. */
export type Act =
  | {
      readonly _tag: "Schedule"
      readonly at: number
      readonly wish: PodWish & { readonly name: string }
      /** A stranger has something mounted where its volumes are to be, for so long, in milliseconds. */
      readonly planted?: number
    }
  | { readonly _tag: "Delete"; readonly at: number; readonly name: string }
  /** What the API server shows of a pod changes. */
  | { readonly _tag: "Change"; readonly at: number; readonly name: string; readonly change: Partial<PodState> }
  /** An operator renews a pod's certificate by hand. */
  | { readonly _tag: "Renew"; readonly at: number; readonly name: string }
  /** An operator looks how a pod's volume is. */
  | { readonly _tag: "Look"; readonly at: number; readonly name: string }
  /** Somebody writes the Secret from which a pod's keystores have their password. */
  | { readonly _tag: "WriteSecret"; readonly at: number; readonly secret: string; readonly password: string }
  /** Somebody writes a trust bundle, by the words of the attribute. */
  | { readonly _tag: "WriteBundle"; readonly at: number; readonly bundle: string }
  /** An issuer is there from now on, besides the one that every cluster has. */
  | { readonly _tag: "AddIssuer"; readonly at: number; readonly issuer: IssuerWish }
  /** A node joins, or leaves for good with all that is on it. */
  | { readonly _tag: "Join" | "Leave"; readonly at: number; readonly node: string }

/** A story, whole. */
export interface Story {
  readonly seed: string
  /** How many nodes there are when it begins. */
  readonly nodes: number
  readonly keys: SimKeyKind
  readonly requiresRepublish: boolean
  /** Requests are made as the pods' own accounts (`--use-token-request`). */
  readonly useTokenRequest: boolean
  readonly syncSeconds: number
  /** How long a publish waits at the most (`--publish-timeout`); a minute where nothing is said. */
  readonly publishSeconds?: number
  /** How often the kubelet asks for stats; where nothing is said, never. */
  readonly statsSeconds?: number
  /** How long it lasts before faults end, in milliseconds. */
  readonly millis: number
  readonly faults: Faults
  readonly acts: ReadonlyArray<Act>
  readonly incidents: ReadonlyArray<Incident>
}

/** What a pod asks for of its volumes: of all of them, and of each. */
export const volumeWishesOf = ({ volumes = {}, ...wish }: PodWish): ReadonlyArray<VolumeWish> => [
  wish,
  ...Object.values(volumes)
]

/** What the group of a pattern has found in a text, wherever the pattern fits. */
const namedIn = (text: string, pattern: RegExp): ReadonlyArray<string> =>
  [...text.matchAll(pattern)].map(([, name = ""]) => name)

/**
 * What somebody has to make before a pod is served: the trust bundles, the issuers and the Secrets that its volumes
 * name, and of the pod itself the labels that its names follow and the conditions that are its gates.
 */
export const needsOf = ({ name, ...wish }: PodWish & { readonly name: string }): ReadonlyArray<string> =>
  volumeWishesOf(wish).flatMap(({ attributes = {}, issuer, issuerKind = "Issuer", secret, ...rest }) => {
    const bundle = attributes[`${prefix}trust-bundle`]
    const text = JSON.stringify([attributes, rest])
    return [
      ...(issuer === undefined ? [] : [`${issuerKind}/${issuer}`]),
      ...(bundle === undefined ? [] : [bundle]),
      ...(secret === undefined ? [] : [`Secret/${secret}`]),
      ...namedIn(text, /POD_LABEL:([\w./-]+)/g).map((label) => `${name}/label/${label}`),
      ...namedIn(text, /pod-condition:([\w./-]+)/g).map((condition) => `${name}/condition/${condition}`)
    ]
  })

const madeByChange = (name: string, { conditions = {}, labels = {} }: Partial<PodState>): ReadonlyArray<string> => [
  ...Object.keys(labels).map((label) => `${name}/label/${label}`),
  ...Object.entries(conditions).flatMap(([type, status]) => (status === "True" ? [`${name}/condition/${type}`] : []))
]

/** What an act makes that pods may need; nothing for most. */
export const madeBy = (act: Act): ReadonlyArray<string> => {
  if (act._tag === "AddIssuer") return [`${act.issuer.kind ?? "Issuer"}/${act.issuer.name}`]
  if (act._tag === "WriteSecret") return [`Secret/${act.secret}`]
  if (act._tag === "Change") return madeByChange(act.name, act.change)
  return act._tag === "WriteBundle" ? [act.bundle] : []
}

/** A time of a story, as a duration. */
export const after = (millis: number): Duration.Input => `${millis} millis`
