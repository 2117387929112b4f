/**
 * The invariants about what stands beside a certificate: the CA of a volume that names a trust bundle is one that this
 * bundle has held, and what has not changed is not written again.
 */
import { Option, Redacted } from "effect"
import { type SimPodVolume, volumeText } from "../parts/SimPod.ts"
import type { SimFile, SimVolume } from "../parts/SimVolume.ts"
import { type Invariant, safety } from "./Invariants.ts"
import { mountOf, volumeAt } from "./judgesOfVolumes.ts"
import { filesOf } from "./Sight.ts"
import { isPulledOn, Troubles } from "./Troubles.ts"
import { attribute, caFileOf, trustOf } from "./wishes.ts"

/** The bundle that a volume names, in the pod's namespace; empty where it names none. */
const bundleOf = (volume: SimPodVolume): string => {
  const name = attribute(volume, "trust-bundle")
  return name === "" ? "" : `${volume.pod.namespace}/${name}`
}

/** When a judge looks at what bundles hold. */
const looks: ReadonlyArray<string> = ["PodScheduled", "Struck", "Written"]

const ownTrust = safety(
  "own trust",
  "The CA file of a volume that names a trust bundle holds what that bundle holds or has held.",
  () => {
    const held = new Map<string, Set<string>>()
    const naming = new Map<string, SimPodVolume>()
    return ({ what }, world) => {
      if (what._tag === "PodScheduled") {
        for (const volume of what.pod.volumes.values())
          if (bundleOf(volume) !== "") naming.set(bundleOf(volume), volume)
      }
      // What is done to a bundle is told before it is done.
      if (!looks.includes(what._tag)) return undefined
      for (const [bundle, volume] of naming) {
        const now = trustOf(volume, world)
        if (Option.isSome(now)) held.set(bundle, (held.get(bundle) ?? new Set()).add(now.value))
      }
      if (what._tag !== "Written") return undefined
      const volume = volumeAt(world, what.target)
      const bundle = volume === undefined ? "" : bundleOf(volume)
      if (volume === undefined || bundle === "") return undefined
      const ca = filesOf(what.volume).get(caFileOf(volume))?.text ?? ""
      return held.get(bundle)?.has(ca) ? undefined : `the CA of ${volumeText(volume)} was never one of ${bundle}`
    }
  }
)

/** So soon after the last trouble a volume has what its bundle holds, in milliseconds; a pause is 7.5 min at most. */
const rotationLasts = 600_000

const trustInTime = safety(
  "trust in time",
  "A volume that is published has the CA that its trust bundle has held for ten minutes, unless something goes wrong.",
  () => {
    const since = new Map<string, { readonly text: string; readonly at: number }>()
    const troubles = new Troubles()
    return (event, world) => {
      troubles.hear(event, world)
      const { at, what, where } = event
      if (what._tag !== "PublishAnswered" || what.failure !== undefined) return undefined
      const { volume } = what
      const wanted = trustOf(volume, world)
      if (Option.isNone(wanted)) return undefined
      const before = since.get(volume.volumeId)
      if (before?.text !== wanted.value) since.set(volume.volumeId, { text: wanted.value, at })
      const held = before?.text === wanted.value ? before.at : at
      const mounted = mountOf(volume, world)
      const isPausing = at - Math.max(held, troubles.disturbedUntil) < rotationLasts
      if (isPausing || world.nodes.get(where)?.isQuick !== true) return undefined
      if (mounted === undefined || Option.isNone(mounted.files)) return undefined
      return filesOf(mounted).get(caFileOf(volume))?.text === wanted.value
        ? undefined
        : `${volumeText(volume)} does not have the CA that its trust bundle has held for minutes`
    }
  }
)

type Files = ReadonlyMap<string, SimFile>

const sameFile = (one: SimFile, other: SimFile | undefined): boolean =>
  other !== undefined && Buffer.compare(Redacted.value(one.content), Redacted.value(other.content)) === 0

const sameFiles = (one: Files, other: Files): boolean =>
  one.size === other.size && [...one].every(([name, file]) => sameFile(file, other.get(name)))

const writtenOnce = safety(
  "written once",
  "A process of certlet writes no set of files that the volume has already, unless something goes wrong on its node.",
  () => {
    /** By their mounts: what is mounted again is another volume. */
    const last = new Map<SimVolume, Files>()
    /** Whoever has just started does not know how far the last one came, nor whoever could not note it. */
    const unsure = new Set<SimVolume>()
    return ({ what, where }, world) => {
      if (what._tag === "ProcessStarted" || what._tag === "Struck") {
        for (const mounted of world.nodes.get(where)?.disk.volumes.values() ?? []) {
          last.delete(mounted)
          unsure.add(mounted)
        }
      }
      if (what._tag === "Unmounted") last.delete(what.volume)
      if (what._tag !== "Written") return undefined
      const now = Option.getOrElse(what.volume.files, () => new Map<string, SimFile>())
      const before = last.get(what.volume)
      last.set(what.volume, now)
      const volume = volumeAt(world, what.target)
      if (volume === undefined || before === undefined || isPulledOn(where, world)) return undefined
      if (!sameFiles(now, before) || unsure.delete(what.volume)) return undefined
      return `${volumeText(volume)} gets the files again that it has`
    }
  }
)

/** What stands beside a certificate. */
export const judgesOfTrust: ReadonlyArray<Invariant> = [ownTrust, trustInTime, writtenOnce]
