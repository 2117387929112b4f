/**
 * The signing request (PKCS#10, RFC 2986) that a spec and a key make. Pure but for the signature, which the key's own crypto
 * makes. Subject, names, usages and the CA flag stand in it exactly as the CertificateRequest beside it says: cert-manager
 * refuses a request whose two halves disagree. The subject is encoded here attribute by attribute, because text would have
 * to be escaped and could be misread on the way.
 */
import "reflect-metadata"
import { AsnConvert } from "@peculiar/asn1-schema"
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from "@peculiar/asn1-x509"
import * as x509 from "@peculiar/x509"
import { Effect } from "effect"
import { attributeTypes, type DistinguishedName, type NameAttribute } from "../DistinguishedName.ts"
import { extendedKeyUsages, keyUsageBits } from "../KeyUsage.ts"
import type { KeyParameters, VolumeSpec } from "../VolumeSpec.ts"
import { constraintsExtension } from "./constraintsExtension.ts"
import { KeyError, type PrivateKey } from "./KeyGenerator.ts"

const email = "1.2.840.113549.1.9.1"

/** The string types that profiles demand (RFC 5280, A.1): IA5String for mail and domains, else PrintableString where it fits. */
const attributeValue = ({ type, value }: NameAttribute): AttributeValue => {
  const isAscii = /^\p{ASCII}*$/u.test(value)
  if (isAscii && (type === attributeTypes.DC || type === email)) return new AttributeValue({ ia5String: value })
  return /^[A-Za-z0-9 '()+,./:=?-]*$/.test(value)
    ? new AttributeValue({ printableString: value })
    : new AttributeValue({ utf8String: value })
}

/** The order of DER's sets: byte by byte (X.690, 11.6). */
const compareBytes = (one: ArrayBuffer, other: ArrayBuffer): number => {
  const [left, right] = [new Uint8Array(one), new Uint8Array(other)]
  const at = left.findIndex((byte, index) => byte !== right[index])
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1)
}

/** A name as DER wants it: the attributes of a multi-valued RDN are a set, so they are in the order of their encodings. */
const encodeName = (name: DistinguishedName): x509.Name => {
  const rdns = name.map((rdn) => {
    const attributes = rdn.map((attribute) => {
      const asn = new AttributeTypeAndValue({ type: attribute.type, value: attributeValue(attribute) })
      return { asn, der: AsnConvert.serialize(asn) }
    })
    return new RelativeDistinguishedName(attributes.sort((a, b) => compareBytes(a.der, b.der)).map(({ asn }) => asn))
  })
  return new x509.Name(AsnConvert.serialize(new Name(rdns)))
}

const namesOf = (spec: VolumeSpec): ReadonlyArray<x509.JsonGeneralName> => [
  ...spec.dnsNames.map((value) => ({ type: "dns" as const, value })),
  ...spec.ipAddresses.map((value) => ({ type: "ip" as const, value })),
  ...spec.uris.map((value) => ({ type: "url" as const, value })),
  ...spec.emails.map((value) => ({ type: "email" as const, value }))
]

/** The key usages with what a CA needs (cert-manager adds it for isCA), as cert-manager's webhook compares them. */
const keyUsages = (spec: VolumeSpec): number =>
  spec.usages.reduce(
    (bits, usage) => bits | (keyUsageBits[usage] ?? 0),
    spec.isCA ? (keyUsageBits["cert sign"] ?? 0) : 0
  )

const extensionsOf = (spec: VolumeSpec): Array<x509.Extension> => {
  const names = namesOf(spec)
  const bits = keyUsages(spec)
  // Repeats stay: cert-manager compares this list with the usages one by one, and two of its words mean one purpose.
  const purposes = spec.usages.flatMap((usage) => extendedKeyUsages[usage] ?? [])
  return [
    // Without a subject the names are all there is, and then the extension is critical (RFC 5280, 4.2.1.6).
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension([...names], spec.subject.length === 0)] : []),
    ...(bits !== 0 ? [new x509.KeyUsagesExtension(bits, true)] : []),
    ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension(purposes, false)] : []),
    ...(spec.isCA ? [new x509.BasicConstraintsExtension(true, undefined, true)] : []),
    ...(spec.nameConstraints.length > 0 ? [constraintsExtension(spec.nameConstraints)] : [])
  ]
}

/** The hash grows with the key (as cert-manager chooses it); Ed25519 has its own. */
const signingAlgorithm = (key: KeyParameters): Algorithm | EcdsaParams => {
  switch (key.algorithm) {
    case "RSA":
      return { name: "RSASSA-PKCS1-v1_5" }
    case "ECDSA":
      return { name: "ECDSA", hash: key.size === 256 ? "SHA-256" : key.size === 384 ? "SHA-384" : "SHA-512" }
    case "Ed25519":
      return { name: "Ed25519" }
  }
}

/** The signing request for a spec, signed by the key; PEM. */
export const signingRequest = (spec: VolumeSpec, key: PrivateKey): Effect.Effect<string, KeyError> =>
  Effect.tryPromise({
    try: () =>
      x509.Pkcs10CertificateRequestGenerator.create(
        {
          name: encodeName(spec.subject),
          keys: key.keys,
          signingAlgorithm: signingAlgorithm(key.parameters),
          extensions: extensionsOf(spec)
        },
        key.crypto
      ),
    catch: (cause) => new KeyError({ reason: "Failed", cause })
  }).pipe(Effect.map((request) => `${request.toString("pem")}\n`))
