/**
 * The invariant about secrets: private keys are in volumes and in the records of pending requests, passwords in
 * volumes, tokens in memory, and none of them anywhere else. The judge learns the keys from where they may be and looks
 * for them where they may not, in the spellings that a slip would give them.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { Option, Result, Schema } from "effect"
import { signingRequestOf, specOf } from "../../embedded/RequestRules.ts"
import { tokenMark } from "../parts/SimAccounts.ts"
import type { SimNode } from "../parts/SimNode.ts"
import { passwordMark } from "../parts/SimPod.ts"
import { type Happening, sentenceOf } from "../story/Happening.ts"
import { type Invariant, liveness, safety } from "./Invariants.ts"
import { filesOf } from "./Sight.ts"

/** What anybody outside the pod may come to read of an event. */
const toldBy = (what: Happening): string => {
  switch (what._tag) {
    case "RequestCreated":
    case "RequestDecided": {
      const asked = Option.getOrElse(Option.flatMap(specOf(what.object), signingRequestOf), () => "")
      return `${JSON.stringify(what.object)}\n${asked}`
    }
    case "Logged":
      return `${what.message}\n${what.annotations}`
    case "OperatorAnswered":
      return what.answer
    case "PublishAnswered":
    case "UnpublishAnswered":
      return what.failure?.sentence ?? ""
    default:
      return ""
  }
}

const Pending = Schema.fromJsonString(
  Schema.Struct({ pending: Schema.optionalKey(Schema.Struct({ privateKey: Schema.String })) })
)
const decodePending = Schema.decodeUnknownResult(Pending)

/** The keys that an event shows where keys may be, as base64 of PKCS#8. */
const keysIn = (what: Happening): ReadonlyArray<string> => {
  if (what._tag === "RecordSaved") {
    const record = decodePending(what.text)
    const pending = Result.isSuccess(record) ? record.success.pending : undefined
    return pending === undefined ? [] : [pending.privateKey]
  }
  if (what._tag !== "Written") return []
  return [...filesOf(what.volume).values()].flatMap(({ text }) =>
    [...text.matchAll(/-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/g)].map(([, body = ""]) =>
      body.replace(/\s/g, "")
    )
  )
}

/** How a key could be spelt: in lines of PEM, of which one says enough, in hexadecimal, or as a list of bytes. */
const spellingsOf = (base64: string): ReadonlyArray<string> => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  const line = base64.length > 64 ? base64.slice(64, 128) : base64
  const tail = bytes.slice(-24)
  return [line, bytesToHex(tail), tail.join(",")]
}

/** Where a secret could hide: long runs without a space. A text without any is nothing to search. */
const runsIn = (text: string): ReadonlyArray<string> => text.match(/[A-Za-z0-9+/,]{40,}/g) ?? []

/** How many of its first characters a spelling is found by. */
const beginning = 16

/** The spellings of all keys, found by how they begin: a cluster may have made thousands of them. */
class Spellings {
  readonly #byBeginning = new Map<string, Set<string>>()

  /** Takes in a spelling. True where it is a new one. */
  readonly add = (spelling: string): boolean => {
    const key = spelling.slice(0, beginning)
    const alike = this.#byBeginning.get(key) ?? new Set()
    if (alike.has(spelling)) return false
    this.#byBeginning.set(key, alike.add(spelling))
    return true
  }

  /** True where one of them stands in this run of characters. */
  readonly isIn = (run: string): boolean => {
    for (let at = 0; at + beginning <= run.length; at++) {
      const alike = this.#byBeginning.get(run.slice(at, at + beginning))
      if (alike !== undefined && [...alike].some((spelling) => run.startsWith(spelling, at))) return true
    }
    return false
  }
}

/** How many texts with something that could be a key are kept. */
const remembered = 100

const secretsKept = safety(
  "secrets kept",
  "No private key, password or token is in the API server, in a log, an error, an Event or the trace; no password or token in a record.",
  () => {
    const spellings = new Spellings()
    // A key may be told of before it is where keys may be.
    const suspicious: Array<string> = []
    return ({ what }) => {
      const fresh = keysIn(what).flatMap(spellingsOf).filter(spellings.add)
      const leak = suspicious.find((text) => fresh.some((spelling) => text.includes(spelling)))
      if (leak !== undefined) return "a private key stood in what was told before it was in use"
      const told = `${sentenceOf(what)}\n${toldBy(what)}`
      const kept = what._tag === "RecordSaved" ? `${what.text}\n${told}` : told
      if (kept.includes(tokenMark)) return `a token stands in: ${sentenceOf(what)}`
      if (kept.includes(passwordMark)) return `a password stands in: ${sentenceOf(what)}`
      if (told.includes("PRIVATE KEY-----")) return `a private key stands in: ${what._tag}`
      const runs = runsIn(told)
      if (runs.length === 0) return undefined
      suspicious.push(told)
      if (suspicious.length > remembered) suspicious.shift()
      return runs.some(spellings.isIn) ? `a private key stands in: ${what._tag}` : undefined
    }
  }
)

/** Whoever works with a secret has done with it after this time, in milliseconds, also on a slow disk. */
const useLasts = 300_000

/** The secrets in the memory of a node's certlet that are in no record: the keys of pending requests are. */
const heldBy = ({ records, secrets }: SimNode): ReadonlyArray<Uint8Array> => {
  const kept = [...records.texts.values()].join("\n")
  return secrets.filter((bytes) => !kept.includes(Buffer.from(bytes).toString("base64")))
}

const overwritten = liveness(
  "secrets overwritten",
  "Once faults end, no key, and no file of a volume, is in certlet's memory for longer than five minutes, but for the keys of requests that are pending.",
  () => {
    const since = new WeakMap<Uint8Array, number>()
    return ({ at, what }, { nodes }) => {
      if (what._tag !== "FaultsEnded" && what._tag !== "Settled") return undefined
      for (const node of nodes.values()) {
        const held = heldBy(node)
        for (const bytes of held) since.set(bytes, since.get(bytes) ?? at)
        const left = held.filter((bytes) => at - (since.get(bytes) ?? at) > useLasts)
        if (left.length > 0)
          return `${node.name} still holds ${left.length} of the keys and files that it has done with`
      }
      return undefined
    }
  }
)

/** Secrets. */
export const judgesOfSecrets: ReadonlyArray<Invariant> = [secretsKept, overwritten]
