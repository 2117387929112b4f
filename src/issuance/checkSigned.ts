/**
 * What an issuer handed out, looked at before a pod sees it. Pure: the chain has to parse, leaf first; the leaf must
 * hold our public key and the names that were asked for, and must not have run out; a CA must be held to the name
 * constraints that were asked for. What does not fit becomes a `Mismatch` that says what was found. More names than
 * were asked for are the issuer's business; whose signature it trusts is the pod's.
 */
import "reflect-metadata"
import { bytesToHex } from "@noble/hashes/utils.js"
import { AsnConvert } from "@peculiar/asn1-schema"
import { Certificate, id_ce_subjectAltName, SubjectAlternativeName } from "@peculiar/asn1-x509"
import { X509Certificate } from "@peculiar/x509"
import { DateTime, Effect, Option, Result } from "effect"
import { type PemLimits, readPem } from "../pki/Pem.ts"
import { attributeTypes } from "../spec/DistinguishedName.ts"
import { limits } from "../spec/Limits.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { SignedCertificate } from "./CertificateRequest.ts"
import { weakerThanAsked } from "./constraintsExtension.ts"
import { IssuanceError } from "./IssuanceError.ts"
import { notAnSvid } from "./Svid.ts"

/** The facts about a leaf that certlet goes by. */
export interface Leaf {
  /** Hexadecimal. */
  readonly serialNumber: string
  readonly notBefore: DateTime.Utc
  readonly notAfter: DateTime.Utc
}

/** A certificate that was signed for a request, and what it has to fit. */
export interface Candidate {
  /** `namespace/name` of the CertificateRequest. */
  readonly request: string
  readonly signed: SignedCertificate
  readonly spec: VolumeSpec
  /** SubjectPublicKeyInfo of our key, DER. */
  readonly spki: Uint8Array
  readonly now: DateTime.Utc
}

const noCertificate = "holds something that is no certificate"

/** A certificate as it was signed, and as it is read; its extensions are read when they are asked for. */
interface ReadCertificate {
  readonly der: ArrayBuffer
  readonly asn: Certificate
}

/** A text may have words between its blocks, but a block that is cut off or of another kind is damage. */
const parseAll = (pem: string, atMost: PemLimits): Result.Result<ReadonlyArray<ReadCertificate>, string> =>
  Result.flatMap(readPem(pem, atMost), (blocks) => {
    if (blocks.length === 0 && pem.trim() === "") return Result.succeed([])
    if (blocks.length === 0 || blocks.some(({ label }) => label !== "CERTIFICATE")) return Result.fail(noCertificate)
    return Result.try({
      try: () => blocks.map(({ der }) => ({ der: der.buffer, asn: AsnConvert.parse(der, Certificate) })),
      catch: () => noCertificate
    })
  })

const sameBytes = (one: ArrayBuffer, other: Uint8Array): boolean =>
  one.byteLength === other.length && new Uint8Array(one).every((byte, index) => byte === other[index])

/** Names compare without regard to the case of DNS, nor to how an address is written. */
const canonical = (type: string, value: string): string => {
  if (type === "ip" && value.includes(":")) return new URL(`http://[${value}]/`).hostname
  return type === "dns" ? value.toLowerCase() : value
}

const missingNames = ({ asn }: ReadCertificate, spec: VolumeSpec): ReadonlyArray<string> => {
  const extension = asn.tbsCertificate.extensions?.find(({ extnID }) => extnID === id_ce_subjectAltName)
  const names = extension === undefined ? [] : AsnConvert.parse(extension.extnValue, SubjectAlternativeName)
  const present = new Set(
    names.flatMap(({ dNSName, iPAddress, rfc822Name, uniformResourceIdentifier }) => {
      if (dNSName !== undefined) return [`dns:${canonical("dns", dNSName)}`]
      if (iPAddress !== undefined) return [`ip:${canonical("ip", iPAddress)}`]
      if (uniformResourceIdentifier !== undefined) return [`url:${uniformResourceIdentifier}`]
      return rfc822Name === undefined ? [] : [`email:${rfc822Name}`]
    })
  )
  const wanted = [
    ...spec.dnsNames.map((value) => ["dns", value] as const),
    ...spec.ipAddresses.map((value) => ["ip", value] as const),
    ...spec.uris.map((value) => ["url", value] as const),
    ...spec.emails.map((value) => ["email", value] as const)
  ]
  return wanted.filter(([type, value]) => !present.has(`${type}:${canonical(type, value)}`)).map(([, value]) => value)
}

const missingCommonNames = ({ asn }: ReadCertificate, spec: VolumeSpec): ReadonlyArray<string> => {
  const wanted = spec.subject.flat().filter(({ type }) => type === attributeTypes.CN)
  const present = asn.tbsCertificate.subject.flat().filter(({ type }) => type === attributeTypes.CN)
  return wanted.map(({ value }) => value).filter((wanted) => !present.some(({ value }) => value.toString() === wanted))
}

/** What is wrong with a certificate; nothing where it fits. */
const wrongWith = (leaf: ReadCertificate, { now, spec, spki }: Candidate): string | undefined => {
  const { subjectPublicKeyInfo, validity } = leaf.asn.tbsCertificate
  if (!sameBytes(AsnConvert.serialize(subjectPublicKeyInfo), spki))
    return "the certificate is for another key than the one that asked"
  const missing = [...missingNames(leaf, spec), ...missingCommonNames(leaf, spec)]
  if (missing.length > 0) return `the certificate lacks what was asked for: ${missing.join(", ")}`
  const notAfter = validity.notAfter.getTime()
  if (notAfter.getTime() <= DateTime.toEpochMillis(now)) {
    return `the certificate ran out at ${notAfter.toISOString()}`
  }
  return spec.nameConstraints.length > 0 || spec.spiffe ? wrongBeyond(new X509Certificate(leaf.der), spec) : undefined
}

/** What is wrong with a certificate for a volume that asks for more than names. */
const wrongBeyond = (leaf: X509Certificate, spec: VolumeSpec): string | undefined => {
  const weaker = weakerThanAsked(leaf, spec.nameConstraints)
  if (weaker !== undefined) return `the certificate would sign for names that it must not: ${weaker}`
  const broken = spec.spiffe ? notAnSvid(leaf) : undefined
  return broken === undefined ? undefined : `the certificate is no X.509-SVID: ${broken}`
}

/** The CA text that was read last without fault: a node's requests carry the same one again and again. */
let soundCa = ""

const readCa = (pem: string): Result.Result<void, string> => {
  if (pem === soundCa) return Result.void
  return Result.map(parseAll(pem, limits.ca), () => {
    soundCa = pem
  })
}

const read = (candidate: Candidate): Result.Result<Leaf, string> => {
  const chain = Result.mapError(
    parseAll(candidate.signed.certificate, limits.chain),
    (found) => `status.certificate ${found}`
  )
  const ca = Result.mapError(readCa(candidate.signed.ca), (found) => `status.ca ${found}`)
  return Result.flatMap(Result.all([chain, ca]), ([[leaf]]) => {
    const need = candidate.signed.ca.trim() === "" ? needsCa(candidate.spec) : undefined
    if (need !== undefined) return Result.fail(`status.ca is empty, and ${need} asks for the CA`)
    if (leaf === undefined) return Result.fail("status.certificate holds no certificate")
    // Key, names and times are parsed only when they are asked for, so each of them can still turn out to be damaged.
    return Result.flatMap(
      Result.try({
        try: () => [wrongWith(leaf, candidate), factsOf(leaf)] as const,
        catch: () => "status.certificate is damaged"
      }),
      ([wrong, facts]) => (wrong === undefined ? Result.succeed(facts) : Result.fail(wrong))
    )
  })
}

/** What cannot be made without the issuer's CA: an empty truststore would let nobody in and say so nowhere. */
const needsCa = ({ files, keystores, trustBundle }: VolumeSpec): string | undefined => {
  if (Option.isSome(trustBundle)) return undefined
  if (keystores.some(({ truststore }) => Option.isSome(truststore))) return "truststore-enable"
  return files.caDer === undefined ? undefined : "ca-der-file"
}

const factsOf = ({ asn: { tbsCertificate } }: ReadCertificate): Leaf => ({
  serialNumber: bytesToHex(new Uint8Array(tbsCertificate.serialNumber)),
  notBefore: DateTime.fromDateUnsafe(tbsCertificate.validity.notBefore.getTime()),
  notAfter: DateTime.fromDateUnsafe(tbsCertificate.validity.notAfter.getTime())
})

/** The leaf of a certificate that fits its request; `Mismatch` otherwise. */
export const checkSigned = (candidate: Candidate): Effect.Effect<Leaf, IssuanceError> =>
  Effect.suspend(() => Effect.fromResult(read(candidate))).pipe(
    Effect.mapError((detail) => new IssuanceError({ reason: "Mismatch", request: candidate.request, detail }))
  )
