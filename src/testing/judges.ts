/**
 * The invariants of certlet itself: what the programs promise, each a judge with its own books. Safety is judged at every
 * step; liveness when a cluster had time to settle.
 */
import "reflect-metadata"
import { bytesToHex } from "@noble/hashes/utils.js"
import { Pkcs10CertificateRequest } from "@peculiar/x509"
import { DateTime, Option, Result } from "effect"
import type { StoredObject } from "../embedded/ObjectStore.ts"
import { signingRequestOf, specOf } from "../embedded/RequestRules.ts"
import { volumeAnnotation } from "../issuance/RequestLabels.ts"
import type { Invariant, Judge, World } from "./Invariants.ts"
import { seeVolume } from "./Sight.ts"
import { nameOf, type SimPod } from "./SimPod.ts"

/**
 * Why a pod is not served; nothing where it is. What counts is the volume on the host, which every container sees that starts,
 * and the time that the node's own clock shows: nobody on it can know better.
 */
export const isServed = (pod: SimPod, world: World): string | undefined => {
  const node = world.nodes.get(pod.node)
  const volume = node?.disk.volumes.get(pod.target)
  if (volume === undefined) return "there is no volume"
  const sight = seeVolume(volume)
  if (Result.isFailure(sight)) return sight.failure
  const { notAfter } = sight.success.certificate
  return DateTime.toEpochMillis(notAfter) > world.now + (node?.skew.millis ?? 0)
    ? undefined
    : `its certificate ran out at ${DateTime.formatIso(notAfter)}`
}

const safety = (name: string, sentence: string, begin: Invariant["begin"]): Invariant => ({
  name,
  sentence,
  kind: "safety",
  begin
})

const liveness = (name: string, sentence: string, begin: Invariant["begin"]): Invariant => ({
  name,
  sentence,
  kind: "liveness",
  begin
})

const wholePairs = safety(
  "whole pairs",
  "What a pod sees is a whole set: a certificate and the key it is for.",
  () =>
    ({ what }) => {
      if (what._tag !== "Written") return undefined
      const sight = seeVolume(what.volume)
      if (Result.isFailure(sight)) return sight.failure
      return sight.success.matchesKey ? undefined : "the key is not the certificate's"
    }
)

const ownVolume = safety(
  "own volume",
  "A pod's volume holds that pod's certificate and nobody else's.",
  () =>
    ({ what }, world) => {
      if (what._tag !== "Written") return undefined
      const pod = world.pods.find((pod) => pod.target === what.target)
      if (pod === undefined) return `files were written for no pod at ${what.target}`
      const sight = seeVolume(what.volume)
      if (Result.isFailure(sight)) return undefined
      const { names } = sight.success.certificate
      const wanted = `DNS:${pod.attributes["csi.cert-manager.io/dns-names"]?.split(",")[0]}`
      return names.includes(wanted) ? undefined : `${nameOf(pod)} sees a certificate for ${names}`
    }
)

const nothingLeft = safety(
  "nothing left",
  "When an unpublish succeeds, neither mount nor record is left.",
  () =>
    ({ what, where }, world) => {
      if (what._tag !== "UnpublishAnswered" || what.failure !== undefined) return undefined
      const node = world.nodes.get(where)
      if (node?.disk.volumes.has(what.pod.target)) return `the mount of ${nameOf(what.pod)} is left`
      return node?.texts.has(what.pod.volumeId) ? `the record of ${nameOf(what.pod)} is left` : undefined
    }
)

const servedWhenPublished = safety(
  "published is filled",
  "When a publish succeeds, a certificate that has not run out is in the volume.",
  () =>
    ({ what }, world) => {
      if (what._tag !== "PublishAnswered" || what.failure !== undefined) return undefined
      const wrong = isServed(what.pod, world)
      return wrong === undefined ? undefined : `${nameOf(what.pod)} was published, but ${wrong}`
    }
)

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
    const seen = new Map<string, StoredObject["metadata"]>()
    return ({ what }, world) => {
      if (what._tag !== "RequestCreated") return undefined
      const { metadata } = what.object
      const key = keyIn(what.object)
      const before = seen.get(key)
      seen.set(key, metadata)
      // A draft that is submitted again, because its request was deleted meanwhile, is the same request.
      if (before === undefined || (before.name === metadata.name && before.namespace === metadata.namespace)) {
        return undefined
      }
      const volumeOf = ({ annotations }: StoredObject["metadata"]) => annotations?.[volumeAnnotation]
      const pod = world.pods.find(({ volumeId }) => volumeId === volumeOf(metadata))
      const keeps = pod?.attributes["csi.cert-manager.io/reuse-private-key"] === "true"
      if (keeps && volumeOf(before) === volumeOf(metadata)) return undefined
      return `requests ${before.name} and ${metadata.name} are for one key`
    }
  }
)

/** Why a live pod is not served, or a deleted one is not gone. */
const unserved = (world: World): string | undefined => {
  for (const pod of world.pods) {
    if (pod.phase !== "running") return `${nameOf(pod)} is ${pod.phase}`
    const wrong = isServed(pod, world)
    if (wrong !== undefined) return `${nameOf(pod)}: ${wrong}`
  }
  return undefined
}

const tooManyRequests = ({ server }: World): string | undefined => {
  const counts = new Map<string, number>()
  for (const { metadata } of server.store.all()) {
    const volume = metadata.annotations?.[volumeAnnotation] ?? ""
    counts.set(volume, (counts.get(volume) ?? 0) + 1)
  }
  const most = [...counts].find(([, count]) => count > 2)
  return most === undefined ? undefined : `volume ${most[0]} has ${most[1]} requests`
}

/** What is not at rest yet; nothing where everything is. */
export const unrest = (world: World): string | undefined => unserved(world) ?? tooManyRequests(world)

const atRest = (wrong: (world: World) => string | undefined) => (): Judge => (event, world) =>
  event.what._tag === "Settled" ? wrong(world) : undefined

const served = liveness(
  "served",
  "Once faults end, every live pod is served and every deleted one is gone.",
  atRest(unserved)
)

const fewRequests = liveness(
  "few requests",
  "A volume has at most two requests at the API server at rest.",
  atRest(tooManyRequests)
)

/** certlet's own invariants. */
export const invariants: ReadonlyArray<Invariant> = [
  wholePairs,
  ownVolume,
  nothingLeft,
  servedWhenPublished,
  oneKeyOneRequest,
  served,
  fewRequests
]
