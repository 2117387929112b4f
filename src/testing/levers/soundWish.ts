/**
 * Whether what a pod is to ask for, or to become, makes sense, asked at the door: its names, its lengths of time, and
 * that each text is one. What the driver has to refuse is written into `attributes`, which nobody looks at here.
 */
import { Predicate } from "effect"
import type { PodState } from "../../spec/PodState.ts"
import { type PodWish, wishNames } from "../parts/SimPod.ts"
import { known, Misuse, timeOf } from "./misuse.ts"

const times = ["duration", "renewBefore"] as const
const texts = ["name", "namespace", "node", "serviceAccount", "issuer", "issuerKind", "issuerGroup", "fsGroup"] as const

/** The wish, if it makes sense. */
export const soundWish = (wish: PodWish): PodWish => {
  known("what a pod asks for", wish, wishNames)
  for (const name of texts) {
    if (wish[name] !== undefined && !Predicate.isString(wish[name])) throw new Misuse(`a pod's ${name} is a text`)
  }
  for (const name of times) {
    const time = wish[name]
    if (time !== undefined) timeOf(time, `a pod's ${name}`)
  }
  if (wish.dnsNames !== undefined && ![wish.dnsNames].flat().every(Predicate.isString)) {
    throw new Misuse("a pod's dnsNames are a text or a list of texts")
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
