/**
 * Extensions of X.509 (RFC 5280, 4.2): on their way into a signing request, as they stand in a certificate, and the
 * names that they hold. Pure.
 */
import { AsnConvert } from "@peculiar/asn1-schema"
import { type Certificate, type Extension as EncodedExtension, GeneralName, OtherName } from "@peculiar/asn1-x509"
import { boolean, type DerValue, der, octets, oid, sequence, utf8String } from "./Der.ts"

/** One extension; its value is one that @peculiar/asn1-schema can encode. */
export interface Extension {
  /** OBJECT IDENTIFIER, dotted. */
  readonly id: string
  readonly critical: boolean
  readonly value: unknown
}

/** The kinds of names that certlet writes into extensions. */
export type NameKind = "dns" | "ip" | "email" | "url"

/** A name as extensions have it. An address may have a mask (`10.0.0.0/8`), as name constraints want it. */
export const generalName = (kind: NameKind, value: string): GeneralName => {
  switch (kind) {
    case "dns":
      return new GeneralName({ dNSName: value })
    case "ip":
      return new GeneralName({ iPAddress: value })
    case "email":
      return new GeneralName({ rfc822Name: value })
    case "url":
      return new GeneralName({ uniformResourceIdentifier: value })
  }
}

/** A name of another kind, which is an OID: its value is a UTF8String. */
export const otherName = (typeId: string, value: string): GeneralName =>
  new GeneralName({ otherName: new OtherName({ typeId, value: der(utf8String(value)).slice().buffer }) })

/** The extension of this kind (OBJECT IDENTIFIER, dotted) in a certificate, its value still encoded. */
export const extensionIn = ({ tbsCertificate }: Certificate, id: string): EncodedExtension | undefined =>
  tbsCertificate.extensions?.find(({ extnID }) => extnID === id)

/**
 * An extension in DER; throws where its value cannot be encoded. What is not critical is left unsaid, as it is the
 * default.
 */
export const extensionDer = ({ critical, id, value }: Extension): DerValue => {
  const bytes = octets(new Uint8Array(AsnConvert.serialize(value)))
  return critical ? sequence(oid(id), boolean(true), bytes) : sequence(oid(id), bytes)
}
