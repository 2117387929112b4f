/**
 * DER (X.690) as it is read in standards: a few words for the kinds of values that keystores and signing requests are
 * made of. Pure; the bytes are asn1js's.
 */
import * as asn1js from "asn1js"

/** A value on its way to DER. */
export type DerValue = asn1js.BaseBlock

/** SEQUENCE. */
export const sequence = (...value: Array<DerValue>): DerValue => new asn1js.Sequence({ value })
/** SET OF: DER has its elements in the order of their bytes (X.690, 11.6). */
export const setOf = (...value: Array<DerValue>): DerValue => new asn1js.Set({ value: inOrder(value) })
/** INTEGER, not negative. */
export const integer = (value: number): DerValue => new asn1js.Integer({ value })
/** BOOLEAN. */
export const boolean = (value: boolean): DerValue => new asn1js.Boolean({ value })
/** OBJECT IDENTIFIER, dotted. */
export const oid = (value: string): DerValue => new asn1js.ObjectIdentifier({ value })
/** NULL. */
export const nothing = (): DerValue => new asn1js.Null()
/** OCTET STRING. */
export const octets = (bytes: Uint8Array): DerValue => new asn1js.OctetString({ valueHex: bytes.slice().buffer })
/** BIT STRING of whole bytes. */
export const bits = (bytes: Uint8Array): DerValue => new asn1js.BitString({ valueHex: bytes.slice().buffer })
/** UTF8String. */
export const utf8String = (value: string): DerValue => new asn1js.Utf8String({ value })
/** PrintableString; its characters are the caller's to check. */
export const printableString = (value: string): DerValue => new asn1js.PrintableString({ value })
/** IA5String; its characters are the caller's to check. */
export const ia5String = (value: string): DerValue => new asn1js.IA5String({ value })
/** BMPString (UTF-16). */
export const bmpString = (value: string): DerValue => new asn1js.BmpString({ value })
/** `[tag] EXPLICIT`. */
export const explicit = (tag: number, value: DerValue): DerValue =>
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: tag }, value: [value] })
/** `[tag] IMPLICIT OCTET STRING`. */
export const implicitOctets = (tag: number, bytes: Uint8Array): DerValue =>
  new asn1js.Primitive({ idBlock: { tagClass: 3, tagNumber: tag }, valueHex: bytes.slice().buffer })

/** `[tag] IMPLICIT SET OF`. */
export const implicitSet = (tag: number, ...value: Array<DerValue>): DerValue =>
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: tag }, value: inOrder(value) })
/** A value that is DER already; throws where it is not. */
export const encoded = (bytes: Uint8Array | ArrayBuffer): DerValue => {
  const { offset, result } = asn1js.fromBER(bytes)
  if (offset !== bytes.byteLength || result.error !== "") throw new Error("bytes that are no DER")
  return result
}

/** The bytes of a value. */
export const der = (value: DerValue): Uint8Array => new Uint8Array(value.toBER())

const inOrder = (values: Array<DerValue>): Array<DerValue> => {
  if (values.length < 2) return values
  const encodings = values.map((value) => [value, der(value)] as const)
  return encodings.sort(([, one], [, other]) => compareBytes(one, other)).map(([value]) => value)
}

const compareBytes = (one: Uint8Array, other: Uint8Array): number => {
  const at = one.findIndex((byte, index) => byte !== other[index])
  return at < 0 ? one.length - other.length : (one[at] ?? 0) - (other[at] ?? -1)
}
