/**
 * What happened in a simulated cluster, in order: one event, one sentence. The trace keeps the last events to show, a
 * digest over all of them and over every byte that was written, to compare runs by, and hands each one to whoever
 * listens, at the moment it happens; the judges do. Two runs of one seed have the same digest, on any machine.
 */

import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { DateTime, Option, Redacted } from "effect"
import { type SimPod, volumeText } from "../parts/SimPod.ts"
import { type Fold, fold } from "./fold.ts"
import { type Event, type Happening, type Names, sentenceOf, whoOf } from "./Happening.ts"

const utf8 = new TextEncoder()

/** Places that are no node. */
const places: ReadonlyArray<string> = ["api", "issuer", "story"]

/** The pods that were seen, so that what lies on disks can be called by their names. */
class PodNames implements Names {
  readonly #names = new Map<string, string>()

  readonly see = ({ pod }: { readonly pod: SimPod }): void => {
    for (const volume of pod.volumes.values()) {
      this.#names.set(volume.target, volumeText(volume)).set(volume.volumeId, volumeText(volume))
    }
  }

  readonly atTarget = (target: string): string => this.#names.get(target) ?? target

  readonly ofVolume = (volumeId: string): string => this.#names.get(volumeId) ?? volumeId.slice(0, 12)
}

/** A trace in the making. */
export class Trace {
  /** How many events there were. */
  steps = 0
  readonly #began: number
  readonly #clock: () => number
  readonly #kept: number
  readonly #events: Array<Event> = []
  readonly #listeners: Array<(event: Event) => void> = []
  readonly #hash = sha256.create()
  readonly #names = new PodNames()
  #firstRequest: Event | undefined

  /** `clock` gives milliseconds; `kept` is how many of the last events can be shown. */
  constructor(clock: () => number, kept: number) {
    this.#clock = clock
    this.#began = clock()
    this.#kept = kept
  }

  /** Takes an event in and tells the listeners. */
  readonly record = (where: string, what: Happening): void => {
    const event = { step: ++this.steps, at: this.#clock(), where, what }
    if (what._tag === "PodScheduled") this.#names.see(what)
    if (what._tag === "RequestCreated") this.#firstRequest ??= event
    this.#events.push(event)
    if (this.#events.length > this.#kept * 2) this.#events.splice(0, this.#events.length - this.#kept)
    this.#hash.update(utf8.encode(`${event.at} ${where} ${sentenceOf(what, this.#names)}\n`))
    this.#weighBehind(what)
    for (const listen of this.#listeners) listen(event)
  }

  /** A sentence names what was made; its bytes are in the digest too, for they may be gone before the end. */
  #weighBehind(what: Happening): void {
    if (what._tag === "RecordSaved") this.weigh(utf8.encode(what.text))
    if (what._tag === "RequestCreated") this.weigh(utf8.encode(JSON.stringify(what.object)))
    if (what._tag !== "Written" || Option.isNone(what.volume.files)) return
    for (const [name, { content, mode }] of what.volume.files.value) {
      this.weigh(utf8.encode(`${name} ${mode}\n`))
      this.weigh(Redacted.value(content))
    }
  }

  /** Adds bytes to the digest that are no event: the files in a volume, a certificate. */
  readonly weigh = (bytes: Uint8Array): void => void this.#hash.update(bytes)

  /** Calls the listener within every event from now on. */
  readonly listen = (listener: (event: Event) => void): void => void this.#listeners.push(listener)

  /** The last events. */
  get events(): ReadonlyArray<Event> {
    return this.#events.slice(-this.#kept)
  }

  /** SHA-256 over everything so far, hexadecimal. */
  get digest(): string {
    return bytesToHex(this.#hash.clone().digest())
  }

  /** The last events, each in its sentence. */
  readonly told = (last = this.#kept): ReadonlyArray<Told> =>
    this.#events.slice(-Math.min(last, this.#kept)).map(this.#tell)

  /**
   * The last events as aligned lines: step, time since the beginning, node, who, sentence. What happens at one instant
   * stands below one time.
   */
  readonly lines = (last = this.#kept): ReadonlyArray<string> => aligned(this.told(last))

  /**
   * What led here, for whoever looks for a fault: as many lines at most, publishes that went well folded, and before
   * them the first request, if it was earlier than that.
   */
  readonly tail = (last: number): ReadonlyArray<string> => {
    const shown = fold(this.events)
      .slice(-last)
      .map((each) => ("publishes" in each ? this.#tellFold(each) : this.#tell(each)))
    const first = this.#firstRequest
    const isEarlier = first !== undefined && first.step < (shown[0]?.step ?? 0)
    return isEarlier ? [...aligned([this.#tell(first)]), "…", ...aligned(shown)] : aligned(shown)
  }

  readonly #tell = ({ at, step, what, where }: Event): Told => ({
    step,
    at: at - this.#began,
    where: places.includes(where) ? "" : where,
    who: places.includes(where) && what._tag === "Struck" ? where : whoOf(what),
    sentence: sentenceOf(what, this.#names),
    isTrouble: isTrouble(what)
  })

  #tellFold({ first, publishes }: Fold): Told {
    const sentence = `${publishes} more publishes, all well`
    return { ...this.#tell(first), where: "", who: "kubelet", sentence }
  }
}

/** An event as it is told. */
export interface Told {
  readonly step: number
  /** Milliseconds since the beginning. */
  readonly at: number
  /** A node, or nothing. */
  readonly where: string
  readonly who: string
  readonly sentence: string
  /** Something failed, or was made to. */
  readonly isTrouble: boolean
}

const isTrouble = (what: Happening): boolean => {
  switch (what._tag) {
    case "PublishAnswered":
    case "UnpublishAnswered":
      return what.failure !== undefined
    case "Logged":
      return what.level !== "Info" && what.level !== "Debug" && what.level !== "Trace"
    case "Struck":
    case "CallFailed":
    case "ProcessKilled":
      return true
    default:
      return false
  }
}

const aligned = (told: ReadonlyArray<Told>): ReadonlyArray<string> => {
  const rows = told.map(({ at, sentence, step, where, who }, i) => [
    String(step),
    told[i - 1]?.at === at ? "" : since(at),
    where,
    who,
    sentence
  ])
  const width = (column: number) => rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0)
  const widths = [0, 1, 2, 3].map(width)
  return rows.map(([step = "", ...rest]) =>
    [step.padStart(widths[0] ?? 0), ...rest.map((cell, i) => cell.padEnd(widths[i + 1] ?? 0))].join("  ")
  )
}

/** Elapsed time as days and a clock: `12d 03:04:05.678`. */
export const since = (millis: number): string => {
  const days = Math.floor(millis / 86_400_000)
  const clock = DateTime.formatIso(DateTime.makeUnsafe(millis % 86_400_000)).slice(11, 23)
  return `${String(days).padStart(3)}d ${clock}`
}
