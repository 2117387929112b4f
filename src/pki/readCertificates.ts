/**
 * X.509 certificates (RFC 5280) in PEM texts that somebody else wrote. Each block is parsed, by the parser that most
 * programs in pods have (OpenSSL's), because one block that is no certificate makes a whole file unreadable to many of
 * them. What is encoded otherwise than in DER, or has bytes behind its end, counts as no certificate. A failure is the
 * predicate of a sentence whose subject is the text, and says which block it is about.
 */
import { X509Certificate } from "node:crypto"
import { Result } from "effect"
import { type PemBlock, type PemLimits, readPem } from "./Pem.ts"

/** A certificate as OpenSSL reads it. */
export type ReadCertificate = X509Certificate

const readBlock = ({ der, label }: PemBlock): ReadCertificate | undefined => {
  if (label !== "CERTIFICATE") return undefined
  const certificate = Result.getOrElse(
    Result.try(() => new X509Certificate(der)),
    () => undefined
  )
  return certificate?.raw.equals(der) ? certificate : undefined
}

/** Reads blocks that must be certificates; `number` counts from 1 and is each block's place in the text. */
const readBlocks = (
  blocks: ReadonlyArray<readonly [number: number, block: PemBlock]>
): Result.Result<ReadonlyArray<ReadCertificate>, string> => {
  const certificates: Array<ReadCertificate> = []
  for (const [number, block] of blocks) {
    const certificate = readBlock(block)
    if (certificate === undefined) return Result.fail(`has a PEM block that is no certificate (number ${number})`)
    certificates.push(certificate)
  }
  return Result.succeed(certificates)
}

const numbered = (blocks: ReadonlyArray<PemBlock>) => blocks.map((block, index) => [index + 1, block] as const)

/** The certificates of a text that may hold words between them and no other blocks; empty where it is blank. */
export const readCertificates = (
  text: string,
  limits: PemLimits
): Result.Result<ReadonlyArray<ReadCertificate>, string> =>
  Result.flatMap(readPem(text, limits), (blocks) =>
    blocks.length === 0 && text.trim() !== "" ? Result.fail("holds no certificate") : readBlocks(numbered(blocks))
  )

/** The certificates of a text whose blocks of other kinds are passed over. */
export const certificatesAmong = (
  text: string,
  limits: PemLimits
): Result.Result<ReadonlyArray<ReadCertificate>, string> =>
  Result.flatMap(readPem(text, limits), (blocks) =>
    readBlocks(numbered(blocks).filter(([, { label }]) => label === "CERTIFICATE"))
  )

/**
 * True where `issuer` has signed `certificate`: its name is the one that the certificate gives, and its key made the
 * signature. A signature of a kind that OpenSSL does not know is taken for one.
 */
export const hasSigned = (issuer: ReadCertificate, certificate: ReadCertificate): boolean =>
  issuer.subject === certificate.issuer &&
  Result.getOrElse(
    Result.try(() => certificate.verify(issuer.publicKey)),
    () => true
  )
