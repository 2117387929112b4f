/**
 * What a certificate's key may be used for, in cert-manager's words, and what these words are in X.509: a bit of the
 * key usage extension or a purpose of the extended one. Pure facts. Two words may mean the same, as they do in
 * cert-manager.
 */
import { Schema } from "effect"

/** cert-manager's usage names (`cert-manager.io/v1`, KeyUsage). */
export const KeyUsage = Schema.Literals([
  "signing",
  "digital signature",
  "content commitment",
  "key encipherment",
  "key agreement",
  "data encipherment",
  "cert sign",
  "crl sign",
  "encipher only",
  "decipher only",
  "any",
  "server auth",
  "client auth",
  "code signing",
  "email protection",
  "s/mime",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "timestamping",
  "ocsp signing",
  "microsoft sgc",
  "netscape sgc"
])
export type KeyUsage = typeof KeyUsage.Type

/** Bits of the key usage extension (RFC 5280, 4.2.1.3): bit n is `1 << n`. */
export const keyUsageBits: Readonly<Partial<Record<KeyUsage, number>>> = {
  signing: 1 << 0,
  "digital signature": 1 << 0,
  "content commitment": 1 << 1,
  "key encipherment": 1 << 2,
  "data encipherment": 1 << 3,
  "key agreement": 1 << 4,
  "cert sign": 1 << 5,
  "crl sign": 1 << 6,
  "encipher only": 1 << 7,
  "decipher only": 1 << 8
}

/** Purposes of the extended key usage extension (RFC 5280, 4.2.1.12), as dotted OIDs. */
export const extendedKeyUsages: Readonly<Partial<Record<KeyUsage, string>>> = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1"
}
