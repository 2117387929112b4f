/**
 * The rules of single attributes: from the text that a pod's author wrote to a value, or to the predicate of a sentence
 * whose subject is the attribute. It says what must hold and what was found, quoted and cut short, so that it stays
 * readable in a pod's events. Pure, and free of any knowledge of which attribute a rule is for: `Attributes` puts them
 * together.
 */
import { Duration, Result } from "effect"
import { oneOf as anyOf, nonEmpty as anyText, boolean, durationWithin, quoted, type Rule, wholeNumber } from "./Rule.ts"
import { readUri } from "./Uri.ts"

const but = (rule: string, text: string) => Result.fail(`${rule}, but is ${quoted(text)}`)

/** A rule of the shared grammar, as a predicate. */
const mustBe =
  <A>(rule: Rule<A>): Rule<A> =>
  (text) =>
    Result.mapError(rule(text), (expected) => `must be ${expected}, but is ${quoted(text)}`)

/** Any text but an empty one. */
export const nonEmpty: Rule<string> = (text) =>
  Result.mapError(anyText(text), () => "must not be empty; give it a value or leave it out")

/** Any text but an empty one, without the blanks and line breaks around it. */
export const word: Rule<string> = (text) => nonEmpty(text.trim())

/** `true` or `false`, in the words that Go takes. */
export const flag: Rule<boolean> = mustBe(boolean)

/** One of some words, in any letter case. */
export const oneOf = <const A extends string>(words: ReadonlyArray<A>): Rule<A> => mustBe(anyOf(words))

/** A whole number of a range, in decimal. */
export const integer = (least: number, most: number): Rule<number> => mustBe(wholeNumber(least, most))

/** A list at plain commas, trimmed. Empty elements are skipped: a comma at the end makes one. */
export const commaList: Rule<ReadonlyArray<string>> = (text) =>
  Result.succeed(
    text
      .split(",")
      .map((element) => element.trim())
      .filter((element) => element !== "")
  )

/**
 * A list as one CSV record (RFC 4180): an element with a comma is written in double quotes. Line breaks at its end,
 * which YAML's block scalars leave there, are no part of it.
 */
export const csvList: Rule<ReadonlyArray<string>> = (text) => {
  const elements: Array<string> = []
  for (let rest = text.trimEnd(); ; ) {
    const match = /^\s*(?:"((?:[^"]|"")*)"\s*|([^\s",][^,\n"]*|))(,|$)/.exec(rest)
    if (match === null)
      return but("must be a comma-separated list, with double quotes around an element that holds a comma", text)
    elements.push(match[1] === undefined ? (match[2] ?? "").trim() : match[1].replaceAll('""', '"').trim())
    if (match[3] === "") return Result.succeed(elements.filter((element) => element !== ""))
    rest = rest.slice(match[0].length)
  }
}

/** A Go duration of a second or more: certificates count time in seconds. */
export const lifetime: Rule<Duration.Duration> = mustBe(durationWithin(Duration.seconds(1)))

/** A Go duration that is not negative. */
export const timeBefore: Rule<Duration.Duration> = mustBe(durationWithin(Duration.zero))

/** URIs at plain commas, each in the form that a certificate holds. */
export const uris: Rule<ReadonlyArray<string>> = (text) =>
  Result.flatMap(commaList(text), (elements) =>
    Result.all(
      elements.map((element) =>
        Result.mapError(readUri(element), (which) => `must hold URIs ${which}, but is ${quoted(element)}`)
      )
    )
  )

/** DNS names at plain commas, of IA5 characters as certificates demand (RFC 5280, 4.2.1.6). */
export const dnsNames: Rule<ReadonlyArray<string>> = (text) =>
  Result.flatMap(commaList(text), (elements) => {
    const wrong = elements.find((element) => !/^[!-~]{1,253}$/.test(element))
    return wrong === undefined
      ? Result.succeed(elements)
      : but("must hold DNS names of at most 253 ASCII characters", wrong)
  })

/**
 * Mailboxes at plain commas, in ASCII as certificates demand (RFC 5280, 4.2.1.6): a dot-atom, an at sign and a domain.
 */
export const mailboxes: Rule<ReadonlyArray<string>> = (text) =>
  Result.flatMap(commaList(text), (elements) => {
    const wrong = elements.find(
      (element) =>
        element.length > 254 ||
        !/^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(element)
    )
    return wrong === undefined
      ? Result.succeed(elements)
      : but("must hold mail addresses such as web@example.com", wrong)
  })

/** IPv4 or IPv6 addresses at plain commas, each in the form of RFC 5952. An IPv4-mapped one is IPv4, as in Go. */
export const ipAddresses: Rule<ReadonlyArray<string>> = (text) =>
  Result.flatMap(commaList(text), (elements) => {
    const wrong = elements.find((element) => !isIpAddress(element))
    return wrong === undefined ? Result.succeed(elements.map(canonicalIp)) : but("must hold IP addresses", wrong)
  })

const isIpv4 = (text: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}$/.test(text) &&
  text.split(".").every((part) => Number(part) <= 255 && String(Number(part)) === part)

/** IPv6 by the URL standard's own parser, which takes no zone and nothing around the address. */
const isIpAddress = (text: string): boolean =>
  isIpv4(text) || (/^[0-9a-fA-F:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]/`))

/**
 * Dotted parts of an IPv6 address are written in hexadecimal: the encoder of names would read only their first number.
 */
const canonicalIp = (text: string): string => {
  if (!text.includes(":")) return text
  const address = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(address) ?? []
  if (high === undefined || low === undefined) return address
  return [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join(".")
}

/** The bytes of an IPv4 or IPv6 address, 4 or 16; undefined if the text is not an address. */
export const ipBytes = (text: string): ReadonlyArray<number> | undefined => {
  if (isIpv4(text)) return text.split(".").map(Number)
  if (!isIpAddress(text)) return undefined
  const [head = "", tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split("::")
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)))
  const [left, right] = [groups(head), groups(tail ?? "")]
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0)
  return [...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff])
}

/** A file's name inside the volume. */
export const fileName: Rule<string> = (text) => {
  const wrong =
    text === "" ||
    text !== text.trim() ||
    text.includes("/") ||
    text.startsWith("..") ||
    text === "." ||
    new TextEncoder().encode(text).length > 255 ||
    /\p{Cc}/u.test(text)
  return wrong
    ? but('must be a plain file name: no "/", no leading "..", no spaces at its ends, at most 255 bytes', text)
    : Result.succeed(text)
}

/** Permission bits in octal: the owner may read, nobody may execute, and nobody but the owner may write. */
export const fileMode: Rule<number> = (text) => {
  const mode = /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : 0
  return (mode & 0o400) !== 0 && (mode & ~0o644) === 0
    ? Result.succeed(mode)
    : but('must be an octal mode that lets the owner read, such as "0400", "0440" or "0444"', text)
}

/** A name in a keystore. The names of the CA's own entries are reserved. */
export const alias: Rule<string> = (text) => {
  if (!/^[ -~]{1,128}$/.test(text) || text !== text.trim()) {
    return but("must be 1 to 128 printable ASCII characters, without spaces at the ends", text)
  }
  return /^ca\d*$/i.test(text)
    ? but('must not be "ca" or "ca" and a number: the entries of the CA have these names', text)
    : Result.succeed(text)
}

/** Where a keystore's password comes from, unless it is an attribute. */
export type PasswordSource = { readonly _tag: "Generated" } | { readonly _tag: "Secret"; readonly key: string }

/** `generate`, or `secret:` and a key of a Secret. */
export const passwordSource: Rule<PasswordSource> = (text) => {
  if (text === "generate") return Result.succeed({ _tag: "Generated" })
  const key = /^secret:([-._a-zA-Z0-9]{1,253})$/.exec(text)?.[1]
  return key === undefined
    ? but('must be "generate", or "secret:" and a key of the Secret that nodePublishSecretRef names', text)
    : Result.succeed({ _tag: "Secret", key })
}

/** A keystore's password. What was found is never quoted. */
export const password: Rule<string> = (text) =>
  text === "" || text.length > 1024 || text.includes("\0") || !text.isWellFormed()
    ? Result.fail("must be a password of 1 to 1024 characters, none of them NUL")
    : Result.succeed(text)
