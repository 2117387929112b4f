/**
 * A verifier of X.509-SVIDs as a workload has one, written from the standard (X.509-SVID, chapters 2 to 5) over the
 * ASN.1 of the certificates and their signatures, and over nothing of certlet's own. It answers with the SPIFFE ID that
 * the leaf proves, or throws the chapter that it breaks.
 */
import "reflect-metadata"
import { X509Certificate } from "node:crypto"
import { AsnConvert } from "@peculiar/asn1-schema"
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  type Extension,
  KeyUsage,
  SubjectAlternativeName
} from "@peculiar/asn1-x509"

const oid = { name: "2.5.29.17", constraints: "2.5.29.19", usage: "2.5.29.15", purposes: "2.5.29.37" }
const bit = { digitalSignature: 1, keyCertSign: 32, cRLSign: 64 }
const purpose = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" }

const extensionsOf = (der: Uint8Array): ReadonlyArray<Extension> =>
  AsnConvert.parse(der, Certificate).tbsCertificate.extensions ?? []

const extension = (all: ReadonlyArray<Extension>, id: string): Extension | undefined => {
  const [found, further] = all.filter(({ extnID }) => extnID === id)
  if (further !== undefined) throw new Error(`RFC 5280, 4.2: extension ${id} stands twice`)
  return found
}

const demand = (holds: boolean, rule: string) => {
  if (!holds) throw new Error(rule)
}

const segment = /^[a-zA-Z0-9._-]+$/

/** SPIFFE ID standard, chapter 2. */
const checkId = (uri: string) => {
  demand(new TextEncoder().encode(uri).length <= 2048, "SPIFFE ID 2.3: at most 2048 bytes")
  demand(uri.startsWith("spiffe://"), "SPIFFE ID 2: the scheme is spiffe")
  const [domain = "", ...path] = uri.slice("spiffe://".length).split("/")
  demand(/^[a-z0-9._-]+$/.test(domain) && domain.length <= 255, "SPIFFE ID 2.1: trust domain name")
  for (const part of path) {
    demand(segment.test(part) && part !== "." && part !== "..", `SPIFFE ID 2.2: path segment ${JSON.stringify(part)}`)
  }
  demand(path.length > 0, "X.509-SVID 2: the ID of a leaf has a path")
}

/** The SPIFFE ID of a leaf. */
export const svidOf = (pem: string): string => {
  const all = extensionsOf(new X509Certificate(pem).raw)
  const names = extension(all, oid.name)
  demand(names !== undefined, "X.509-SVID 2: the ID is a URI in the subject alternative name")
  const uris = AsnConvert.parse(names?.extnValue.buffer ?? new ArrayBuffer(0), SubjectAlternativeName).flatMap(
    ({ uniformResourceIdentifier }) => uniformResourceIdentifier ?? []
  )
  demand(uris.length === 1, `X.509-SVID 2: exactly one URI, found ${uris.length}`)
  const [uri = ""] = uris
  checkId(uri)
  const constraints = extension(all, oid.constraints)
  if (constraints !== undefined) {
    demand(!AsnConvert.parse(constraints.extnValue.buffer, BasicConstraints).cA, "X.509-SVID 4.1: a leaf is no CA")
  }
  const usage = extension(all, oid.usage)
  demand(usage?.critical === true, "X.509-SVID 4.3: key usage is there and critical")
  const bits = AsnConvert.parse(usage?.extnValue.buffer ?? new ArrayBuffer(0), KeyUsage).toNumber()
  demand((bits & bit.digitalSignature) !== 0, "X.509-SVID 4.3: digitalSignature is set")
  demand((bits & (bit.keyCertSign | bit.cRLSign)) === 0, "X.509-SVID 4.3: keyCertSign and cRLSign are not set")
  const purposes = extension(all, oid.purposes)
  if (purposes !== undefined) {
    const held = AsnConvert.parse(purposes.extnValue.buffer, ExtendedKeyUsage)
    demand(held.includes(purpose.server) && held.includes(purpose.client), "X.509-SVID 4.4: both purposes of TLS")
  }
  return uri
}

/**
 * The SPIFFE ID that a leaf proves to whoever trusts this bundle (X.509-SVID 5.2: path validation, then the leaf's
 * rules).
 */
export const verifySvid = (leaf: string, bundle: string, now: Date): string => {
  const certificate = new X509Certificate(leaf)
  const authorities = (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map(
    (pem) => new X509Certificate(pem)
  )
  const signer = authorities.find((ca) => ca.ca && certificate.checkIssued(ca) && certificate.verify(ca.publicKey))
  demand(signer !== undefined, "X.509-SVID 5.1: the chain does not end in the bundle")
  demand(
    new Date(certificate.validFrom) <= now && now <= new Date(certificate.validTo),
    "RFC 5280, 6.1: not valid at this time"
  )
  return svidOf(leaf)
}
