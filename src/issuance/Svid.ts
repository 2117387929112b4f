/**
 * Whether a signed leaf is an X.509-SVID (SPIFFE standard "X.509-SVID", chapters 2 to 4): one URI name and that a
 * workload's SPIFFE ID, no CA, a critical key usage with a digital signature and without the signing of others, and,
 * where purposes are named, both of TLS among them. Pure. It is asked of answers to volumes with the profile `spiffe:
 * true`, because an issuer may sign something else than it was asked for.
 */
import { AsnConvert } from "@peculiar/asn1-schema"
import {
  BasicConstraints,
  type Certificate,
  ExtendedKeyUsage,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  KeyUsage,
  SubjectAlternativeName
} from "@peculiar/asn1-x509"
import { extensionIn } from "../pki/Extension.ts"
import { extendedKeyUsages, keyUsageBits } from "../spec/KeyUsage.ts"
import { quoted } from "../spec/Rule.ts"
import { brokenSpiffeId } from "../spec/Spiffe.ts"

/** The bits of a key usage that make a CA of a certificate. */
const signsOthers = (keyUsageBits["cert sign"] ?? 0) | (keyUsageBits["crl sign"] ?? 0)
const tlsPurposes = [extendedKeyUsages["server auth"], extendedKeyUsages["client auth"]]

/** The URIs among the names of a certificate. */
const urisIn = (leaf: Certificate): ReadonlyArray<string> => {
  const names = extensionIn(leaf, id_ce_subjectAltName)
  const all = names === undefined ? [] : [...AsnConvert.parse(names.extnValue, SubjectAlternativeName)]
  return all.flatMap(({ uniformResourceIdentifier: uri }) => (uri === undefined ? [] : [uri]))
}

const wrongWithId = (leaf: Certificate, wanted: string | undefined): string | undefined => {
  const [id, further] = urisIn(leaf)
  if (id === undefined || further !== undefined) return "it must have exactly one URI among its names"
  const rule = brokenSpiffeId(id)
  if (rule !== undefined) return `its URI ${rule}`
  return id === wanted ? undefined : `its URI is ${quoted(id)}, and ${quoted(wanted ?? "")} was requested`
}

const isAuthority = (leaf: Certificate): boolean => {
  const constraints = extensionIn(leaf, id_ce_basicConstraints)
  return constraints !== undefined && AsnConvert.parse(constraints.extnValue, BasicConstraints).cA
}

const wrongWithUsage = (leaf: Certificate): string | undefined => {
  const usage = extensionIn(leaf, id_ce_keyUsage)
  if (usage?.critical !== true) return "its key usage must be there and critical"
  const bits = AsnConvert.parse(usage.extnValue, KeyUsage).toNumber()
  if ((bits & (keyUsageBits["digital signature"] ?? 0)) === 0) return "its key usage must hold digitalSignature"
  return (bits & signsOthers) === 0 ? undefined : "its key usage must not hold keyCertSign or cRLSign"
}

const wrongWithPurposes = (leaf: Certificate): string | undefined => {
  const purposes = extensionIn(leaf, id_ce_extKeyUsage)
  if (purposes === undefined) return undefined
  const named: ReadonlyArray<string> = AsnConvert.parse(purposes.extnValue, ExtendedKeyUsage)
  const both = tlsPurposes.every((purpose) => named.some((one) => one === purpose))
  return both ? undefined : "its extended key usage must hold both purposes of TLS"
}

/** What keeps a leaf from being the SVID for this ID; nothing where it is that one. */
export const notAnSvid = (leaf: Certificate, [wanted]: ReadonlyArray<string>): string | undefined =>
  wrongWithId(leaf, wanted) ??
  (isAuthority(leaf) ? "it must be no CA" : undefined) ??
  wrongWithUsage(leaf) ??
  wrongWithPurposes(leaf)
