/**
 * What an issuer handed out, looked at before a pod sees it. Pure. A certificate for our key that chains and has not
 * expired is used, and what it lacks of what was requested is named (`lacksOf`). Refused is only what is dangerous or
 * of no use: somebody else's key, a certificate that has expired or that nobody beside it has signed, a CA that may
 * sign for more names than were requested, an SVID that breaks its profile, and missing names where the node insists on
 * them. A refusal becomes a `Mismatch` that says what was found. More names than were requested are the issuer's
 * business; whose signature it trusts is the pod's.
 */
import { equalBytes } from "@noble/ciphers/utils.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { AsnConvert } from "@peculiar/asn1-schema"
import { Certificate } from "@peculiar/asn1-x509"
import { DateTime, Effect, Option, Result } from "effect"
import { hasSigned, type ReadCertificate, readCertificates } from "../pki/readCertificates.ts"
import { limits } from "../spec/Limits.ts"
import { quoted } from "../spec/Rule.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { SignedCertificate } from "./CertificateRequest.ts"
import { weakerThanAsked } from "./constraintsExtension.ts"
import { IssuanceError, type Objection } from "./IssuanceError.ts"
import { type Lack, lacksOf } from "./lacksOf.ts"
import { notAnSvid } from "./Svid.ts"

/** The facts about a leaf that certlet goes by. */
export interface Leaf {
  /** Hexadecimal. */
  readonly serialNumber: string
  readonly notBefore: DateTime.Utc
  readonly notAfter: DateTime.Utc
  /** The CA to lay into the volume, PEM: the issuer's, or the one that the volume holds where that is damaged. */
  readonly ca: string
  /** What was requested and is not there; empty where nothing is missing. */
  readonly lacks: ReadonlyArray<Lack>
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
  /** Refuse a certificate that lacks a name. */
  readonly requireAllNames: boolean
  /** The CA that the volume holds, PEM: it stays where the issuer's cannot be read. */
  readonly caHeld: Option.Option<string>
}

/** Why a certificate is refused. */
interface Refusal {
  readonly objection: Objection
  readonly detail: string
}

const refuse = (objection: Objection, detail: string): Refusal => ({ objection, detail })

/** What an answer holds. */
interface Chain {
  readonly leaf: ReadCertificate
  /** What stands behind the leaf. */
  readonly rest: ReadonlyArray<ReadCertificate>
  readonly ca: ReadonlyArray<ReadCertificate>
  readonly caText: string
  /** What is wrong with the issuer's CA. */
  readonly fault: Option.Option<string>
}

const isSame = (one: ReadCertificate, other: ReadCertificate): boolean => one.raw.equals(other.raw)

/** The certificates from the leaf upwards, as far as one has signed the other. */
const pathOf = ({ ca, leaf, rest }: Chain): ReadonlyArray<ReadCertificate> => {
  const path = [leaf]
  for (let at: ReadCertificate | undefined = leaf; at !== undefined; ) {
    const signed: ReadCertificate = at
    at = [...rest, ...ca].find((one) => !path.some((seen) => isSame(seen, one)) && hasSigned(one, signed))
    if (at !== undefined) path.push(at)
  }
  return path
}

/** What is wrong with a chain; what it lacks otherwise. A leaf that comes alone cannot be told from a whole chain. */
const judgeChain = (chain: Chain): Result.Result<ReadonlyArray<Lack>, Refusal> => {
  const { ca, leaf, rest } = chain
  if (rest.length + ca.length === 0) return Result.succeed([])
  const path = pathOf(chain)
  const isOwnIssuer = ca.some((one) => isSame(one, leaf)) || hasSigned(leaf, leaf)
  if (path.length === 1 && !isOwnIssuer) {
    const issuer = quoted((leaf.issuer ?? "").replaceAll("\n", ", "))
    return Result.fail(
      refuse("chain", `the chain is broken: ${issuer} issued the certificate, and no certificate beside it signed it`)
    )
  }
  const reachesCa = isOwnIssuer || ca.length === 0 || path.some((one) => ca.some((other) => isSame(one, other)))
  return Result.succeed(reachesCa ? [] : [{ kind: "chain", what: "a chain that leads up to the CA in status.ca" }])
}

/** What is wrong with a leaf; nothing where it can be used. */
const wrongWith = (leaf: Certificate, { now, spec, spki }: Candidate): Refusal | undefined => {
  const { subjectPublicKeyInfo, validity } = leaf.tbsCertificate
  if (!equalBytes(new Uint8Array(AsnConvert.serialize(subjectPublicKeyInfo)), spki)) {
    return refuse("key", "the certificate is for another key than the one that was requested")
  }
  const notAfter = validity.notAfter.getTime()
  if (notAfter.getTime() <= DateTime.toEpochMillis(now)) {
    return refuse("expired", `the certificate expired at ${notAfter.toISOString()}`)
  }
  return spec.nameConstraints.length > 0 || spec.spiffe ? wrongBeyond(leaf, spec) : undefined
}

/** What is wrong with a certificate for a volume that asks for more than names. */
const wrongBeyond = (leaf: Certificate, spec: VolumeSpec): Refusal | undefined => {
  const weaker = weakerThanAsked(leaf, spec.nameConstraints)
  if (weaker !== undefined) {
    return refuse("constraints", `the certificate would sign for names that it must not: ${weaker}`)
  }
  const broken = spec.spiffe ? notAnSvid(leaf, spec.uris) : undefined
  return broken === undefined ? undefined : refuse("svid", `the certificate is no X.509-SVID: ${broken}`)
}

/** The CA text that was read last without fault: a node's requests carry the same one again and again. */
let soundCa: readonly [text: string, certificates: ReadonlyArray<ReadCertificate>] = ["", []]

const readCa = (text: string): Result.Result<ReadonlyArray<ReadCertificate>, string> => {
  if (text === soundCa[0]) return Result.succeed(soundCa[1])
  return Result.map(readCertificates(text, limits.ca), (certificates) => {
    soundCa = [text, certificates]
    return certificates
  })
}

/** What an answer's CA is worth to its volume. One with a trust bundle of its own never sees the issuer's. */
const judgeCa = ({
  caHeld,
  signed,
  spec
}: Candidate): Result.Result<Pick<Chain, "ca" | "caText" | "fault">, Refusal> => {
  const ignored = { ca: [], caText: signed.ca, fault: Option.none<string>() }
  if (Option.isSome(spec.trustBundle)) return Result.succeed(ignored)
  const found = readCa(signed.ca)
  if (Result.isFailure(found)) {
    const fault = `status.ca ${found.failure}`
    return Option.match(caHeld, {
      onNone: () => Result.fail(refuse("unreadable", fault)),
      onSome: (caText) => Result.succeed({ ca: [], caText, fault: Option.some(fault) })
    })
  }
  const need = found.success.length === 0 ? needsCa(spec) : undefined
  return need === undefined
    ? Result.succeed({ ...ignored, ca: found.success })
    : Result.fail(refuse("ca", `status.ca is empty, and ${need} asks for the CA`))
}

const readChain = (candidate: Candidate): Result.Result<Chain, Refusal> => {
  const certificates = Result.mapError(readCertificates(candidate.signed.certificate, limits.chain), (found) =>
    refuse("unreadable", `status.certificate ${found}`)
  )
  return Result.flatMap(Result.all([certificates, judgeCa(candidate)]), ([[leaf, ...rest], ca]) =>
    leaf === undefined
      ? Result.fail(refuse("unreadable", "status.certificate holds no certificate"))
      : Result.succeed({ leaf, rest, ...ca })
  )
}

/** A CA that cannot be read is told, and the volume keeps its own. */
const lackOfCa = ({ fault }: Chain): ReadonlyArray<Lack> =>
  Option.toArray(fault).map((fault) => ({ kind: "chain", what: `a CA that can be read: ${fault}; the last one stays` }))

const judge = (chain: Chain, candidate: Candidate): Result.Result<Leaf, Refusal> => {
  const leaf = AsnConvert.parse(chain.leaf.raw, Certificate)
  const wrong = wrongWith(leaf, candidate)
  if (wrong !== undefined) return Result.fail(wrong)
  return Result.flatMap(judgeChain(chain), (ofChain) => {
    const lacks = [...lacksOf(leaf, candidate.spec), ...ofChain, ...lackOfCa(chain)]
    const names = lacks.filter(({ kind }) => kind === "name").map(({ what }) => what)
    return candidate.requireAllNames && names.length > 0
      ? Result.fail(refuse("names", `the certificate lacks names that were requested: ${names.join(", ")}`))
      : Result.succeed({ ...factsOf(leaf), ca: chain.caText, lacks })
  })
}

const read = (candidate: Candidate): Result.Result<Leaf, Refusal> =>
  Result.flatMap(readChain(candidate), (chain) =>
    // Key, names and times are parsed only when they are asked for, so each of them can still turn out to be damaged.
    Result.flatMap(
      Result.try({
        try: () => judge(chain, candidate),
        catch: () => refuse("unreadable", "status.certificate is damaged")
      }),
      (judged) => judged
    )
  )

/** What cannot be made without the issuer's CA: an empty truststore would let nobody in and say so nowhere. */
const needsCa = ({ files, keystores }: VolumeSpec): string | undefined => {
  if (keystores.some(({ truststore }) => Option.isSome(truststore))) return "truststore-enable"
  return files.caDer === undefined ? undefined : "ca-der-file"
}

const factsOf = ({ tbsCertificate }: Certificate): Omit<Leaf, "ca" | "lacks"> => ({
  serialNumber: bytesToHex(new Uint8Array(tbsCertificate.serialNumber)),
  notBefore: DateTime.fromDateUnsafe(tbsCertificate.validity.notBefore.getTime()),
  notAfter: DateTime.fromDateUnsafe(tbsCertificate.validity.notAfter.getTime())
})

/** The leaf of a certificate that can be used; `Mismatch` otherwise. */
export const checkSigned = (candidate: Candidate): Effect.Effect<Leaf, IssuanceError> =>
  Effect.suspend(() => Effect.fromResult(read(candidate))).pipe(
    Effect.mapError((refusal) => new IssuanceError({ reason: "Mismatch", request: candidate.request, ...refusal }))
  )
