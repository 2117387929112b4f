/**
 * PEM (RFC 7468) as certlet reads and writes it. Pure. Most PEM that certlet meets is written by somebody else, so a
 * text is measured first and then read once from its beginning to its end: the time is linear whatever the text holds.
 * Words between blocks are passed over, as `openssl` writes some; inside a block only base64 may stand, and header
 * lines (RFC 1421) are refused. A failure is the predicate of a sentence whose subject is the text, and never quotes
 * it: it may be a key.
 */
import { Result } from "effect"
import { inThousands } from "./inThousands.ts"

/** One block: its label ("CERTIFICATE") and the bytes in it. */
export interface PemBlock {
  readonly label: string
  readonly der: Uint8Array<ArrayBuffer>
}

/** How much a text may hold: its length in characters, and its number of blocks. */
export interface PemLimits {
  readonly length: number
  readonly blocks: number
}

const begin = "-----BEGIN "
const end = "-----END "
const dashes = "-----"
/** No label of the standard is longer than half of this. */
const longestLabel = 64

/**
 * Base64 with its padding and with no bit set that means nothing (RFC 4648, 3.5 and 4); nothing where it is anything
 * else.
 */
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> | undefined => {
  const last = text.slice(-4)
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  if (btoa(atob(last)) !== last) return undefined
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}

/** How many bytes become characters at once: more arguments than a call's stack can hold would end it. */
const chunk = 8192

const toBase64 = (bytes: Uint8Array): string => {
  let binary = ""
  for (let at = 0; at < bytes.length; at += chunk) binary += String.fromCharCode(...bytes.subarray(at, at + chunk))
  return btoa(binary)
}

const sized = (text: string, limits: PemLimits): Result.Result<void, string> =>
  text.length > limits.length
    ? Result.fail(`has ${inThousands(text.length)} characters; at most ${inThousands(limits.length)} are read`)
    : Result.void

/** The blocks of a text in their order, however many words stand between them; empty where it has none. */
export const readPem = (text: string, limits: PemLimits): Result.Result<ReadonlyArray<PemBlock>, string> => {
  const size = sized(text, limits)
  if (Result.isFailure(size)) return Result.fail(size.failure)
  const blocks: Array<PemBlock> = []
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at)) {
    if (blocks.length === limits.blocks) return Result.fail(`has more than ${inThousands(limits.blocks)} PEM blocks`)
    const damaged = Result.fail(`has a PEM block that is damaged (number ${blocks.length + 1})`)
    const named = text.slice(at + begin.length, at + begin.length + longestLabel + dashes.length)
    const label = named.slice(0, Math.max(0, named.indexOf(dashes)))
    const body = at + begin.length + label.length + dashes.length
    // What comes next must be this block's own end: dashes are no base64.
    const next = text.indexOf(dashes, body)
    const ending = `${end}${label}${dashes}`
    if (label === "" || next < 0 || !text.startsWith(ending, next)) return damaged
    const der = fromBase64(text.slice(body, next).replace(/[ \t\r\n]+/g, ""))
    if (der === undefined) return damaged
    blocks.push({ label, der })
    at = next + ending.length
  }
  return Result.succeed(blocks)
}

/** One block in lines of 64 characters, with a line break at its end. */
export const writePem = (label: string, der: Uint8Array): string => {
  const base64 = toBase64(der)
  const lines: Array<string> = []
  for (let at = 0; at < base64.length; at += 64) lines.push(base64.slice(at, at + 64))
  return [`${begin}${label}${dashes}`, ...lines, `${end}${label}${dashes}`, ""].join("\n")
}
