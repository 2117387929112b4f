/**
 * Everything that can be seen to happen in a simulated cluster, as values: what the kubelet calls and is answered, what
 * reaches the disk, what the API server keeps, what certlet says. They are told by the edges themselves, after the
 * fact, so that no program can hide what it did. `sentenceOf` says each in one sentence of a trace; judges read
 * the facts. Pure.
 */

import { Option } from "effect"
import type { StoredObject } from "../../embedded/ObjectStore.ts"
import { volumeAnnotation } from "../../issuance/RequestLabels.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import type { PodState } from "../../spec/PodState.ts"
import { eventIn } from "../parts/SimEvents.ts"
import { type SimPod, type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import type { SimVolume } from "../parts/SimVolume.ts"

/** One thing that happened. */
export type Happening =
  | { readonly _tag: "Struck"; readonly sentence: string }
  | { readonly _tag: "FaultsEnded" | "Settled" }
  | { readonly _tag: "PodScheduled" | "PodStarted" | "PodDeleted" | "PodEnded"; readonly pod: SimPod }
  | {
      readonly _tag: "PodChanged"
      readonly pod: SimPod
      readonly change: Partial<PodState>
      readonly state: PodState
    }
  | { readonly _tag: "PublishCalled"; readonly volume: SimPodVolume; readonly attempt: number }
  | { readonly _tag: "PublishAnswered"; readonly volume: SimPodVolume; readonly failure: Failure | undefined }
  | { readonly _tag: "UnpublishCalled"; readonly volume: SimPodVolume; readonly attempt: number }
  | { readonly _tag: "UnpublishAnswered"; readonly volume: SimPodVolume; readonly failure: Failure | undefined }
  | { readonly _tag: "OperatorAsked"; readonly volume: SimPodVolume; readonly question: Question }
  | {
      readonly _tag: "OperatorAnswered"
      readonly volume: SimPodVolume
      readonly question: Question
      readonly answer: string
    }
  | { readonly _tag: "Mounted" | "Released"; readonly target: string }
  | { readonly _tag: "Unmounted" | "Written"; readonly target: string; readonly volume: SimVolume }
  | { readonly _tag: "RecordSaved"; readonly volumeId: string; readonly text: string }
  | { readonly _tag: "RecordRemoved"; readonly volumeId: string }
  | { readonly _tag: "RequestCreated"; readonly object: StoredObject }
  /** `by` is the node whose certlet asked for it; undefined where somebody else did. */
  | { readonly _tag: "RequestDeleted"; readonly object: StoredObject; readonly by: string | undefined }
  | { readonly _tag: "RequestDecided"; readonly object: StoredObject; readonly decision: string }
  /** `retryAfterMillis` is how long the server asks its client to stay away; 0 where it does not. */
  | {
      readonly _tag: "CallFailed"
      readonly action: string
      readonly reason: string
      readonly retryAfterMillis: number
    }
  | { readonly _tag: "Logged"; readonly level: string; readonly message: string; readonly annotations: string }
  | { readonly _tag: "EventWritten"; readonly object: StoredObject }
  | { readonly _tag: "ProcessStarted" | "ProcessStopped" | "ProcessKilled"; readonly incarnation: number }

/** What an operator asks certlet about a pod: to renew its certificate now, or how it is. */
export type Question = "renew" | "status"

/** Something that happened, when, and where: a node, `api`, `issuer` or `story`. */
export interface Event {
  /** Counts from 1. */
  readonly step: number
  /** Simulated time, in milliseconds since 1970. */
  readonly at: number
  readonly where: string
  readonly what: Happening
}

/** How a call of the kubelet failed: the gRPC code and the sentence. */
interface Failure {
  readonly code: string
  readonly sentence: string
}

/** Gives what lies on a disk its pod's name; the trace knows it from the pods it has seen. */
export interface Names {
  /** The pod whose volume is here, by target. */
  readonly atTarget: (target: string) => string
  /** The pod of a volume, by the volume's id. */
  readonly ofVolume: (volumeId: string) => string
}

/** Without a trace that knows better: what lies on a disk has the name that it has there. */
const asTheyAre: Names = { atTarget: (target) => target, ofVolume: (volumeId) => volumeId }

/** Requests have long names; their first letters tell them apart to the eye. */
const short = (name: string): string => (name.length > 12 ? `${name.slice(0, 8)}…` : name)

const requestOf = ({ metadata }: StoredObject, names: Names): string => {
  const volumeId = metadata.annotations?.[volumeAnnotation]
  return `request ${short(metadata.name)}${volumeId === undefined ? "" : ` of ${names.ofVolume(volumeId)}`}`
}

const answered = (call: string, volume: SimPodVolume, failure: Failure | undefined): string =>
  failure === undefined
    ? `${volumeText(volume)} is ${call}ed`
    : `${volumeText(volume)} is not ${call}ed: ${failure.code}, ${failure.sentence}`

const again = (attempt: number): string => (attempt > 1 ? `, try ${attempt}` : "")

const logged = ({ annotations, level, message }: Extract<Happening, { readonly _tag: "Logged" }>): string => {
  const pod = /"pod":"([^"]+)"/.exec(annotations)?.[1]
  return [...(level === "Info" ? [] : [level.toLowerCase()]), ...(pod === undefined ? [] : [pod]), message].join(": ")
}

/** Who does it or says it. Where somebody did something to the cluster, it is `fault`. */
export const whoOf = (what: Happening): string => {
  switch (what._tag) {
    case "Struck":
      return "fault"
    case "FaultsEnded":
    case "Settled":
      return "story"
    case "PodScheduled":
    case "PodDeleted":
    case "PodChanged":
    case "OperatorAsked":
      return "user"
    case "PodStarted":
    case "PodEnded":
    case "PublishCalled":
    case "UnpublishCalled":
      return "kubelet"
    case "Mounted":
    case "Released":
    case "Unmounted":
    case "Written":
    case "RecordSaved":
    case "RecordRemoved":
      return "disk"
    case "RequestCreated":
    case "RequestDeleted":
      return "api"
    case "RequestDecided":
      return "issuer"
    default:
      return "certlet"
  }
}

/** "address 10.0.0.7, label team=red": what has changed of a pod. */
export const changesOf = ({ annotations, conditions, ips, labels }: Partial<PodState>): string => {
  const entries = (kind: string, pairs: Readonly<Record<string, string>> = {}) =>
    Object.entries(pairs).map(([key, value]) => `${kind} ${key}=${value}`)
  return [
    ...(ips === undefined ? [] : [`address ${ips.join(", ")}`]),
    ...entries("label", labels),
    ...entries("annotation", annotations),
    ...entries("condition", conditions)
  ].join(", ")
}

/** What happened, in one sentence. */
export const sentenceOf = (what: Happening, names: Names = asTheyAre): string => {
  switch (what._tag) {
    case "Struck":
      return what.sentence
    case "FaultsEnded":
      return "faults end; everything has to converge"
    case "Settled":
      return "the time to converge is over"
    case "PodScheduled":
      return `schedules ${namespacedName(what.pod)}`
    case "PodDeleted":
      return `deletes ${namespacedName(what.pod)}`
    case "PodStarted":
      return `${namespacedName(what.pod)} runs`
    case "PodEnded":
      return `${namespacedName(what.pod)} is gone`
    case "PodChanged":
      return `${namespacedName(what.pod)} has ${changesOf(what.change)}`
    case "PublishCalled":
      return `publish ${volumeText(what.volume)}${again(what.attempt)}`
    case "UnpublishCalled":
      return `unpublish ${volumeText(what.volume)}${again(what.attempt)}`
    case "PublishAnswered":
      return answered("publish", what.volume, what.failure)
    case "UnpublishAnswered":
      return answered("unpublish", what.volume, what.failure)
    case "OperatorAsked":
      return what.question === "renew"
        ? `asks certlet to renew ${volumeText(what.volume)} now`
        : `asks certlet how ${volumeText(what.volume)} is`
    case "OperatorAnswered":
      return what.question === "renew"
        ? `answers about ${volumeText(what.volume)}: ${what.answer}`
        : `says how ${volumeText(what.volume)} is`
    case "Mounted":
      return `the volume of ${names.atTarget(what.target)} is mounted`
    case "Released":
      return `the other driver's volume of ${names.atTarget(what.target)} is unmounted`
    case "Unmounted":
      return `the volume of ${names.atTarget(what.target)} is unmounted`
    case "Written":
      return `the volume of ${names.atTarget(what.target)} shows new files`
    case "RecordSaved":
      return `the record of ${names.ofVolume(what.volumeId)} is saved`
    case "RecordRemoved":
      return `the record of ${names.ofVolume(what.volumeId)} is removed`
    case "RequestCreated":
      return `${requestOf(what.object, names)} is created`
    case "RequestDeleted":
      return `${requestOf(what.object, names)} is deleted`
    case "RequestDecided":
      return `${requestOf(what.object, names)} is ${what.decision}`
    case "CallFailed":
      return `${what.action} fails: ${what.reason}`
    case "Logged":
      return logged(what)
    case "EventWritten":
      return Option.match(eventIn(what.object), {
        onNone: () => `Event ${what.object.metadata.name} cannot be read`,
        onSome: ({ count, event: { note, pod, reason } }) =>
          `Event ${reason} on ${namespacedName(pod)}${count > 1 ? `, ${count} times` : ""}: ${note}`
      })
    case "ProcessStarted":
      return `starts, life ${what.incarnation}`
    case "ProcessStopped":
      return `has stopped, life ${what.incarnation}`
    case "ProcessKilled":
      return `dies, life ${what.incarnation}`
  }
}
