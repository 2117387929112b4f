/**
 * Opens a PKCS#12 keystore with a reader that is not ours (node-forge's), to see whether a password fits and what is
 * inside.
 */
import forge from "node-forge"

/** The first certificate of a keystore, DER in base64; throws where the password is wrong. */
export const leafOfPkcs12 = (bytes: Uint8Array, password: string): string => {
  const asn1 = forge.asn1.fromDer(Buffer.from(bytes).toString("binary"))
  const opened = forge.pkcs12.pkcs12FromAsn1(asn1, false, password)
  const bag = opened.getBags({ bagType: forge.pki.oids.certBag ?? "" })[forge.pki.oids.certBag ?? ""]?.[0]
  const certificate = bag?.cert == null ? bag?.asn1 : forge.pki.certificateToAsn1(bag.cert)
  if (certificate === undefined) throw new Error("the keystore holds no certificate")
  return Buffer.from(forge.asn1.toDer(certificate).getBytes(), "binary").toString("base64")
}
