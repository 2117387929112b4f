/**
 * A story: everything that is done to a simulated cluster, as a value. When pods come and go, which incidents strike,
 * what the weather is like, all of it drawn from a seed before anything runs. That is what makes a story repeatable,
 * and what lets one that fails be cut down to the acts and faults that matter. Pure.
 */
import type { Duration } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import { Faults, type Incident, incidentsOf, type Rate } from "../levers/Faults.ts"
import { Dice } from "../parts/Dice.ts"
import type { SimKeyKind } from "../parts/SimCrypto.ts"
import { keystoreSecret, type PodWish, passwordMark } from "../parts/SimPod.ts"

/** Something that a cluster's user does at a time, in milliseconds since the beginning. */
export type Act =
  | { readonly _tag: "Schedule"; readonly at: number; readonly wish: PodWish & { readonly name: string } }
  | { readonly _tag: "Delete"; readonly at: number; readonly name: string }
  /** What the API server shows of a pod changes. */
  | { readonly _tag: "Change"; readonly at: number; readonly name: string; readonly change: Partial<PodState> }
  /** An operator renews a pod's certificate by hand. */
  | { readonly _tag: "Renew"; readonly at: number; readonly name: string }
  /** An operator looks how a pod's volume is. */
  | { readonly _tag: "Look"; readonly at: number; readonly name: string }
  /** Somebody writes a trust bundle, by the words of the attribute. */
  | { readonly _tag: "WriteBundle"; readonly at: number; readonly bundle: string }

/** A story, whole. */
export interface Story {
  readonly seed: string
  readonly nodes: number
  readonly keys: SimKeyKind
  readonly requiresRepublish: boolean
  /** Requests are made as the pods' own accounts (`--use-token-request`). */
  readonly useTokenRequest: boolean
  readonly syncSeconds: number
  /** How often the kubelet asks for stats; where nothing is said, never. */
  readonly statsSeconds?: number
  /** How long it lasts before faults end, in milliseconds. */
  readonly millis: number
  readonly faults: Faults
  readonly acts: ReadonlyArray<Act>
  readonly incidents: ReadonlyArray<Incident>
}

/** What may be fixed about a story; the rest is drawn. */
export interface Knobs {
  readonly nodes?: number
  readonly pods?: number
  readonly days?: number
  readonly faults?: Faults
}

const day = 86_400_000

/** How fast life is: how long the story lasts, how long certificates live, how often the kubelet looks. */
const drawPace = (dice: Dice, days: number | undefined) => {
  const isQuick = days === undefined && dice.chance(0.5)
  const hours = dice.pick(isQuick ? [1 / 12, 1 / 6, 1 / 4, 1 / 2] : [1, 2, 6, 12, 24])
  // Short stories, and many of them, find more than long ones: a few lifetimes show all that there is to see.
  const lasts = Math.max(0.5, hours * dice.between(1, 4)) * 3_600_000
  const millis = days === undefined ? lasts : days * day
  // A kubelet looks about once a minute; over long times that would be all there is to simulate.
  const syncSeconds = Math.min(1800, Math.max(60, Math.round((millis / 1000) * dice.between(1 / 60, 1 / 12))))
  return { millis: Math.round(millis), syncSeconds, hours }
}

const prefix = "csi.cert-manager.io/"
// biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
const podAddress = "${POD_IP}"
// biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
const team = "${POD_LABEL:team}"
// biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
const spiffeId = "spiffe://cluster.local/ns/${POD_NAMESPACE}/pod/${POD_NAME}"
const bundles = ["ConfigMap/roots", "ClusterTrustBundle/corp"] as const

/** A keystore, and where its password comes from. */
const drawKeystore = (dice: Dice): Readonly<Record<string, string>> => {
  const kind = dice.pick(["pkcs12", "jks"])
  const password = `${passwordMark}${dice.hex(16)}`
  const source = dice.pick([
    { [`${kind}-password`]: password },
    { [`${kind}-password-from`]: `secret:${keystoreSecret}` },
    { [`${kind}-password-from`]: "generate" }
  ])
  const all = { [`${kind}-enable`]: "true", ...source, ...(dice.chance(0.5) ? { "truststore-enable": "true" } : {}) }
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [prefix + name, value]))
}

/** A certificate that has to be more than a server's: an SVID, or a CA whose names are constrained. */
const drawProfile = (dice: Dice): Readonly<Record<string, string>> =>
  dice.chance(0.5)
    ? { [`${prefix}spiffe`]: "true", [`${prefix}uri-sans`]: spiffeId }
    : { [`${prefix}is-ca`]: "true", [`${prefix}permitted-dns-domains`]: "apps.svc" }

/** What a volume asks for beyond a plain certificate: each thing seldom, and any of them together. */
const drawFeatures = (dice: Dice, host: string) => {
  const [bundle, address, label] = [dice.chance(0.2), dice.chance(0.15), dice.chance(0.15)]
  const gate = dice.chance(0.2) ? dice.pick(["pod-ip:any", "pod-condition:Provisioned"]) : undefined
  const attributes = {
    ...(bundle ? { [`${prefix}trust-bundle`]: dice.pick(bundles) } : {}),
    ...(address ? { [`${prefix}ip-sans`]: podAddress } : {}),
    ...(gate === undefined ? {} : { [`${prefix}pod-readiness-gate`]: gate }),
    ...(address || gate !== undefined ? { [`${prefix}continue-on-not-ready`]: "true" } : {}),
    ...(dice.chance(0.12) ? drawKeystore(dice) : {}),
    ...(dice.chance(0.15) ? drawProfile(dice) : {})
  }
  const names = label ? { dnsNames: [host, `${team}.${host}`] } : {}
  return { wish: { ...names, attributes }, label, gate }
}

/** What a pod's further volumes ask for, for most pods none. Their names tell them from the first one's. */
const drawVolumes = (dice: Dice, pod: string) => {
  const names = dice.pick([[], [], [], ["client"], ["client", "backup"]])
  return names.map((name) => {
    const { wish, ...rest } = drawFeatures(dice, `${name}.${pod}.apps.svc`)
    return { name, wish: { dnsNames: `${name}.${pod}.apps.svc`, ...wish }, ...rest }
  })
}

const drawPod = (
  dice: Dice,
  i: number,
  { hours, millis, nodes, seed }: { readonly [K in "hours" | "millis" | "nodes"]: number } & { readonly seed: string }
): ReadonlyArray<Act> => {
  const name = `pod-${i + 1}`
  const at = Math.floor(dice.chance(0.5) ? dice.between(0, 2000) : dice.between(0, millis * 0.8))
  const seconds = Math.round(hours * 3600 * dice.between(0.5, 1.5))
  const features = drawFeatures(dice, `${name}.apps.svc`)
  // A stream of its own: with other volumes, the rest of a story stays as it was.
  const more = drawVolumes(new Dice(`${seed}/volumes/${i}`), name)
  const all = [features, ...more]
  const volumes = Object.fromEntries([["tls", features.wish], ...more.map(({ name, wish }) => [name, wish])])
  const wish: PodWish & { readonly name: string } = {
    name,
    node: `node-${dice.whole(1, nodes + 1)}`,
    duration: `${seconds} seconds`,
    ...(dice.chance(0.2) ? { reusePrivateKey: true } : {}),
    ...(dice.chance(0.2) ? { renewBefore: `${Math.round(seconds * dice.between(0.1, 1.1))} seconds` } : {}),
    ...(more.length === 0 ? features.wish : { volumes })
  }
  const soon = () => Math.floor(at + dice.between(0, Math.min(300_000, millis - at)))
  const changes = [
    ...(all.some(({ label }) => label) ? [{ labels: { team: "team-0" } }] : []),
    ...(all.some(({ gate }) => gate === "pod-condition:Provisioned") ? [{ conditions: { Provisioned: "True" } }] : [])
  ].map((change): Act => ({ _tag: "Change", at: soon(), name, change }))
  const stays = dice.chance(0.3) ? dice.between(0, 60_000) : dice.between(0, millis - at)
  const deleted: Act = { _tag: "Delete", at: Math.floor(at + stays), name }
  const asked = (["Renew", "Look"] as const).flatMap((_tag): ReadonlyArray<Act> => {
    const [isAsked, when] = [dice.chance(0.15), dice.between(0, millis - at)]
    return isAsked ? [{ _tag, at: Math.floor(at + when), name }] : []
  })
  return [{ _tag: "Schedule", at, wish }, ...changes, ...asked, ...(dice.chance(0.5) ? [deleted] : [])]
}

/** The trust bundles that a pod's volumes name. */
const bundlesOf = ({ attributes = {}, volumes = {} }: PodWish): ReadonlyArray<string> =>
  [attributes, ...Object.values(volumes).map(({ attributes = {} }) => attributes)].flatMap(
    (one) => one[`${prefix}trust-bundle`] ?? []
  )

const drawActs = (dice: Dice, pods: number, story: Parameters<typeof drawPod>[2]): ReadonlyArray<Act> => {
  const acts = Array.from({ length: pods }, (_, i) => drawPod(dice, i, story)).flat()
  const written = bundles.map(
    (bundle): Act => ({ _tag: "WriteBundle", at: dice.chance(0.7) ? 0 : Math.floor(dice.between(0, 300_000)), bundle })
  )
  const used = acts.flatMap((act) => (act._tag === "Schedule" ? bundlesOf(act.wish) : []))
  const isUsed = (act: Act) => act._tag === "WriteBundle" && used.includes(act.bundle)
  return [...written.filter(isUsed), ...acts].sort((one, other) => one.at - other.at)
}

/** The story of a seed; `own` are further kinds of incidents. */
export const drawStory = (seed: number | string, knobs: Knobs = {}, own: ReadonlyArray<Rate> = []): Story => {
  const dice = new Dice(`${seed}/story`)
  const { hours, millis, syncSeconds } = drawPace(dice, knobs.days)
  const [drawnNodes, drawnPods] = [dice.pick([1, 1, 2, 3]), dice.whole(1, 6)]
  const useTokenRequest = dice.chance(0.2)
  const nodes = knobs.nodes ?? drawnNodes
  const faults = knobs.faults ?? Faults.swarm(seed)
  const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`)
  return {
    seed: String(seed),
    nodes,
    keys: "Ed25519",
    requiresRepublish: true,
    useTokenRequest,
    // Tokens come with publishes: a kubelet that looks seldom leaves certlet without one for long.
    syncSeconds: useTokenRequest ? Math.min(600, syncSeconds) : syncSeconds,
    millis,
    faults,
    acts: drawActs(dice, knobs.pods ?? drawnPods, { hours, millis, nodes, seed: String(seed) }),
    ...(new Dice(`${seed}/stats`).chance(0.2) ? { statsSeconds: Math.max(60, syncSeconds) } : {}),
    incidents: incidentsOf(faults, String(seed), names, 0, millis, own)
  }
}

/** A time of a story, as a duration. */
export const after = (millis: number): Duration.Input => `${millis} millis`
