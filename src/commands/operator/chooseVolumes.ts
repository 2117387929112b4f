/**
 * Which volumes an operator means by a word: those of the pod of that name, given as `NAME` or `NAMESPACE/NAME`, or
 * the one volume of that id. A word that fits nothing is answered with the names that are nearest to it. Pure.
 */
import { Option, Result } from "effect"
import { podName } from "../../admin/AdminApi.ts"
import type { VolumeState, VolumeStatus } from "../../driver/VolumeStatus.ts"
import { nearestFew } from "../../spec/nearestOf.ts"

/** How many names are offered for a mistyped one. */
const few = 3

const fits =
  (word: string) =>
  (volume: VolumeStatus): boolean =>
    [volume.pod.name, podName(volume), volume.volumeId].includes(word)

/** Which volumes are asked for: those of a namespace, and those in one of these states. */
export interface VolumeFilter {
  readonly namespace: Option.Option<string>
  /** None means every state. */
  readonly states: Option.Option<ReadonlyArray<VolumeState>>
}

/** The volumes of the filter's namespace. */
export const inNamespace = (
  volumes: ReadonlyArray<VolumeStatus>,
  { namespace }: VolumeFilter
): ReadonlyArray<VolumeStatus> =>
  volumes.filter(({ pod }) => Option.match(namespace, { onNone: () => true, onSome: (name) => pod.namespace === name }))

/** The volumes that are in a state of the filter's. */
export const inStates = (volumes: ReadonlyArray<VolumeStatus>, { states }: VolumeFilter): ReadonlyArray<VolumeStatus> =>
  volumes.filter(({ state }) =>
    Option.match(states, { onNone: () => true, onSome: (states) => states.includes(state) })
  )

/** By their pods' names, and a pod's volumes by theirs. */
export const inOrder = (volumes: ReadonlyArray<VolumeStatus>): ReadonlyArray<VolumeStatus> => {
  const keyed = volumes.map((volume) => ({ volume, key: `${podName(volume)}\0${volume.target}\0${volume.volumeId}` }))
  return keyed.sort((one, other) => (one.key < other.key ? -1 : 1)).map(({ volume }) => volume)
}

/** The names of the pods that these volumes are of, without repeats. */
const podsOf = (volumes: ReadonlyArray<VolumeStatus>): ReadonlyArray<string> => [
  ...new Set(inOrder(volumes).map(podName))
]

const unknown = (word: string, volumes: ReadonlyArray<VolumeStatus>): string => {
  const pods = podsOf(volumes)
  const nameOf = (pod: string) => (word.includes("/") ? pod : pod.slice(pod.indexOf("/") + 1))
  const names = [...new Set(pods.map(nameOf))]
  const near = nearestFew(word, names, few).flatMap((name) => pods.filter((pod) => nameOf(pod) === name))
  const offer =
    near.length === 0 ? "this node has no volume of certlet" : `nearest on this node: ${near.slice(0, few).join(", ")}`
  return `no pod ${word} with a volume of certlet on this node; ${offer}`
}

/** The volumes that are meant, in order, or the sentence that says why there are none. */
export const volumesOf = (
  word: string,
  volumes: ReadonlyArray<VolumeStatus>
): Result.Result<ReadonlyArray<VolumeStatus>, string> => {
  const found = volumes.filter(fits(word))
  return found.length === 0 ? Result.fail(unknown(word, volumes)) : Result.succeed(inOrder(found))
}

/** The volumes of one pod: where the word fits pods of several namespaces, somebody has to say which. */
export const volumesOfOnePod = (
  word: string,
  volumes: ReadonlyArray<VolumeStatus>
): Result.Result<ReadonlyArray<VolumeStatus>, string> =>
  Result.flatMap(volumesOf(word, volumes), (found) => {
    const pods = podsOf(found)
    return pods.length === 1
      ? Result.succeed(found)
      : Result.fail(`${word} is a pod in several namespaces; say which one: ${pods.join(", ")}`)
  })
