/**
 * Whether what a pod is to ask for, or to become, makes sense, asked at the door: its names, its lengths of time, and
 * that each text is one. What the driver has to refuse is written into `attributes`, which nobody looks at here.
 */
import { Predicate } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import { type PodWish, type VolumeWish, volumeWishNames, wishNames } from "../parts/SimPod.ts"
import { isLabel, known, Misuse, timeOf } from "./misuse.ts"

const times = ["duration", "renewBefore"] as const
const texts = ["name", "namespace", "node", "serviceAccount", "fsGroup"] as const
const volumeTexts = ["issuer", "issuerKind", "issuerGroup", "secret"] as const

/** Whether what is asked for of volumes makes sense. */
const lookAt = (whose: string, wish: VolumeWish): void => {
  for (const name of volumeTexts) {
    if (wish[name] !== undefined && !Predicate.isString(wish[name])) throw new Misuse(`${whose} ${name} is a text`)
  }
  for (const name of times) {
    const time = wish[name]
    if (time !== undefined) timeOf(time, `${whose} ${name}`)
  }
  if (wish.dnsNames !== undefined && ![wish.dnsNames].flat().every(Predicate.isString)) {
    throw new Misuse(`${whose} dnsNames are a text or a list of texts`)
  }
}

/** The wish, if it makes sense. */
export const soundWish = (wish: PodWish): PodWish => {
  known("what a pod asks for", wish, wishNames)
  for (const name of texts) {
    if (wish[name] !== undefined && !Predicate.isString(wish[name])) throw new Misuse(`a pod's ${name} is a text`)
  }
  lookAt("a pod's", wish)
  if (wish.volumes === undefined) return wish
  if (!Predicate.isObject(wish.volumes) || Object.keys(wish.volumes).length === 0) {
    throw new Misuse("a pod's volumes are an object with a name for each, and one at least")
  }
  for (const [name, volume] of Object.entries(wish.volumes)) {
    if (!isLabel(name)) throw new Misuse(`a volume has a name such as tls or client-tls, and not ${name}`)
    lookAt(`the volume ${name}'s`, known(`what the volume ${name} asks for`, volume, volumeWishNames))
  }
  return wish
}

/** What can be changed of a pod. */
export const changeableNames: Readonly<Record<keyof PodState, true>> = {
  ips: true,
  labels: true,
  annotations: true,
  conditions: true
}
