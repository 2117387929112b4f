/**
 * How a seed becomes a story: which pods come and ask for what, who comes and goes besides them, and which faults
 * strike. What was thought of later draws from streams of its own, so that the stories without it stay as they were.
 * Pure.
 */
import { Faults, incidentsOf, type Rate } from "../levers/Faults.ts"
import { Dice } from "../parts/Dice.ts"
import { keystoreSecret, type PodWish, passwordMark } from "../parts/SimPod.ts"
import { bundles, drawFeatures, gateAttribute } from "./drawFeatures.ts"
import { needsRepublish } from "./needsRepublish.ts"
import { type Act, madeBy, needsOf, type Story } from "./Story.ts"

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

/** What a pod's further volumes ask for, for most pods none. Their names tell them from the first one's. */
const drawVolumes = (dice: Dice, pod: string, labelled: number) => {
  const names = dice.pick([[], [], [], ["client"], ["client", "backup"]])
  return names.map((name) => {
    const { wish, ...rest } = drawFeatures(dice, `${name}.${pod}.apps.svc`, labelled)
    return { name, wish: { dnsNames: `${name}.${pod}.apps.svc`, ...wish }, ...rest }
  })
}

/** The times of one pod: when it is scheduled, and when it has gone or the story is over. In milliseconds. */
interface Stay {
  readonly from: number
  readonly to: number
}

/** Few gates close again while their pod lives, and of some pods two have to be open. */
const drawGates = (dice: Dice, name: string, attributes: Readonly<Record<string, string>>, { from, to }: Stay) => {
  const [isDouble, closes] = [dice.chance(0.5), dice.chance(0.4)]
  const within = () => Math.floor(dice.between(from, to))
  const acts: ReadonlyArray<Act> = [
    ...(isDouble
      ? [{ _tag: "Change", at: within(), name, change: { conditions: { Admitted: "True" } } } as const]
      : []),
    ...(closes
      ? [{ _tag: "Change", at: within(), name, change: { conditions: { Provisioned: "False" } } } as const]
      : [])
  ]
  const gate = `${attributes[gateAttribute]}${isDouble ? ",pod-condition:Admitted" : ""}`
  return { attributes: { ...attributes, [gateAttribute]: gate }, acts }
}

/** The Secret of a pod whose keystore takes its password from one: it may come late, and change. */
const drawSecret = (dice: Dice, secret: string, { from, to }: Stay): ReadonlyArray<Act> => {
  const first = dice.chance(0.8) ? from : from + dice.between(0, 60_000)
  const changes = Array.from({ length: dice.whole(0, 4) }, () => dice.between(from, to))
  return [first, ...changes].map((at) => ({
    _tag: "WriteSecret",
    at: Math.floor(at),
    secret,
    password: `${passwordMark}${dice.hex(16)}`
  }))
}

/** What was thought of later: gates that close, passwords that change, something in the way of a volume. */
const drawMore = (seed: string, wish: PodWish & { readonly name: string }, stay: Stay) => {
  const { attributes = {}, name } = wish
  const more = new Dice(`${seed}/more/${name}`)
  const isGated = attributes[gateAttribute] === "pod-condition:Provisioned"
  const gated = isGated
    ? drawGates(new Dice(`${seed}/gates/${name}`), name, attributes, stay)
    : { attributes, acts: [] }
  const takesSecret = Object.values(attributes).includes(`secret:${keystoreSecret}`) && more.chance(0.7)
  const secret = `keystore-${name}`
  const [isPlanted, millis] = [more.chance(0.05), Math.ceil(more.between(1000, 600_000))]
  return {
    planted: isPlanted ? { planted: millis } : {},
    wish: {
      ...wish,
      ...(wish.attributes === undefined ? {} : { attributes: gated.attributes }),
      ...(takesSecret ? { secret } : {})
    },
    acts: [...gated.acts, ...(takesSecret ? drawSecret(new Dice(`${seed}/secret/${name}`), secret, stay) : [])]
  }
}

/** How long a story lasts and its certificates live (hours), on how many nodes, and the share of names with a label. */
interface Pace {
  readonly hours: number
  readonly labelled: number
  readonly millis: number
  readonly nodes: number
  readonly seed: string
}

const drawPod = (dice: Dice, i: number, { hours, labelled, millis, nodes, seed }: Pace): ReadonlyArray<Act> => {
  const name = `pod-${i + 1}`
  const at = Math.floor(dice.chance(0.5) ? dice.between(0, 2000) : dice.between(0, millis * 0.8))
  const seconds = Math.round(hours * 3600 * dice.between(0.5, 1.5))
  const features = drawFeatures(dice, `${name}.apps.svc`, labelled)
  // A stream of its own: with other volumes, the rest of a story stays as it was.
  const more = drawVolumes(new Dice(`${seed}/volumes/${i}`), name, labelled)
  const all = [features, ...more]
  const volumes = Object.fromEntries([["tls", features.wish], ...more.map(({ name, wish }) => [name, wish])])
  const wish: PodWish & { readonly name: string } = {
    name,
    node: `node-${dice.whole(1, nodes + 1)}`,
    duration: `${seconds} seconds`,
    ...(new Dice(`${seed}/inherited/${i}`).chance(0.06) ? { inherited: true } : {}),
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
  const isDeleted = dice.chance(0.5)
  const drawn = drawMore(seed, wish, { from: at, to: isDeleted ? deleted.at : millis })
  const scheduled: Act = { _tag: "Schedule", at, wish: drawn.wish, ...drawn.planted }
  return [scheduled, ...drawn.acts, ...changes, ...asked, ...(isDeleted ? [deleted] : [])]
}

/** The acts of the pods, and those that write the trust bundles which these pods or `others` name. */
const drawActs = (dice: Dice, pods: number, pace: Pace, others: ReadonlyArray<Act>): ReadonlyArray<Act> => {
  const acts = [...Array.from({ length: pods }, (_, i) => drawPod(dice, i, pace)).flat(), ...others]
  const written = bundles.map(
    (bundle): Act => ({ _tag: "WriteBundle", at: dice.chance(0.7) ? 0 : Math.floor(dice.between(0, 300_000)), bundle })
  )
  const used = acts.flatMap((act) => (act._tag === "Schedule" ? needsOf(act.wish) : []))
  return [...written.filter((act) => madeBy(act).some((one) => used.includes(one))), ...acts]
}

/** Few stories add an issuer: some of their pods name it, and it is there from the beginning or comes late. */
const withIssuer = (acts: ReadonlyArray<Act>, seed: string): ReadonlyArray<Act> => {
  const dice = new Dice(`${seed}/issuers`)
  if (!dice.chance(0.15)) return acts
  const [issuer, issuerKind] = ["corp", dice.pick(["Issuer", "ClusterIssuer"])]
  const at = dice.chance(0.5) ? 0 : Math.floor(dice.between(0, 300_000))
  return [
    { _tag: "AddIssuer", at, issuer: { name: issuer, kind: issuerKind } },
    ...acts.map((act) =>
      act._tag === "Schedule" && dice.chance(0.5) ? { ...act, wish: { ...act.wish, issuer, issuerKind } } : act
    )
  ]
}

/** In few stories a node joins, with pods of its own, or one leaves. */
const drawNodes = (pace: Pace, pods: number): ReadonlyArray<Act> => {
  const { millis, nodes, seed } = pace
  const dice = new Dice(`${seed}/nodes`)
  const within = (from: number, to: number) => Math.floor(dice.between(millis * from, millis * to))
  const [joins, leaves] = [dice.chance(0.12), dice.chance(0.2)]
  const node = `node-${nodes + 1}`
  const joined = joins ? within(0, 0.5) : millis
  const own = Array.from({ length: joins ? dice.whole(1, 3) : 0 }, (_, i) => drawPod(dice, pods + i, pace)).flat()
  const moved = own.map((act) => {
    const later = { ...act, at: Math.floor(joined + (act.at * (millis - joined)) / millis) }
    return later._tag === "Schedule" ? { ...later, wish: { ...later.wish, node } } : later
  })
  const leaving = `node-${dice.whole(1, nodes + (joins ? 2 : 1))}`
  const left: Act = { _tag: "Leave", at: within(0.3, 0.9), node: leaving }
  return [
    ...(joins ? [{ _tag: "Join", at: joined, node } as const] : []),
    ...moved,
    // The only node stays, and one that is not there yet cannot leave.
    ...(leaves && nodes + moved.length > 1 && (leaving !== node || left.at > joined) ? [left] : [])
  ]
}

/**
 * What operators do when they replace a CA: in some stories the bundles change once more, and the certificates are
 * renewed by hand while the volumes take the new CA. And some renew what is just coming or going.
 */
const drawOperators = (dice: Dice, acts: ReadonlyArray<Act>, millis: number): ReadonlyArray<Act> => {
  const [replaces, at] = [dice.chance(0.4), Math.floor(dice.between(millis * 0.1, millis))]
  const soon = (from: number, within: number) => Math.floor(from + dice.between(0, within))
  const pods = acts.flatMap((act) => (act._tag === "Schedule" ? [act.wish.name] : []))
  const replaced = replaces ? acts.filter(({ _tag }) => _tag === "WriteBundle").map((act) => ({ ...act, at })) : []
  const renewed = replaced.length === 0 ? [] : pods.map((name): Act => ({ _tag: "Renew", at: soon(at, 20_000), name }))
  const hasty = acts.flatMap((act): ReadonlyArray<Act> => {
    const [isAsked, when] = [dice.chance(0.15), soon(act.at, 4000)]
    if (act._tag === "Schedule") return isAsked ? [{ _tag: "Renew", at: when, name: act.wish.name }] : []
    return act._tag === "Delete" && isAsked ? [{ _tag: "Renew", at: when, name: act.name }] : []
  })
  return [...acts, ...replaced, ...renewed, ...hasty].filter((act) => act.at <= millis)
}

/** In few stories a publish waits for another time than a minute, also for longer than its kubelet. */
const drawPatience = (dice: Dice) => (dice.chance(0.2) ? { publishSeconds: dice.pick([20, 110, 600, 600]) } : {})

/** The story of a seed; `own` are further kinds of incidents. */
export const drawStory = (seed: number | string, knobs: Knobs = {}, own: ReadonlyArray<Rate> = []): Story => {
  const dice = new Dice(`${seed}/story`)
  const { hours, millis, syncSeconds } = drawPace(dice, knobs.days)
  const [drawnNodes, drawnPods] = [dice.pick([1, 1, 2, 3]), dice.whole(1, 6)]
  const useTokenRequest = dice.chance(0.2)
  const nodes = knobs.nodes ?? drawnNodes
  const faults = knobs.faults ?? Faults.swarm(seed)
  const pods = knobs.pods ?? drawnPods
  // Where labels change all the time, most names follow them.
  const labelled = faults.labelChangesPerDay >= 10 ? 0.7 : 0.15
  const pace = { hours, labelled, millis, nodes, seed: String(seed) }
  const ofNodes = knobs.nodes === undefined && knobs.pods === undefined ? drawNodes(pace, pods) : []
  const drawn = withIssuer(drawActs(dice, pods, pace, ofNodes), pace.seed)
  const acts = drawOperators(new Dice(`${seed}/operators`), drawn, millis)
  const names = [
    ...Array.from({ length: nodes }, (_, i) => `node-${i + 1}`),
    ...ofNodes.flatMap((act) => (act._tag === "Join" ? [act.node] : []))
  ]
  const incidents = incidentsOf(faults, String(seed), names, 0, millis, own)
  const needs = needsRepublish({ acts, faults, incidents, useTokenRequest })
  return {
    seed: String(seed),
    nodes,
    keys: "Ed25519",
    requiresRepublish: needs || !new Dice(`${seed}/republish`).chance(0.12),
    useTokenRequest,
    // Tokens come with publishes: a kubelet that looks seldom leaves certlet without one for long.
    syncSeconds: useTokenRequest ? Math.min(600, syncSeconds) : syncSeconds,
    ...drawPatience(new Dice(`${seed}/patience`)),
    millis,
    faults,
    acts: acts.toSorted((one, other) => one.at - other.at),
    ...(new Dice(`${seed}/stats`).chance(0.2) ? { statsSeconds: Math.max(60, syncSeconds) } : {}),
    incidents
  }
}
