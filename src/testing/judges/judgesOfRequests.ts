/**
 * The invariants about what the API server is asked for: one request for a key, in the right name, and not too often.
 */
import { namespacedName } from "../../spec/NamespacedName.ts"
import "reflect-metadata"
import { bytesToHex } from "@noble/hashes/utils.js"
import { Pkcs10CertificateRequest } from "@peculiar/x509"
import { Option, Predicate } from "effect"
import { certletUser } from "../../embedded/ApiUser.ts"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { signingRequestOf, specOf } from "../../embedded/RequestRules.ts"
import { accountOf } from "../parts/SimAccounts.ts"
import { type Invariant, safety } from "./Invariants.ts"
import { volumeOf } from "./judgesOfVolumes.ts"
import { attribute } from "./wishes.ts"

/** The public key that a request is about, as text. */
const keyIn = (object: StoredObject): string => {
  const text = Option.flatMap(specOf(object), signingRequestOf)
  return Option.match(text, {
    onNone: () => "",
    onSome: (pem) => bytesToHex(new Uint8Array(new Pkcs10CertificateRequest(pem).publicKey.rawData))
  })
}

const oneKeyOneRequest = safety(
  "one key, one request",
  "A key serves one request, unless its pod wants to keep it; and never two pods.",
  () => {
    const seen = new Map<string, StoredObject>()
    return ({ what }, world) => {
      if (what._tag !== "RequestCreated") return undefined
      const { object } = what
      const key = keyIn(object)
      const before = seen.get(key)
      seen.set(key, object)
      if (before === undefined) return undefined
      const isSame = before.metadata.name === object.metadata.name && volumeOf(before) === volumeOf(object)
      // A draft that is submitted again, because its request was deleted meanwhile, is the same request.
      if (isSame) return undefined
      const pod = world.pods.find(({ volumeId }) => volumeId === volumeOf(object))
      const keeps = pod !== undefined && attribute(pod, "reuse-private-key") === "true"
      if (keeps && volumeOf(before) === volumeOf(object)) return undefined
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
      const pod = world.pods.find(({ volumeId }) => volumeId === volumeOf(object))
      if (pod === undefined) return undefined
      const asked = Predicate.hasProperty(object.spec, "username") ? String(object.spec.username) : ""
      const wanted = (world.settings.useTokenRequest ? accountOf(pod) : certletUser).name
      return asked === wanted
        ? undefined
        : `${asked} asks for the certificate of ${namespacedName(pod)}, and not ${wanted}`
    }
)

const minute = 60_000
/** A pod that waits tries again after 0.5, 1, 2, 4 s and so on, and a restarted certlet begins with the first. */
const requestsPerMinute = 30
/** What fails on a node, in a minute, for each of its pods and for the node itself. */
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

const fewTries = safety(
  "few tries",
  "A volume makes at most 30 requests in a minute, and a node's calls fail at most 60 times a minute for each of its pods.",
  () => {
    const requests = makeRate()
    const failures = makeRate()
    return ({ at, what, where }, world) => {
      if (what._tag === "RequestCreated" && requests(volumeOf(what.object), at) > requestsPerMinute) {
        return `volume ${volumeOf(what.object)} has made more than ${requestsPerMinute} requests in the last minute`
      }
      if (what._tag !== "CallFailed") return undefined
      const most = failuresPerMinute * (1 + world.pods.filter(({ node }) => node === where).length)
      const count = failures(where, at)
      return count > most ? `${count} calls of ${where} have failed in the last minute` : undefined
    }
  }
)

/** Requests. */
export const judgesOfRequests: ReadonlyArray<Invariant> = [oneKeyOneRequest, ownAccount, fewTries]
