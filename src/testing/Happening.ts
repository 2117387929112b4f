/**
 * Everything that can be seen to happen in a simulated cluster, as values: what the kubelet calls and is answered, what reaches
 * the disk, what the API server keeps, what certlet says. They are told by the edges themselves, after the fact, so that no
 * program can hide what it did. `sentenceOf` says each in one sentence of a trace; judges read the facts beside it. Pure.
 */
import type { PodEvent } from "../cluster/PodEvents.ts"
import type { StoredObject } from "../embedded/ObjectStore.ts"
import type { PodState } from "../PodState.ts"
import { nameOf, type SimPod } from "./SimPod.ts"
import type { SimVolume } from "./SimVolumeFS.ts"

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
  | { readonly _tag: "PublishCalled"; readonly pod: SimPod; readonly attempt: number }
  | { readonly _tag: "PublishAnswered"; readonly pod: SimPod; readonly failure: Failure | undefined }
  | { readonly _tag: "UnpublishCalled"; readonly pod: SimPod; readonly attempt: number }
  | { readonly _tag: "UnpublishAnswered"; readonly pod: SimPod; readonly failure: Failure | undefined }
  | { readonly _tag: "Mounted"; readonly target: string }
  | { readonly _tag: "Unmounted" | "Written"; readonly target: string; readonly volume: SimVolume }
  | { readonly _tag: "RecordSaved"; readonly volumeId: string; readonly text: string }
  | { readonly _tag: "RecordRemoved"; readonly volumeId: string }
  | { readonly _tag: "RequestCreated" | "RequestDeleted"; readonly object: StoredObject }
  | { readonly _tag: "RequestDecided"; readonly object: StoredObject; readonly decision: string }
  | { readonly _tag: "CallFailed"; readonly action: string; readonly reason: string }
  | { readonly _tag: "Logged"; readonly level: string; readonly message: string; readonly annotations: string }
  | { readonly _tag: "EventTold"; readonly event: PodEvent }
  | { readonly _tag: "ProcessStarted" | "ProcessStopped" | "ProcessKilled"; readonly incarnation: number }

/** How a call of the kubelet failed: the gRPC code and the sentence. */
export interface Failure {
  readonly code: string
  readonly sentence: string
}

const requestOf = ({ metadata }: StoredObject): string => `${metadata.namespace}/${metadata.name}`

const answered = (call: string, pod: SimPod, failure: Failure | undefined): string =>
  failure === undefined
    ? `${call} of ${nameOf(pod)} succeeds`
    : `${call} of ${nameOf(pod)} fails with ${failure.code}: ${failure.sentence}`

/** The short end of a target, which names its pod's uid. */
const placeOf = (target: string): string => target.split("/").at(-5) ?? target

const podSentences = {
  PodScheduled: "is scheduled here",
  PodStarted: "runs",
  PodDeleted: "is deleted",
  PodEnded: "is gone"
} as const

/** "address 10.0.0.7, label team=red": what has changed of a pod. */
export const changesOf = ({ annotations, conditions, ips, labels }: Partial<PodState>): string => {
  const entries = (kind: string, of: Readonly<Record<string, string>> = {}) =>
    Object.entries(of).map(([key, value]) => `${kind} ${key}=${value}`)
  return [
    ...(ips === undefined ? [] : [`address ${ips.join(", ")}`]),
    ...entries("label", labels),
    ...entries("annotation", annotations),
    ...entries("condition", conditions)
  ].join(", ")
}

/** What happened, in one sentence. */
export const sentenceOf = (what: Happening): string => {
  switch (what._tag) {
    case "Struck":
      return what.sentence
    case "FaultsEnded":
      return "faults end; everything has to converge"
    case "Settled":
      return "the time to converge is over"
    case "PodScheduled":
    case "PodStarted":
    case "PodDeleted":
    case "PodEnded":
      return `pod ${nameOf(what.pod)} ${podSentences[what._tag]}`
    case "PodChanged":
      return `pod ${nameOf(what.pod)} has ${changesOf(what.change)}`
    case "PublishCalled":
      return `the kubelet publishes ${nameOf(what.pod)}${what.attempt > 1 ? `, try ${what.attempt}` : ""}`
    case "UnpublishCalled":
      return `the kubelet unpublishes ${nameOf(what.pod)}${what.attempt > 1 ? `, try ${what.attempt}` : ""}`
    case "PublishAnswered":
      return answered("publish", what.pod, what.failure)
    case "UnpublishAnswered":
      return answered("unpublish", what.pod, what.failure)
    case "Mounted":
      return `volume ${placeOf(what.target)} is mounted`
    case "Unmounted":
      return `volume ${placeOf(what.target)} is unmounted`
    case "Written":
      return `volume ${placeOf(what.target)} shows new files`
    case "RecordSaved":
      return `the record of ${what.volumeId.slice(0, 12)} is saved`
    case "RecordRemoved":
      return `the record of ${what.volumeId.slice(0, 12)} is removed`
    case "RequestCreated":
      return `request ${requestOf(what.object)} is created`
    case "RequestDeleted":
      return `request ${requestOf(what.object)} is deleted`
    case "RequestDecided":
      return `request ${requestOf(what.object)} is ${what.decision}`
    case "CallFailed":
      return `${what.action} fails: ${what.reason}`
    case "Logged":
      return `${what.level}: ${what.message}`
    case "EventTold":
      return `Event ${what.event.reason} on ${what.event.pod.namespace}/${what.event.pod.name}: ${what.event.note}`
    case "ProcessStarted":
      return `certlet starts, incarnation ${what.incarnation}`
    case "ProcessStopped":
      return `certlet has stopped, incarnation ${what.incarnation}`
    case "ProcessKilled":
      return `certlet dies, incarnation ${what.incarnation}`
  }
}
