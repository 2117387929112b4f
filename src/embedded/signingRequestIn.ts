/**
 * Reads a signing request (PKCS#10, RFC 2986) that anybody may have written: the text is measured and read by our own
 * reader of PEM, in linear time. @peculiar/x509 gets DER and nothing else, because it takes whatever does not begin
 * like DER for PEM, and its own pattern for that tries exponentially many ways through some texts. Pure.
 */
import "reflect-metadata"
import { Pkcs10CertificateRequest } from "@peculiar/x509"
import { Result } from "effect"
import { readPem } from "../pki/Pem.ts"

/** A signing request with as many names as a certificate may have takes a tenth of it. */
const most = { length: 512 * 1024, blocks: 10 } as const
const labels: ReadonlyArray<string> = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]
/** What DER begins with: the tag of a SEQUENCE. */
const sequence = 0x30

/** The signing request in a text; undefined where its first PEM block is something else. */
export const signingRequestIn = (text: string): Pkcs10CertificateRequest | undefined => {
  const [block] = Result.getOrElse(readPem(text, most), () => [])
  if (block === undefined || !labels.includes(block.label) || block.der[0] !== sequence) return undefined
  return Result.getOrElse(
    Result.try(() => new Pkcs10CertificateRequest(block.der)),
    () => undefined
  )
}
