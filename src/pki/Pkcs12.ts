/**
 * PKCS#12 keystores (RFC 7292), as OpenSSL, Java and Windows read them: a key with its certificate and chain, and
 * certificates that are to be trusted. Pure: the random bytes are drawn by the caller. The profiles are those of
 * cert-manager's Certificate API. The key lies in a shrouded bag, the certificates are encrypted, and one MAC
 * covers both. A trusted certificate carries the attribute by which Java tells an entry of a truststore from a
 * link of a chain.
 */
import { sha1 } from "@noble/hashes/legacy.js"
import {
  bmpString,
  type DerValue,
  der,
  explicit,
  implicitOctets,
  integer,
  octets,
  oid,
  sequence,
  setOf
} from "./Der.ts"
import { type Encrypted, encrypted, type Mac, macData, type Scheme, saltLength } from "./PasswordEncryption.ts"

/** The encryptions of a PKCS#12 keystore, named as cert-manager's Certificate API names them. */
export const pkcs12Profiles = ["LegacyRC2", "LegacyDES", "Modern2023", "Modern2026"] as const
export type Pkcs12Profile = (typeof pkcs12Profiles)[number]

/** A certificate that is to be trusted, DER, and the name that it goes by. */
export interface TrustedEntry {
  readonly alias: string
  readonly certificate: Uint8Array
}

/** A key with its chain, leaf first: PKCS#8 and X.509, DER. */
export interface KeyEntry {
  /** None leaves the naming to the reader: Java then says "1". */
  readonly alias: string | undefined
  readonly privateKey: Uint8Array
  readonly chain: ReadonlyArray<Uint8Array>
}

/** What a keystore holds. */
export interface KeystoreContent {
  readonly key: KeyEntry | undefined
  readonly trusted: ReadonlyArray<TrustedEntry>
}

const oids = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certBag: "1.2.840.113549.1.12.10.1.3",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  /** Oracle's trustedKeyUsage, which Java asks a truststore's certificates for. */
  trustedKeyUsage: "2.16.840.1.113894.746875.1.1",
  anyExtendedKeyUsage: "2.5.29.37.0"
} as const

interface Profile {
  readonly certificates: Scheme
  readonly key: Scheme
  readonly mac: Mac
}

const profiles: Readonly<Record<Pkcs12Profile, Profile>> = {
  LegacyRC2: { certificates: "RC2-40", key: "3DES", mac: "sha1" },
  LegacyDES: { certificates: "3DES", key: "3DES", mac: "sha1" },
  Modern2023: { certificates: "AES-256", key: "AES-256", mac: "sha256" },
  Modern2026: { certificates: "AES-256", key: "AES-256", mac: "pbmac1" }
}

const macSaltLength = 8

/** How many random bytes a keystore of this profile takes. */
export const randomLength = (profile: Pkcs12Profile): number =>
  saltLength(profiles[profile].certificates) + saltLength(profiles[profile].key) + macSaltLength

const attribute = (type: string, value: DerValue): DerValue => sequence(oid(type), setOf(value))
const named = (alias: string | undefined): Array<DerValue> =>
  alias === undefined ? [] : [attribute(oids.friendlyName, bmpString(alias))]

const bag = (type: string, value: DerValue, attributes: Array<DerValue>): DerValue =>
  sequence(oid(type), explicit(0, value), ...(attributes.length === 0 ? [] : [setOf(...attributes)]))

const certBag = (certificate: Uint8Array, attributes: Array<DerValue>): DerValue =>
  bag(oids.certBag, sequence(oid(oids.x509Certificate), explicit(0, octets(certificate))), attributes)

const trustedBag = ({ alias, certificate }: TrustedEntry): DerValue =>
  certBag(certificate, [...named(alias), attribute(oids.trustedKeyUsage, oid(oids.anyExtendedKeyUsage))])

/** What ties the key to its certificate: the same bytes at both. */
const keyIdOf = ({ chain }: KeyEntry): DerValue =>
  attribute(oids.localKeyId, octets(sha1(chain[0] ?? new Uint8Array())))

const certificatesOf = ({ key, trusted }: KeystoreContent): ReadonlyArray<DerValue> => [
  ...(key?.chain ?? []).map((certificate, index) =>
    certBag(certificate, index === 0 && key !== undefined ? [...named(key.alias), keyIdOf(key)] : [])
  ),
  ...trusted.map(trustedBag)
]

const dataInfo = (content: Uint8Array): DerValue => sequence(oid(oids.data), explicit(0, octets(content)))

const encryptedInfo = ({ algorithm, content }: Encrypted): DerValue =>
  sequence(
    oid(oids.encryptedData),
    explicit(0, sequence(integer(0), sequence(oid(oids.data), algorithm, implicitOctets(0, content))))
  )

/** A truststore without a password: nothing in it is encrypted, and nothing authenticates it. DER. */
export const pkcs12WithoutPassword = (trusted: ReadonlyArray<TrustedEntry>): Uint8Array => {
  const safe = der(sequence(dataInfo(der(sequence(...trusted.map(trustedBag))))))
  return der(sequence(integer(3), dataInfo(safe)))
}

/** A keystore under a password: PFX (RFC 7292, 4), DER. `random` is `randomLength` bytes that serve once. */
export const pkcs12 = (
  profile: Pkcs12Profile,
  content: KeystoreContent,
  password: string,
  random: Uint8Array
): Uint8Array => {
  const { certificates, key, mac } = profiles[profile]
  const forCertificates = random.subarray(0, saltLength(certificates))
  const forKey = random.subarray(forCertificates.length, -macSaltLength)
  const safes = [
    encryptedInfo(encrypted(certificates, password, forCertificates, der(sequence(...certificatesOf(content)))))
  ]
  if (content.key !== undefined) {
    const shrouded = encrypted(key, password, forKey, content.key.privateKey)
    const value = sequence(shrouded.algorithm, octets(shrouded.content))
    const attributes = [...named(content.key.alias), keyIdOf(content.key)]
    safes.push(dataInfo(der(sequence(bag(oids.shroudedKeyBag, value, attributes)))))
  }
  const safe = der(sequence(...safes))
  return der(sequence(integer(3), dataInfo(safe), macData(mac, password, random.subarray(-macSaltLength), safe)))
}
