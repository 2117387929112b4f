/**
 * The name constraints (RFC 5280, 4.2.1.10) of a CA's certificate: for which names it may sign, and for which it may
 * not. The attributes have the names of cert-manager's Certificate API. Pure: the attributes and their rules. How
 * constraints are encoded in a signing request, and whether an issuer kept them, is checked in `issuance/`.
 */
import { Result } from "effect"
import type { NameKind } from "../pki/Extension.ts"
import { commaList, ipBytes } from "./AttributeRules.ts"
import { quoted, type Rule } from "./Rule.ts"
import type { BrokenRule } from "./SpecError.ts"

/** One subtree of names that a CA may sign for, or must not. */
export interface NameConstraint {
  readonly side: "permitted" | "excluded"
  readonly type: NameKind
  /** A domain, a mailbox, or a range of addresses as CIDR. */
  readonly value: string
}

const attributes = [
  ["permitted-dns-domains", "permitted", "dns"],
  ["permitted-ip-ranges", "permitted", "ip"],
  ["permitted-email-addresses", "permitted", "email"],
  ["permitted-uri-domains", "permitted", "url"],
  ["excluded-dns-domains", "excluded", "dns"],
  ["excluded-ip-ranges", "excluded", "ip"],
  ["excluded-email-addresses", "excluded", "email"],
  ["excluded-uri-domains", "excluded", "url"]
] as const

type ConstraintAttribute = (typeof attributes)[number][0]

/** The attributes that hold constraints. */
export const constraintNames: ReadonlyArray<ConstraintAttribute> = attributes.map(([name]) => name)

type Constrained = { readonly [K in ConstraintAttribute]?: ReadonlyArray<string> }

const listOf =
  (holds: (element: string) => boolean, rule: string): Rule<ReadonlyArray<string>> =>
  (text) =>
    Result.flatMap(commaList(text), (elements) => {
      const wrong = elements.find((element) => !holds(element))
      if (wrong !== undefined) return Result.fail(`${rule}, but is ${quoted(wrong)}`)
      return elements.length === 0 ? Result.fail(`${rule}; name one or leave it out`) : Result.succeed(elements)
    })

const isDomain = (text: string): boolean =>
  text.length <= 253 &&
  /^\.?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/.test(text)

const isAddress = (text: string): boolean => /^\d+(\.\d+)*$/.test(text)

/** Domains; a dot before one leaves out the domain itself. */
const domains = listOf(
  (text) => isDomain(text) && !isAddress(text),
  "must hold domains such as example.com or .example.com"
)

const mailDomains = listOf(
  (text) =>
    isDomain(text.slice(text.lastIndexOf("@") + 1)) && /^([!#$%&'*+/=?^`{|}~.\w-]{1,64}@[^.])?[^@]*$/.test(text),
  "must hold mail addresses or their domains, such as web@example.com, example.com or .example.com"
)

/** True for a network in CIDR notation whose bits beyond the prefix are zero. */
const isRange = (text: string): boolean => {
  const [, address = "", digits = ""] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? []
  const bytes = ipBytes(address)
  const prefix = Number(digits)
  if (bytes === undefined || digits === "" || prefix > bytes.length * 8) return false
  return bytes.every((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8))
    return (byte & (0xff >> kept)) === 0
  })
}

const ranges = listOf(isRange, "must hold networks such as 10.0.0.0/8 or fd00::/8, with no bit set beyond the prefix")

/** The rule of each attribute. */
export const constraintRules = {
  "permitted-dns-domains": domains,
  "permitted-ip-ranges": ranges,
  "permitted-email-addresses": mailDomains,
  "permitted-uri-domains": domains,
  "excluded-dns-domains": domains,
  "excluded-ip-ranges": ranges,
  "excluded-email-addresses": mailDomains,
  "excluded-uri-domains": domains
} as const satisfies Record<ConstraintAttribute, Rule<ReadonlyArray<string>>>

/** All constraints that are asked for, the permitted ones first. */
export const nameConstraintsOf = (constrained: Constrained): ReadonlyArray<NameConstraint> =>
  attributes.flatMap(([name, side, type]) => (constrained[name] ?? []).map((value) => ({ side, type, value })))

/** Constraints apply to what a CA signs, so they require a CA. */
export const brokenConstraints = (
  constrained: Constrained & { readonly "is-ca"?: boolean }
): BrokenRule<ConstraintAttribute> | undefined => {
  const first = attributes.find(([name]) => constrained[name] !== undefined)
  return first === undefined || constrained["is-ca"] === true ? undefined : [first[0], 'requires is-ca: "true"']
}
