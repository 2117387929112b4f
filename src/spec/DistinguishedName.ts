/**
 * Distinguished names as people write them and as certificates hold them. Pure: RFC 4514 text to an RDNSequence and
 * back, with escapes, attribute types by name or OID, values in hexadecimal and multi-valued RDNs. The text runs the
 * other way round than the encoding (RFC 4514, 2.1), so the last RDN of the text comes first here, as in cert-manager.
 * Whatever is not such a text is refused with a sentence that says where.
 */
import { Result } from "effect"
import { quoted } from "./Rule.ts"

/** One attribute of a distinguished name: the type as a dotted OID, the value as plain text. */
export interface NameAttribute {
  readonly type: string
  readonly value: string
}

/**
 * A distinguished name in the order of its encoding (X.501 RDNSequence); an entry of several attributes is a
 * multi-valued RDN.
 */
export type DistinguishedName = ReadonlyArray<ReadonlyArray<NameAttribute>>

/** The attribute types that can be written by name (RFC 4514, 3, and X.520), in capitals. */
export const attributeTypes = {
  C: "2.5.4.6",
  O: "2.5.4.10",
  OU: "2.5.4.11",
  CN: "2.5.4.3",
  SERIALNUMBER: "2.5.4.5",
  L: "2.5.4.7",
  ST: "2.5.4.8",
  STREET: "2.5.4.9",
  POSTALCODE: "2.5.4.17",
  DC: "0.9.2342.19200300.100.1.25",
  UID: "0.9.2342.19200300.100.1.1"
} as const

const isKnown = (name: string): name is keyof typeof attributeTypes => Object.hasOwn(attributeTypes, name)

/** The parts of a text between separators that no backslash protects; each separator with its part. */
const splitAt = (text: string, separators: string): ReadonlyArray<string> => {
  const parts: Array<string> = [""]
  let escaped = false
  for (const character of text) {
    const cut = !escaped && separators.includes(character)
    if (cut) parts.push("")
    else parts[parts.length - 1] += character
    escaped = !escaped && character === "\\"
  }
  return parts
}

/**
 * Without the spaces around it; of those at the end one counts where a backslash protects it that is not itself
 * protected.
 */
const trimmed = (value: string): string => {
  const front = value.replace(/^ +/, "")
  let end = front.length
  while (front[end - 1] === " ") end--
  let backslashes = 0
  while (front[end - 1 - backslashes] === "\\") backslashes++
  return front.slice(0, end + (backslashes % 2))
}

/** A value in hexadecimal is the BER of a string (RFC 4514, 2.4): what counts is its content. */
const fromHex = (hex: string): Result.Result<string, string> => {
  const bytes = hexBytes(hex)
  // A length above 127 stands in as many bytes as the byte before them says (X.690, 8.1.3.5).
  const lengthBytes = (bytes?.[1] ?? 0) > 0x80 ? (bytes?.[1] ?? 0) - 0x80 : 0
  const start = 2 + lengthBytes
  const length = lengthBytes === 0 ? bytes?.[1] : bytes?.slice(2, start).reduce((sum, byte) => sum * 256 + byte, 0)
  if (bytes === undefined || bytes.length < start || length !== bytes.length - start) {
    return Result.fail(`${quoted(`#${hex}`)} is not the hexadecimal BER of a string`)
  }
  return fromUtf8(bytes.slice(start))
}

const hexBytes = (hex: string): ReadonlyArray<number> | undefined =>
  /^([0-9a-fA-F]{2})+$/.test(hex) ? (hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)) : undefined

/** A byte order mark is a character of the value like any other. */
const fromUtf8 = (bytes: ReadonlyArray<number>): Result.Result<string, string> =>
  Result.try({
    try: () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)),
    catch: () => "an escaped value is not UTF-8"
  })

/** Resolves `\x` for a special character and `\xx` for a byte of UTF-8 (RFC 4514, 3). */
const withoutEscapes = (value: string): Result.Result<string, string> => {
  const bytes: Array<number> = []
  const encoder = new TextEncoder()
  let read = 0
  for (const [found, byte, special] of value.matchAll(/\\([0-9a-fA-F]{2})|\\([ "#+,;<=>\\])|[^\\"]+/g)) {
    const isNext = value.startsWith(found, read)
    if (!isNext) break
    if (byte !== undefined) bytes.push(Number.parseInt(byte, 16))
    else for (const plain of encoder.encode(special ?? found)) bytes.push(plain)
    read += found.length
  }
  if (read === value.length) return fromUtf8(bytes)
  return Result.fail(`write ${value[read] === "\\" ? "\\\\ for a backslash" : '\\" for a quote'}`)
}

/** The arcs that can be encoded (X.660), and no greater than Go, which reads the request, can hold. */
const isOid = (text: string): boolean =>
  /^([01]\.(\d|[1-3]\d)|2\.(0|[1-9]\d*))(\.(0|[1-9]\d*))*$/.test(text) &&
  text.split(".").every((arc) => Number(arc) <= 2 ** 31 - 1)

const typeOf = (name: string): Result.Result<string, string> => {
  const known = name.toUpperCase()
  if (isKnown(known)) return Result.succeed(attributeTypes[known])
  const oid = name.replace(/^oid\./i, "")
  if (isOid(oid)) return Result.succeed(oid)
  return Result.fail(
    `${quoted(name)} is no attribute type; use ${Object.keys(attributeTypes).join(", ")} or a dotted OID`
  )
}

const parseAttribute = (text: string): Result.Result<NameAttribute, string> => {
  const equals = text.indexOf("=")
  if (equals < 0) return Result.fail(`${quoted(text.trim())} is not of the form type=value`)
  const written = trimmed(text.slice(equals + 1))
  const value = written.startsWith("#") ? fromHex(written.slice(1)) : withoutEscapes(written)
  return Result.flatMap(typeOf(text.slice(0, equals).trim()), (type) =>
    Result.flatMap(value, (value) => Result.succeed({ type, value }))
  )
}

/** How many attributes a text holds, whatever they are. */
export const countAttributes = (text: string): number => (text === "" ? 0 : splitAt(text, ",;+").length)

/**
 * Reads an RFC 4514 text; `;` separates RDNs as well as `,` does (RFC 2253). Attributes without a value are left out,
 * as a certificate cannot hold them. The failure is a sentence's predicate.
 */
export const parseDistinguishedName = (text: string): Result.Result<DistinguishedName, string> =>
  Result.map(Result.all(splitAt(text, ",;").map((rdn) => Result.all(splitAt(rdn, "+").map(parseAttribute)))), (rdns) =>
    rdns
      .map((rdn) => rdn.filter(({ value }) => value !== ""))
      .filter((rdn) => rdn.length > 0)
      .toReversed()
  )

/** A value as it stands in RFC 4514 text, where it begins and ends wherever it is put. */
export const escapedValue = (value: string): string =>
  value
    .replace(/[\\"+,;<>=]/g, "\\$&")
    .replace(/ $/, "\\ ")
    .replace(/^[ #]/, "\\$&")
    .replaceAll("\0", "\\00")

/** Writes a name as RFC 4514 text, with attribute types as OIDs where they have no name here. */
export const formatDistinguishedName = (name: DistinguishedName): string => {
  const names = new Map<string, string>(Object.entries(attributeTypes).map(([name, oid]) => [oid, name]))
  return name
    .toReversed()
    .map((rdn) => rdn.map(({ type, value }) => `${names.get(type) ?? type}=${escapedValue(value)}`).join("+"))
    .join(",")
}
