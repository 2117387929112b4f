/**
 * What a certificate lacks of what was requested. Pure. Issuers drop, shorten and rewrite what their profiles do not
 * allow, and a pod is better served with such a certificate than with none, so nothing is refused here: each thing that
 * is missing is named, for the pod's owner to read. Names are compared as RFC 5280, 7 says: domains and hosts without
 * regard to case, addresses as bytes, everything else as it is written.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { AsnConvert } from "@peculiar/asn1-schema"
import {
  BasicConstraints,
  type Certificate,
  ExtendedKeyUsage,
  type GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  KeyUsage as KeyUsageBits,
  type OtherName,
  SubjectAlternativeName
} from "@peculiar/asn1-x509"
import { Duration } from "effect"
import { extensionIn, otherName } from "../pki/Extension.ts"
import { attributeTypes, type NameAttribute } from "../spec/DistinguishedName.ts"
import { extendedKeyUsages, type KeyUsage, keyUsageBits } from "../spec/KeyUsage.ts"
import { formatOtherName } from "../spec/OtherName.ts"
import { quoted } from "../spec/Rule.ts"
import { spokenDuration } from "../spec/spokenDuration.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"

/** `name`: a common name or one of the other names; `spelling`: a common name in other letter case. */
export const lackKinds = ["name", "spelling", "subject", "usage", "duration", "chain"] as const

/** One thing that was requested and is not there: `DNS name web.shop`. */
export interface Lack {
  readonly kind: (typeof lackKinds)[number]
  readonly what: string
}

const extensionOf = (certificate: Certificate, id: string) => extensionIn(certificate, id)?.extnValue

/** A URI with its scheme and its host in small letters (RFC 5280, 7.4). */
const canonicalUri = (uri: string): string => {
  const scheme = uri.indexOf(":") + 1
  if (!uri.startsWith("//", scheme)) return uri.slice(0, scheme).toLowerCase() + uri.slice(scheme)
  const [authority = ""] = /^[^/?#]*/.exec(uri.slice(scheme + 2)) ?? []
  const host = scheme + 2 + authority.lastIndexOf("@") + 1
  const end = scheme + 2 + authority.length
  return `${uri.slice(0, scheme).toLowerCase()}${uri.slice(scheme, host)}${uri.slice(host, end).toLowerCase()}${uri.slice(end)}`
}

/** The part before the @ belongs to the host that takes the mail (RFC 5280, 7.5). */
const canonicalMailbox = (mailbox: string): string => {
  const host = mailbox.lastIndexOf("@") + 1
  return mailbox.slice(0, host) + mailbox.slice(host).toLowerCase()
}

const canonicalAddress = (address: string): string =>
  address.includes(":") ? new URL(`http://[${address}]/`).hostname : address

const kinds = {
  dns: { called: "DNS name", canonical: (name: string) => name.toLowerCase() },
  ip: { called: "IP address", canonical: canonicalAddress },
  url: { called: "URI", canonical: canonicalUri },
  email: { called: "email address", canonical: canonicalMailbox }
} as const
type Kind = keyof typeof kinds

const named = (kind: Kind, value: string): string => `${kind}:${kinds[kind].canonical(value)}`

/** A name of another kind: its value may be of any type, so it is compared as it is encoded. */
const encodedName = ({ typeId, value }: OtherName): string => `other:${typeId}=${bytesToHex(new Uint8Array(value))}`

const readName = (name: GeneralName): ReadonlyArray<string> => {
  if (name.dNSName !== undefined) return [named("dns", name.dNSName)]
  if (name.iPAddress !== undefined) return [named("ip", name.iPAddress)]
  if (name.uniformResourceIdentifier !== undefined) return [named("url", name.uniformResourceIdentifier)]
  if (name.rfc822Name !== undefined) return [named("email", name.rfc822Name)]
  return name.otherName === undefined ? [] : [encodedName(name.otherName)]
}

const missingNames = (leaf: Certificate, spec: VolumeSpec): ReadonlyArray<Lack> => {
  const extension = extensionOf(leaf, id_ce_subjectAltName)
  const present = new Set(
    extension === undefined ? [] : [...AsnConvert.parse(extension, SubjectAlternativeName)].flatMap(readName)
  )
  const wanted: ReadonlyArray<readonly [Kind, ReadonlyArray<string>]> = [
    ["dns", spec.dnsNames],
    ["ip", spec.ipAddresses],
    ["url", spec.uris],
    ["email", spec.emails]
  ]
  const isMissing = ({ oid, value }: VolumeSpec["otherNames"][number]) => {
    const { otherName: name } = otherName(oid, value)
    return name !== undefined && !present.has(encodedName(name))
  }
  return [
    ...wanted.flatMap(([kind, values]) =>
      values
        .filter((value) => !present.has(named(kind, value)))
        .map((value): Lack => ({ kind: "name", what: `${kinds[kind].called} ${value}` }))
    ),
    ...spec.otherNames
      .filter(isMissing)
      .map((name): Lack => ({ kind: "name", what: `other name ${formatOtherName(name)}` }))
  ]
}

/** Texts of a subject compare without regard to case and to the number of spaces (RFC 5280, 7.1). */
const folded = (value: string): string => value.trim().replace(/\s+/g, " ").toLowerCase()

const calledByType: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(attributeTypes).map(([name, type]) => [type, name])
)

const missingOfSubject = (leaf: Certificate, spec: VolumeSpec): ReadonlyArray<Lack> => {
  const present = leaf.tbsCertificate.subject.flat().map(({ type, value }) => ({ type, value: value.toString() }))
  const lackOf = ({ type, value }: NameAttribute): ReadonlyArray<Lack> => {
    const same = present.filter((one) => one.type === type)
    if (same.some((one) => one.value === value)) return []
    const folds = same.find((one) => folded(one.value) === folded(value))
    if (type !== attributeTypes.CN) {
      return folds === undefined
        ? [{ kind: "subject", what: `${calledByType[type] ?? type} ${quoted(value)} in its subject` }]
        : []
    }
    const instead = folds ?? same[0]
    const found = instead === undefined ? "" : ` (it has ${quoted(instead.value)})`
    return [{ kind: folds === undefined ? "name" : "spelling", what: `common name ${quoted(value)}${found}` }]
  }
  return spec.subject.flat().flatMap(lackOf)
}

/** Without the extension a key may be used for everything, so nothing is missing. */
const missingUsages = (leaf: Certificate, spec: VolumeSpec): ReadonlyArray<Lack> => {
  const bitsIn = extensionOf(leaf, id_ce_keyUsage)
  const purposesIn = extensionOf(leaf, id_ce_extKeyUsage)
  const bits = bitsIn === undefined ? -1 : AsnConvert.parse(bitsIn, KeyUsageBits).toNumber()
  const purposes = purposesIn === undefined ? undefined : [...AsnConvert.parse(purposesIn, ExtendedKeyUsage)]
  const isMissing = (usage: KeyUsage): boolean => {
    // Only an RSA key can encipher another one, so issuers leave this out for keys of other kinds.
    if (usage === "key encipherment" && spec.key.algorithm !== "RSA") return false
    const purpose = extendedKeyUsages[usage]
    if (purpose === undefined) return (bits & (keyUsageBits[usage] ?? 0)) === 0
    return purposes !== undefined && !purposes.includes(purpose) && !purposes.includes(extendedKeyUsages.any ?? "")
  }
  return spec.usages.filter(isMissing).map((usage) => ({ kind: "usage", what: `usage ${quoted(usage)}` }))
}

const missingAuthority = (leaf: Certificate, { isCA }: VolumeSpec): ReadonlyArray<Lack> => {
  const extension = isCA ? extensionOf(leaf, id_ce_basicConstraints) : undefined
  const isThere = extension !== undefined && AsnConvert.parse(extension, BasicConstraints).cA
  return isCA && !isThere ? [{ kind: "usage", what: "the right to sign as a CA" }] : []
}

/** Issuers round: a hundredth and a second less are not worth a word. */
const missingTime = ({ tbsCertificate: { validity } }: Certificate, { duration }: VolumeSpec): ReadonlyArray<Lack> => {
  const granted = Duration.millis(
    Math.max(0, validity.notAfter.getTime().getTime() - validity.notBefore.getTime().getTime())
  )
  const enough = Duration.isGreaterThanOrEqualTo(
    Duration.sum(granted, Duration.seconds(1)),
    Duration.times(duration, 0.99)
  )
  const what = `a lifetime of ${spokenDuration(duration)} (it has ${spokenDuration(granted)})`
  return enough ? [] : [{ kind: "duration", what }]
}

/** What the certificate lacks; throws where one of its extensions is damaged. */
export const lacksOf = (leaf: Certificate, spec: VolumeSpec): ReadonlyArray<Lack> => [
  ...missingNames(leaf, spec),
  ...missingOfSubject(leaf, spec),
  ...missingUsages(leaf, spec),
  ...missingAuthority(leaf, spec),
  ...missingTime(leaf, spec)
]
