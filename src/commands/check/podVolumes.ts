/**
 * The driver's volumes in a Kubernetes object, wherever a pod or a pod's template stands in it: a Pod, a Deployment, a
 * CronJob, a List of them, or an object of somebody's own kind. Pure. With a volume comes what a pod made from the
 * template would be called, so that its names can be shown.
 */
import { Option } from "effect"
import type { Manifest, Path } from "./Manifest.ts"

/** An object as people name it. */
export interface ObjectName {
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

/** A volume of the driver, where it is written. */
export interface PodVolume {
  readonly manifest: Manifest
  readonly object: ObjectName
  /** The way to the `csi` of the volume. */
  readonly path: Path
  readonly volume: string
  readonly csi: Readonly<Record<string, unknown>>
  /** Whether a pod has it inline; otherwise it is a PersistentVolume, which the driver does not serve. */
  readonly inline: boolean
  /** A pod that has the volume: the Pod itself, or one as the template's controller would name it. */
  readonly pod: {
    readonly name: string
    readonly serviceAccount: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const field = (value: unknown, name: string): unknown =>
  isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(isRecord(value) ? Object.entries(value).map(([key, text]) => [key, String(text)]) : [])

/** What controllers put behind a template's name; the letters are an example. */
const suffixes: Readonly<Record<string, string>> = {
  CronJob: "-29371680-x7k2p",
  Deployment: "-5d8f7c6b9d-x7k2p",
  Pod: "",
  StatefulSet: "-0"
}

const podNameOf = ({ kind, name }: ObjectName, metadata: unknown): string => {
  const own = textOf(field(metadata, "generateName"))
  if (kind === "Pod" && own !== "" && textOf(field(metadata, "name")) === "") return `${own}x7k2p`
  return `${name === "" ? "pod" : name}${suffixes[kind] ?? "-x7k2p"}`
}

/** An object has a kind and an API version; a list of objects is not one. */
const objectAt = (value: Readonly<Record<string, unknown>>, namespace: string): Option.Option<ObjectName> => {
  const kind = textOf(value.kind)
  if (kind === "" || textOf(value.apiVersion) === "" || Array.isArray(value.items)) return Option.none()
  const metadata = value.metadata
  const name = textOf(field(metadata, "name")) || textOf(field(metadata, "generateName"))
  const own = kind === "PersistentVolume" ? "" : textOf(field(metadata, "namespace")) || namespace
  return Option.some({ kind, namespace: own, name })
}

const unnamed: ObjectName = { kind: "object", namespace: "", name: "" }

/** The volumes of a driver in a document. */
export const podVolumes = (manifest: Manifest, driver: string, namespace: string): ReadonlyArray<PodVolume> => {
  const found: Array<PodVolume> = []
  /** What is being looked at: an alias of YAML may lead back to what holds it. */
  const above = new Set<unknown>()

  const take = (csi: unknown, rest: Omit<PodVolume, "csi" | "manifest">): void => {
    if (isRecord(csi) && csi.driver === driver) found.push({ ...rest, csi, manifest })
  }

  /** `value` is a pod's spec where it has a list of volumes; its metadata stand next to it. */
  const look = (value: unknown, path: Path, object: ObjectName, metadata: unknown): void => {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) look(item, [...path, index], object, undefined)
      return
    }
    if (!isRecord(value) || above.has(value)) return
    above.add(value)
    const here = Option.getOrElse(objectAt(value, namespace), () => object)
    const pod = {
      name: podNameOf(here, metadata),
      serviceAccount: textOf(value.serviceAccountName) || "default",
      labels: textsOf(field(metadata, "labels")),
      annotations: textsOf(field(metadata, "annotations"))
    }
    for (const [key, below] of Object.entries(value)) {
      const way = [...path, key]
      if (key === "volumes" && Array.isArray(below)) {
        for (const [index, volume] of below.entries()) {
          const csi = { object: here, path: [...way, index, "csi"], inline: true, pod }
          take(field(volume, "csi"), { ...csi, volume: textOf(field(volume, "name")) })
        }
      } else if (key === "csi" && here.kind === "PersistentVolume") {
        take(below, { object: here, path: way, volume: here.name, inline: false, pod })
      } else look(below, way, here, key === "spec" ? value.metadata : undefined)
    }
    above.delete(value)
  }

  look(manifest.value, [], unnamed, undefined)
  return found
}
