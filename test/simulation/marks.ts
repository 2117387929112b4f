/**
 * What the swarm must have come through: named places that a story passes, seen from what the edges tell. A judge that
 * never meets a situation proves nothing about it, so that each of these has to be seen within a fixed set of seeds.
 */
import { DateTime, Option, Result } from "effect"
import { volumeAnnotation } from "../../src/issuance/RequestLabels.ts"
import type { EventReason } from "../../src/kube/PodEvents.ts"
import { seeVolume } from "../../src/testing/judges/Sight.ts"
import { incidentNames } from "../../src/testing/levers/Faults.ts"
import { eventIn } from "../../src/testing/parts/SimEvents.ts"
import type { SimPodVolume } from "../../src/testing/parts/SimPod.ts"
import type { Event, Happening } from "../../src/testing/story/Happening.ts"
import type { Story } from "../../src/testing/story/Story.ts"

/** Looks at the events of one story; true where it passes the mark. */
type Look = (event: Event) => boolean

type Marks = Readonly<Record<string, () => Look>>

const prefix = "csi.cert-manager.io/"

/** A mark that one event shows. */
const shown =
  (by: (what: Happening) => boolean): (() => Look) =>
  () =>
  ({ what }) =>
    by(what)

const logged = (words: RegExp) => shown((what) => what._tag === "Logged" && words.test(what.message))

const failedCall = (action: RegExp, reason: string) =>
  shown((what) => what._tag === "CallFailed" && what.reason === reason && action.test(what.action))

const refused = (words: RegExp) =>
  shown((what) => what._tag === "PublishAnswered" && what.failure !== undefined && words.test(what.failure.sentence))

const told = (reason: EventReason) =>
  shown(
    (what) =>
      what._tag === "EventWritten" && Option.exists(eventIn(what.object), ({ event }) => event.reason === reason)
  )

const answered = (question: "renew" | "status", words: RegExp) =>
  shown((what) => what._tag === "OperatorAnswered" && what.question === question && words.test(what.answer))

/** A pod that asks for this has its files. */
const served = (asks: (attributes: SimPodVolume["attributes"]) => boolean): (() => Look) => {
  return () => {
    const targets = new Set<string>()
    return ({ what }) => {
      if (what._tag === "PodScheduled") {
        for (const { attributes, target } of what.pod.volumes.values()) if (asks(attributes)) targets.add(target)
      }
      return what._tag === "Written" && targets.has(what.target)
    }
  }
}

const has = (name: string, value: RegExp) => served((attributes) => value.test(attributes[prefix + name] ?? ""))

/** The volumes of a story by their ids. */
const volumesSeen = () => {
  const volumes = new Map<string, SimPodVolume>()
  return {
    see: (what: Happening): void => {
      if (what._tag !== "PodScheduled") return
      for (const volume of what.pod.volumes.values()) volumes.set(volume.volumeId, volume)
    },
    of: ({ metadata }: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }) =>
      volumes.get(metadata.annotations?.[volumeAnnotation] ?? "")
  }
}

/** A volume that held a certificate that had expired asks for the next one. */
const behindItsEnd = (): Look => {
  const volumes = volumesSeen()
  const ends = new Map<string, number>()
  return ({ at, what }) => {
    volumes.see(what)
    if (what._tag === "Written") {
      const sight = seeVolume(what.volume)
      if (Result.isSuccess(sight)) ends.set(what.target, DateTime.toEpochMillis(sight.success.certificate.notAfter))
    }
    if (what._tag !== "RequestCreated") return false
    const end = ends.get(volumes.of(what.object)?.target ?? "")
    return end !== undefined && end < at
  }
}

/** A certificate is laid into a volume by another process than the one that asked for it. */
const pickedUp = (): Look => {
  const volumes = volumesSeen()
  const lives = new Map<string, number>()
  const askedIn = new Map<string, number | undefined>()
  return ({ what, where }) => {
    volumes.see(what)
    if (what._tag === "ProcessStarted") lives.set(where, what.incarnation)
    if (what._tag === "RequestCreated") {
      const volume = volumes.of(what.object)
      if (volume !== undefined) askedIn.set(volume.target, lives.get(volume.pod.node))
    }
    if (what._tag !== "Written") return false
    const asked = askedIn.get(what.target)
    askedIn.delete(what.target)
    return asked !== undefined && asked !== lives.get(where)
  }
}

/** A certificate is laid into a volume by another process than asked for it, and its names have changed meanwhile. */
const pickedUpLate = (): Look => {
  const isPickedUp = pickedUp()
  const volumes = volumesSeen()
  const renamed = new Set<string>()
  return (event) => {
    const { what } = event
    volumes.see(what)
    if (what._tag === "RequestCreated") renamed.delete(volumes.of(what.object)?.target ?? "")
    const isLate = isPickedUp(event) && what._tag === "Written" && renamed.has(what.target)
    if (what._tag === "PodChanged") {
      for (const { attributes, target } of what.pod.volumes.values()) {
        if (what.change.labels !== undefined && /POD_LABEL/.test(attributes[`${prefix}dns-names`] ?? "")) {
          renamed.add(target)
        }
      }
    }
    return isLate
  }
}

/** The marks, by their names. */
const marks: Marks = {
  "a rotation failed and was retried": logged(/the new trust bundle is not in place, next try/),
  "a rotation was done": logged(/the new trust bundle is in place/),
  "a renewal began behind its end": behindItsEnd,
  "a request was picked up by the next process": pickedUp,
  "a request was picked up under names that had changed": pickedUpLate,
  "a stranger's mount was there at a start": logged(/not resumed; .*what is mounted there is not certlet's/),
  "a clock was wrong by hours": shown((what) => what._tag === "Struck" && /the clock is \d+h/.test(what.sentence)),
  "an operator heard that a volume had gone": answered("renew", /^not renewed: .*unpublished/),
  "a publish was refused by policy": refused(/the request was denied/),
  "a publish ran out of time": refused(/not signed yet|not approved yet|waited/),
  "a refusal that repeats was held back": refused(/the same as the time before/),
  "a publish found the disk full": refused(/no space left/),
  "a publish found what is a stranger's": refused(/what stands there is not certlet's/),
  "a publish found the disk broken": refused(/input\/output error/),
  "a record made no sense": logged(/a record makes no sense/),
  "a mount was lost": told("VolumeMountLost"),
  "an owner heard of a denial": told("CertificateDenied"),
  "an owner heard of a failure": told("CertificateFailed"),
  "an owner heard of a renewal that keeps failing": told("CertificateNotRenewed"),
  "an owner heard of a missing approval": told("CertificateNotApproved"),
  "an owner heard of a missing signature": told("CertificateNotSigned"),
  "an owner heard of a missing prerequisite": told("CertificateNotRequested"),
  "an owner heard of a late renewal": told("CertificateRenewedLate"),
  "an owner heard of a damaged bundle": told("TrustBundleDamaged"),
  "a request was throttled": failedCall(/create CertificateRequest/, "Throttled"),
  "a create had no answer": failedCall(/create CertificateRequest/, "Unavailable"),
  "a token had expired": failedCall(/create CertificateRequest/, "Unauthorized"),
  "a watch was forgotten": failedCall(/watch/, "Gone"),
  "a list was forgotten half way": failedCall(/list/, "Gone"),
  "the names followed the pod": logged(/what the certificate's names follow has changed/),
  "somebody renewed by hand": answered("renew", /^renewed/),
  "a renewal by hand failed": answered("renew", /^not renewed/),
  "somebody looked at a status": answered("status", /"state":/),
  "a certlet died before it answered": answered("renew", /^no answer/),
  "a JKS was written": has("jks-enable", /true/),
  "a PKCS#12 was written": has("pkcs12-enable", /true/),
  "a password was generated": served((attributes) =>
    ["pkcs12", "jks"].some((kind) => attributes[`${prefix}${kind}-password-from`] === "generate")
  ),
  "a password came from a Secret": served((attributes) =>
    ["pkcs12", "jks"].some((kind) => (attributes[`${prefix}${kind}-password-from`] ?? "").startsWith("secret:"))
  ),
  "a truststore was written": has("truststore-enable", /true/),
  "an SVID was issued": has("spiffe", /true/),
  "a CA with name constraints was issued": has("permitted-dns-domains", /./),
  "a trust bundle was used": has("trust-bundle", /./),
  "a gate was waited for": has("pod-readiness-gate", /./),
  "a key was used again": has("reuse-private-key", /true/),
  "another driver's volume went with its pod": shown((what) => what._tag === "Released")
}

/** What a story is by itself. */
const ofStories: Readonly<Record<string, (story: Story) => boolean>> = {
  "a kubelet published once": ({ requiresRepublish }) => !requiresRepublish,
  "a publish waits longer than its kubelet": ({ publishSeconds = 0 }) => publishSeconds > 120,
  "a stranger is in the way of a pod's volume": ({ acts }) =>
    acts.some((act) => act._tag === "Schedule" && act.planted !== undefined),
  "a gate closed": ({ acts }) =>
    acts.some((act) => act._tag === "Change" && act.change.conditions?.Provisioned === "False"),
  "a password changed": ({ acts }) => acts.filter(({ _tag }) => _tag === "WriteSecret").length > 1,
  "an issuer was added": ({ acts }) => acts.some(({ _tag }) => _tag === "AddIssuer"),
  "a node joined": ({ acts }) => acts.some(({ _tag }) => _tag === "Join"),
  "a node left": ({ acts }) => acts.some(({ _tag }) => _tag === "Leave")
}

/** What a story passes: its marks, and the kinds of its incidents. */
export const watchMarks = (story: Story) => {
  const kinds = Object.entries(ofStories).flatMap(([name, isOne]) => (isOne(story) ? [name] : []))
  const passed = new Set<string>([...kinds, ...story.incidents.map(({ fault }) => fault)])
  const looks = Object.entries(marks).map(([name, begin]) => [name, begin()] as const)
  const watch = (event: Event): void => {
    for (const [name, look] of looks) if (look(event)) passed.add(name)
  }
  return { passed, watch }
}

/** Everything that has to be passed. */
export const allMarks: ReadonlyArray<string> = [...Object.keys(marks), ...Object.keys(ofStories), ...incidentNames]
