/**
 * The invariants about what the API server is asked for: one request for a key, in the right name, and not too often.
 */
import "reflect-metadata"
import { bytesToHex } from "@noble/hashes/utils.js"
import { DateTime, Option, Predicate, Result } from "effect"
import { certletUser } from "../../embedded/ApiUser.ts"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { signingRequestOf, specOf } from "../../embedded/RequestRules.ts"
import { signingRequestIn } from "../../embedded/signingRequestIn.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import { accountOf } from "../parts/SimAccounts.ts"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import { type Invariant, safety, type World } from "./Invariants.ts"
import { askerOf, volumeAt, volumeOf } from "./judgesOfVolumes.ts"
import { type SeenCertificate, seeVolume } from "./Sight.ts"
import { isOnNode } from "./Troubles.ts"
import { attribute, isFollowing } from "./wishes.ts"

/** The signing request in a request, PEM; empty if the request holds no signing request. */
const textIn = (object: StoredObject): string =>
  Option.getOrElse(Option.flatMap(specOf(object), signingRequestOf), () => "")

/** The public key that a request is about, as text. */
const keyIn = (object: StoredObject): string =>
  bytesToHex(new Uint8Array(signingRequestIn(textIn(object))?.publicKey.rawData ?? new ArrayBuffer(0)))

const oneKeyOneRequest = safety(
  "one key, one request",
  "A key serves one request, unless its pod wants to keep it, and never two pods; a request that certlet has deleted is not made again.",
  () => {
    const seen = new Map<string, StoredObject>()
    /** The names of the requests that certlet has deleted: it was done with them. */
    const withdrawn = new Set<string>()
    /** The volumes that keep their key: a request that was on its way may arrive when its pod has gone. */
    const keepers = new Set<string>()
    return ({ what }, world) => {
      if (what._tag === "RequestDeleted" && what.by !== undefined) withdrawn.add(namespacedName(what.object.metadata))
      if (what._tag !== "RequestCreated") return undefined
      const { object } = what
      const volume = askerOf(object, world)
      if (volume !== undefined && attribute(volume, "reuse-private-key") === "true") keepers.add(volume.volumeId)
      const key = keyIn(object)
      const before = seen.get(key)
      seen.set(key, object)
      if (before === undefined) return undefined
      const isSame = before.metadata.name === object.metadata.name && volumeOf(before) === volumeOf(object)
      if (isSame) {
        // A draft may be submitted again where somebody else has deleted its request, and nobody knows whether it was
        // made at all: it is the same request then, to the letter.
        const name = namespacedName(object.metadata)
        if (withdrawn.has(name)) return `request ${name} is made again, and certlet has deleted it`
        return textIn(before) === textIn(object) ? undefined : `request ${name} is made again, and says something else`
      }
      if (keepers.has(volumeOf(object)) && volumeOf(before) === volumeOf(object)) return undefined
      return `requests ${before.metadata.name} and ${object.metadata.name} are for one key`
    }
  }
)

const ownAccount = safety(
  "own account",
  "Where the settings say so, a request is made as the pod's own ServiceAccount; otherwise never as anybody's but certlet's.",
  () =>
    ({ what }, world) => {
      if (what._tag !== "RequestCreated") return undefined
      const { object } = what
      const volume = askerOf(object, world)
      if (volume === undefined) return undefined
      const asked = Predicate.hasProperty(object.spec, "username") ? String(object.spec.username) : ""
      const wanted = (world.settings.useTokenRequest ? accountOf(volume.pod) : certletUser).name
      return asked === wanted
        ? undefined
        : `${asked} asks for the certificate of ${volumeText(volume)}, and not ${wanted}`
    }
)

const minute = 60_000
/** A pod that waits tries again after 0.5, 1, 2, 4 s and so on, and a restarted certlet begins with the first. */
const requestsPerMinute = 30
/** What fails on a node, in a minute, for each of its volumes and for the node itself. */
const failuresPerMinute = 60

/** How many of something there were in the last minute, this one included. */
const makeRate = () => {
  const times = new Map<string, Array<number>>()
  return (key: string, at: number): number => {
    const recent = (times.get(key) ?? []).filter((time) => at - time < minute)
    times.set(key, [...recent, at])
    return recent.length + 1
  }
}

/** How many volumes a node has or had in the last minute: what failed for one that has gone still counts. */
const makeCensus = () => {
  const nodes = new Map<string, Map<string, number>>()
  return (node: string, at: number, { volumes }: World): number => {
    const seen = nodes.get(node) ?? new Map<string, number>()
    nodes.set(node, seen)
    for (const { pod, volumeId } of volumes) if (pod.node === node) seen.set(volumeId, at)
    for (const [volumeId, last] of seen) if (at - last >= minute) seen.delete(volumeId)
    return seen.size
  }
}

const fewTries = safety(
  "few tries",
  "A volume makes at most 30 requests in a minute, and a node's calls fail at most 60 times a minute for each of its volumes.",
  () => {
    const requests = makeRate()
    const failures = makeRate()
    const volumesOn = makeCensus()
    return ({ at, what, where }, world) => {
      if (what._tag === "RequestCreated" && requests(volumeOf(what.object), at) > requestsPerMinute) {
        return `volume ${volumeOf(what.object)} has made more than ${requestsPerMinute} requests in the last minute`
      }
      if (what._tag !== "CallFailed") return undefined
      const most = failuresPerMinute * (1 + volumesOn(where, at, world))
      const count = failures(where, at)
      return count > most ? `${count} calls of ${where} have failed in the last minute` : undefined
    }
  }
)

/** The shortest time between two requests, in milliseconds, however short the certificates are. */
const shortest = 5_000
/** The share of a certificate's life that passes before the next one is asked for. */
const leastShare = 0.05

/** A certificate as a volume got it. Times are milliseconds since 1970. */
interface Got {
  readonly at: number
  /** By the node's own clock. */
  readonly nodeAt: number
  /** How long the next request has to wait. */
  readonly least: number
}

const gotWith = ({ notAfter, notBefore }: SeenCertificate, at: number, nodeAt: number): Got => {
  const left = DateTime.toEpochMillis(notAfter) - Math.max(nodeAt, DateTime.toEpochMillis(notBefore))
  // One that ran out on its way, while the disk hung, say, is no certificate to wait with.
  return { at, nodeAt, least: left <= 0 ? 0 : Math.max(shortest, left * leastShare) }
}

const unhurried = safety(
  "unhurried",
  "A volume asks for its next certificate after a twentieth of the life that the last one had left, and after 5 seconds at the earliest, unless an operator asks for it, something happened on its node, or its names follow its pod.",
  () => {
    const got = new Map<string, Got>()
    // Whose renewal an operator asked for, and whether it has begun: it may come behind the certificate that was on its
    // way, and be tried again until there is one.
    const asked = new Map<string, "asked" | "begun">()
    // A rotation of the CA writes the certificate again that the volume has.
    const serialNumbers = new Map<string, string>()
    return (event, world) => {
      const { at, what, where } = event
      const nodeAt = ({ pod }: SimPodVolume) => at + (world.nodes.get(pod.node)?.skew.millis ?? 0)
      if (isOnNode(event)) {
        // The certificate is still known: writing it again, with another CA, is not getting one.
        for (const [volumeId, last] of got) {
          if (world.volumes.some((volume) => volume.volumeId === volumeId && volume.pod.node === where)) {
            got.set(volumeId, { ...last, least: 0 })
          }
        }
      }
      // What is mounted again after a refusal is a new volume.
      if (what._tag === "Unmounted") got.delete(volumeAt(world, what.target)?.volumeId ?? "")
      if (what._tag === "OperatorAsked" && what.question === "renew") asked.set(what.volume.volumeId, "asked")
      if (what._tag === "Written") {
        const volume = volumeAt(world, what.target)
        const sight = seeVolume(what.volume)
        if (volume === undefined || isFollowing(volume) || Result.isFailure(sight)) return undefined
        const { certificate } = sight.success
        if (serialNumbers.get(volume.volumeId) === certificate.serialNumber) return undefined
        serialNumbers.set(volume.volumeId, certificate.serialNumber)
        got.set(volume.volumeId, gotWith(certificate, at, nodeAt(volume)))
        if (asked.get(volume.volumeId) === "begun") asked.delete(volume.volumeId)
      }
      if (what._tag !== "RequestCreated") return undefined
      const volume = askerOf(what.object, world)
      const last = volume === undefined ? undefined : got.get(volume.volumeId)
      if (volume === undefined || last === undefined) return undefined
      if (asked.has(volume.volumeId)) {
        asked.set(volume.volumeId, "begun")
        return undefined
      }
      const waited = Math.max(at - last.at, nodeAt(volume) - last.nodeAt)
      return waited >= last.least
        ? undefined
        : `${volumeText(volume)} asks ${waited} ms after it got a certificate, and not after ${Math.ceil(last.least)} ms`
    }
  }
)

/** Requests. */
export const judgesOfRequests: ReadonlyArray<Invariant> = [oneKeyOneRequest, ownAccount, fewTries, unhurried]
