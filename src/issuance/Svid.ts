/**
 * Whether a signed leaf is an X.509-SVID (SPIFFE standard "X.509-SVID", chapters 2 to 4): one URI name and that a
 * workload's SPIFFE ID, no CA, a critical key usage with a digital signature and without the signing of others, and,
 * where purposes are named, both of TLS among them. Pure. It is asked of answers to volumes with the profile `spiffe:
 * true`, because an issuer may sign something else than it was asked for.
 */
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { extendedKeyUsages } from "../spec/KeyUsage.ts"
import { quoted } from "../spec/Rule.ts"
import { brokenSpiffeId } from "../spec/Spiffe.ts"

const tlsPurposes = [extendedKeyUsages["server auth"], extendedKeyUsages["client auth"]]

/** What keeps a leaf from being the SVID for this ID; nothing where it is that one. */
export const notAnSvid = (leaf: x509.X509Certificate, [wanted]: ReadonlyArray<string>): string | undefined => {
  const names = leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? []
  const [id, further] = names.filter(({ type }) => type === "url").map(({ value }) => value)
  if (id === undefined || further !== undefined) return "it must have exactly one URI among its names"
  const rule = brokenSpiffeId(id)
  if (rule !== undefined) return `its URI ${rule}`
  if (id !== wanted) return `its URI is ${quoted(id)}, and ${quoted(wanted ?? "")} was requested`
  if (leaf.getExtension(x509.BasicConstraintsExtension)?.ca === true) return "it must be no CA"
  const usage = leaf.getExtension(x509.KeyUsagesExtension)
  if (usage?.critical !== true) return "its key usage must be there and critical"
  const { cRLSign, digitalSignature, keyCertSign } = x509.KeyUsageFlags
  if ((usage.usages & digitalSignature) === 0) return "its key usage must hold digitalSignature"
  if ((usage.usages & (keyCertSign | cRLSign)) !== 0) return "its key usage must not hold keyCertSign or cRLSign"
  const purposes = leaf.getExtension(x509.ExtendedKeyUsageExtension)?.usages
  const both = purposes === undefined || tlsPurposes.every((purpose) => purposes.some((one) => one === purpose))
  return both ? undefined : "its extended key usage must hold both purposes of TLS"
}
