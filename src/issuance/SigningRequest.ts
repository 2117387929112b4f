/**
 * The signing request (PKCS#10, RFC 2986) that a spec and a key make. Pure but for the signature, which the key itself
 * makes. Subject, names, usages and the CA flag stand in it exactly as the CertificateRequest says:
 * cert-manager refuses a request whose two halves disagree. The subject is encoded here attribute by attribute, because
 * text would have to be escaped and could be misread on the way.
 */
import {
  BasicConstraints,
  ExtendedKeyUsage,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  KeyUsage,
  SubjectAlternativeName
} from "@peculiar/asn1-x509"
import { Effect } from "effect"
import {
  bits,
  type DerValue,
  der,
  encoded,
  ia5String,
  implicitSet,
  integer,
  nothing,
  oid,
  printableString,
  sequence,
  setOf,
  utf8String
} from "../pki/Der.ts"
import { type Extension, extensionDer, generalName, otherName } from "../pki/Extension.ts"
import { writePem } from "../pki/Pem.ts"
import { attributeTypes, type DistinguishedName, type NameAttribute } from "../spec/DistinguishedName.ts"
import { extendedKeyUsages, keyUsageBits } from "../spec/KeyUsage.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import { constraintsExtension } from "./constraintsExtension.ts"
import { KeyError, type PrivateKey, type SignatureAlgorithm } from "./KeyGenerator.ts"

const email = "1.2.840.113549.1.9.1"
/** PKCS#9's extensionRequest (RFC 2985, 5.4.2). */
const extensionRequest = "1.2.840.113549.1.9.14"

/**
 * The string types that profiles demand (RFC 5280, A.1): IA5String for mail and domains, else PrintableString where it
 * fits.
 */
const attributeValue = ({ type, value }: NameAttribute): DerValue => {
  const isAscii = /^\p{ASCII}*$/u.test(value)
  if (isAscii && (type === attributeTypes.DC || type === email)) return ia5String(value)
  return /^[A-Za-z0-9 '()+,./:=?-]*$/.test(value) ? printableString(value) : utf8String(value)
}

/** So many names are encoded in a row, before others have their turn. */
const inARow = 100

const encodedInTurns = Effect.fnUntraced(function* <A, B>(items: ReadonlyArray<A>, encode: (item: A) => B) {
  const encodings: Array<B> = []
  for (const [index, item] of items.entries()) {
    if (index % inARow === inARow - 1) yield* Effect.yieldNow
    encodings.push(encode(item))
  }
  return encodings
})

const attributeDer = (attribute: NameAttribute): DerValue => sequence(oid(attribute.type), attributeValue(attribute))

/**
 * A name as DER wants it: the attributes of a multi-valued RDN are a set, so they are in the order of their encodings.
 */
const nameDer = Effect.fnUntraced(function* (name: DistinguishedName) {
  const rdns: Array<DerValue> = []
  for (const rdn of name) rdns.push(setOf(...(yield* encodedInTurns(rdn, attributeDer))))
  return sequence(...rdns)
})

const namesOf = Effect.fnUntraced(function* (spec: VolumeSpec) {
  const names = [
    ...spec.dnsNames.map((value) => ["dns", value] as const),
    ...spec.ipAddresses.map((value) => ["ip", value] as const),
    ...spec.uris.map((value) => ["url", value] as const),
    ...spec.emails.map((value) => ["email", value] as const)
  ]
  return new SubjectAlternativeName([
    ...(yield* encodedInTurns(names, ([kind, value]) => generalName(kind, value))),
    ...(yield* encodedInTurns(spec.otherNames, ({ oid, value }) => otherName(oid, value)))
  ])
})

/** The key usages with what a CA needs (cert-manager adds it for isCA), as cert-manager's webhook compares them. */
const keyUsages = (spec: VolumeSpec): number =>
  spec.usages.reduce(
    (bits, usage) => bits | (keyUsageBits[usage] ?? 0),
    spec.isCA ? (keyUsageBits["cert sign"] ?? 0) : 0
  )

const extensionsOf = (spec: VolumeSpec, names: SubjectAlternativeName): ReadonlyArray<Extension> => {
  const usages = keyUsages(spec)
  // Repeats stay: cert-manager compares this list with the usages one by one, and two of its words mean one purpose.
  const purposes = spec.usages.flatMap((usage) => extendedKeyUsages[usage] ?? [])
  const when = (isThere: boolean, id: string, critical: boolean, value: unknown) =>
    isThere ? [{ id, critical, value }] : []
  return [
    // Without a subject the names are all there is, and then the extension is critical (RFC 5280, 4.2.1.6).
    ...when(names.length > 0, id_ce_subjectAltName, spec.subject.length === 0, names),
    ...when(usages !== 0, id_ce_keyUsage, true, new KeyUsage(usages)),
    ...when(purposes.length > 0, id_ce_extKeyUsage, false, new ExtendedKeyUsage(purposes)),
    ...when(spec.isCA, id_ce_basicConstraints, true, new BasicConstraints({ cA: true })),
    ...(spec.nameConstraints.length > 0 ? [constraintsExtension(spec.nameConstraints)] : [])
  ]
}

/**
 * AlgorithmIdentifiers: of RSA with a NULL (RFC 4055, 5), of the others without parameters (RFC 5758, 3.2; RFC 8410,
 * 3).
 */
const algorithms: Readonly<Record<SignatureAlgorithm, readonly [id: string, ...parameters: ReadonlyArray<DerValue>]>> =
  {
    sha256WithRSAEncryption: ["1.2.840.113549.1.1.11", nothing()],
    sha384WithRSAEncryption: ["1.2.840.113549.1.1.12", nothing()],
    sha512WithRSAEncryption: ["1.2.840.113549.1.1.13", nothing()],
    "ecdsa-with-SHA256": ["1.2.840.10045.4.3.2"],
    "ecdsa-with-SHA384": ["1.2.840.10045.4.3.3"],
    "ecdsa-with-SHA512": ["1.2.840.10045.4.3.4"],
    "id-Ed25519": ["1.3.101.112"]
  }

/** CertificationRequestInfo (RFC 2986, 4.1): what is signed. */
const requestInfo = Effect.fnUntraced(function* (spec: VolumeSpec, { spki }: PrivateKey) {
  const subject = yield* nameDer(spec.subject)
  const extensions = extensionsOf(spec, yield* namesOf(spec)).map(extensionDer)
  const attributes = extensions.length === 0 ? [] : [sequence(oid(extensionRequest), setOf(sequence(...extensions)))]
  return sequence(integer(0), subject, encoded(spki), implicitSet(0, ...attributes))
})

/** The signing request for a spec, signed by the key; PEM. */
export const signingRequest = Effect.fnUntraced(function* (spec: VolumeSpec, key: PrivateKey) {
  const info = yield* requestInfo(spec, key).pipe(
    // A value that the encoder takes amiss is thrown: it is the spec's, and no defect of ours.
    Effect.catchDefect((cause) => Effect.fail(new KeyError({ reason: "Failed", cause })))
  )
  const [id, ...parameters] = algorithms[key.signatureAlgorithm]
  const signature = bits(yield* key.sign(der(info)))
  return writePem("CERTIFICATE REQUEST", der(sequence(info, sequence(oid(id), ...parameters), signature)))
})
