/**
 * An incident of a story in words, before it has struck: what will happen, where, for how long. A trace tells what then
 * did happen. Pure.
 */
import { Duration } from "effect"
import { type Incident, type IncidentName, isIncidentName } from "../levers/Faults.ts"

const sentences: Readonly<Record<IncidentName, (where: string, time: string) => string>> = {
  watchDropsPerDay: () => "every watch is dropped",
  watchEndsPerDay: () => "the API server ends every watch in order",
  watchSilencesPerDay: () => "every watch goes silent and stays open",
  watchesGarbledPerDay: () => "every watch gets something that is no event",
  historyLossesPerDay: () => "the API server forgets its history",
  apiOutagesPerDay: (_, time) => `the API server is down for ${time}`,
  forbiddenPerDay: (_, time) => `the API server forbids every call for ${time}`,
  cutsPerDay: (node, time) => `${node} cannot reach the API server for ${time}`,
  approvalStallsPerDay: (_, time) => `nothing is approved for ${time}`,
  issuerStallsPerDay: (_, time) => `nothing is signed for ${time}`,
  denialsPerDay: (_, time) => `every request is denied for ${time}`,
  failuresPerDay: (_, time) => `every request fails for ${time}`,
  shortLifetimesPerDay: (_, time) => `certificates live for minutes only, for ${time}`,
  backdatingPerDay: (_, time) => `certificates are dated back for ${time}`,
  commonNameDropsPerDay: (_, time) => `certificates have no common name for ${time}`,
  caRotationsPerDay: () => "the issuer signs with a new key",
  requestsDeletedPerDay: () => "somebody deletes a request",
  killsPerDay: (node, time) => `certlet on ${node} is killed, and is away for ${time}`,
  crashPointsPerDay: (node) => `certlet on ${node} dies at one of its next calls`,
  stopsPerDay: (node, time) => `certlet on ${node} is stopped in order, and is away for ${time}`,
  freezesPerDay: (node, time) => `certlet on ${node} is frozen for ${time}`,
  kubeletRestartsPerDay: (node, time) => `the kubelet on ${node} is away for ${time}`,
  rebootsPerDay: (node, time) => `${node} reboots, and is away for ${time}`,
  disksFullPerDay: (node, time) => `the disk of ${node} is full for ${time}`,
  disksBrokenPerDay: (node, time) => `the disk of ${node} fails for ${time}`,
  tornRecordsPerDay: (node) => `the next crash on ${node} leaves a record half written`,
  cleanedVolumesPerDay: (node) => `a stranger unmounts a volume on ${node}`,
  wipedRecordsPerDay: (node) => `a stranger wipes the data root of ${node}`,
  clockSkewsPerDay: (node) => `the clock of ${node} is set wrong`,
  bundleRotationsPerDay: () => "a trust bundle holds a new CA",
  bundleLossesPerDay: (_, time) => `a trust bundle is deleted or damaged for ${time}`,
  addressChangesPerDay: (node) => `a pod on ${node} gets another address`,
  labelChangesPerDay: (node) => `a pod on ${node} gets another label`,
  tokenExpiriesPerDay: () => "every token that was handed out so far has expired",
  podsReplacedPerDay: (node) => `a pod on ${node} is deleted by force, and the next one has its name at once`,
  containerRestartsPerDay: (node) => `the container of a pod on ${node} is started again`,
  mountsPlantedPerDay: (node, time) => `a stranger mounts something over a volume on ${node} for ${time}`,
  callsRunningOnPerDay: (node, time) => `the kubelet on ${node} restarts, and its calls run on in certlet for ${time}`,
  disksHangingPerDay: (node, time) => `one of certlet's next calls to the disk of ${node} hangs for ${time}`,
  callsCutShortPerDay: (node, time) =>
    `the kubelet on ${node} restarts at one of certlet's next calls, and is away for ${time}`,
  defectsPerDay: (node) => `certlet on ${node} meets a defect at one of its next calls`
}

/** A duration at a glance: its two largest units. */
export const roughly = (millis: number): string =>
  Duration.format(Duration.millis(Math.round(millis)))
    .split(" ")
    .slice(0, 2)
    .join(" ")

/** What an incident will do, as a sentence that ends with the fault's name. */
export const incidentSentence = ({ fault, millis, node }: Incident): string =>
  isIncidentName(fault)
    ? `${sentences[fault](node, roughly(millis))} (${fault})`
    : `${fault} strikes on ${node}, ${roughly(millis)} long`

/** How long an incident holds, in milliseconds: nothing where it is over at once, as its sentence says. */
export const lengthOf = ({ fault, millis }: Incident): number =>
  // Only sentences of what lasts say a time.
  isIncidentName(fault) && sentences[fault].length < 2 ? 0 : millis
