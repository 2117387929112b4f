/**
 * A certificate authority with Node's WebCrypto: the root of the embedded cluster's own TLS, and, as a second one, the CA
 * issuer that signs pods' requests. It signs as cert-manager's CA issuer does: subject, names and public key come from the
 * signing request, usages, CA flag and lifetime from the CertificateRequest. Its private key lives in this process and is
 * never written anywhere; the keys of the clients it certifies go into the kubeconfigs it was made for.
 */
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Effect } from "effect"
import { extendedKeyUsages, type KeyUsage, keyUsageBits } from "../spec/KeyUsage.ts"

const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const

const oid = {
  subjectAlternativeName: "2.5.29.17",
  nameConstraints: "2.5.29.30",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2"
}

/** A certificate with its private key, both PEM (the key as PKCS#8). */
export interface Credential {
  readonly certificate: string
  readonly key: string
}

/** What to sign. Times are milliseconds since the epoch and are cut to whole seconds. */
export interface Signature {
  /** PKCS#10, PEM. */
  readonly signingRequest: string
  readonly usages: ReadonlyArray<KeyUsage>
  readonly isCA: boolean
  readonly notBefore: number
  readonly notAfter: number
  /** Certify a fresh key instead of the one asked for: what a broken issuer does. */
  readonly wrongKey: boolean
}

/** A CA. */
export interface NodeAuthority {
  /** Its own certificate, PEM. */
  readonly certificate: string
  /** Signs a request; fails where that is no signing request, or not signed with its own key. */
  readonly sign: (signature: Signature) => Effect.Effect<string, string>
  /** A server's certificate for `localhost`, 127.0.0.1 and ::1. */
  readonly server: Effect.Effect<Credential>
  /** A client's certificate: Kubernetes reads the user from the common name, groups from the organizations. */
  readonly client: (user: string, groups: ReadonlyArray<string>) => Effect.Effect<Credential>
}

const cut = (millis: number) => new Date(millis - (millis % 1000))
const year = 365 * 24 * 3_600_000

/** 128 random bits with the top bit clear: a serial number must be positive (RFC 5280, 4.1.2.2). */
const serialNumber = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return Buffer.from(bytes).toString("hex")
}

const generate = () => crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"])

const usageExtensions = (usages: ReadonlyArray<KeyUsage>): ReadonlyArray<x509.Extension> => {
  const bits = usages.reduce((sum, usage) => sum | (keyUsageBits[usage] ?? 0), 0)
  const extended = usages.flatMap((usage) => extendedKeyUsages[usage] ?? [])
  return [
    ...(bits === 0 ? [] : [new x509.KeyUsagesExtension(bits, true)]),
    ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...new Set(extended)])])
  ]
}

const readSigningRequest = async (text: string) => {
  try {
    const request = new x509.Pkcs10CertificateRequest(text)
    return (await request.verify(crypto)) ? request : undefined
  } catch {
    return undefined
  }
}

/** Where the embedded server can be reached. */
const loopback: x509.JsonGeneralNames = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
  { type: "ip", value: "::1" }
]

/** The CA's own certificate. */
const selfSigned = async (commonName: string, now: number, keys: CryptoKeyPair) => {
  return x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      notBefore: cut(now - year),
      notAfter: cut(now + 10 * year),
      keys,
      signingAlgorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto)
      ]
    },
    crypto
  )
}

/** Makes a CA that is valid for ten years around `now` (milliseconds since the epoch). */
export const makeAuthority = (commonName: string, now: number): Effect.Effect<NodeAuthority> =>
  Effect.promise(async () => {
    const keys = await generate()
    const root = await selfSigned(commonName, now, keys)
    const keyIdentifier = await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey, false, crypto)
    const certify = (
      leaf: Pick<x509.X509CertificateCreateCommonParams, "subject" | "notBefore" | "notAfter">,
      publicKey: x509.PublicKeyType,
      extensions: ReadonlyArray<x509.Extension>
    ) =>
      x509.X509CertificateGenerator.create(
        {
          ...leaf,
          serialNumber: serialNumber(),
          issuer: root.subjectName,
          publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm,
          extensions: [...extensions, keyIdentifier]
        },
        crypto
      )
    const own = async (subject: x509.JsonName, extensions: ReadonlyArray<x509.Extension>): Promise<Credential> => {
      const pair = await generate()
      const lifetime = { subject, notBefore: cut(now - year), notAfter: cut(now + 10 * year) }
      const certificate = await certify(lifetime, pair.publicKey, extensions)
      const pkcs8 = await crypto.subtle.exportKey("pkcs8", pair.privateKey)
      return {
        certificate: certificate.toString("pem"),
        key: x509.PemConverter.encode(pkcs8, x509.PemConverter.PrivateKeyTag)
      }
    }
    const sign = async (signature: Signature): Promise<string | undefined> => {
      const request = await readSigningRequest(signature.signingRequest)
      if (request === undefined) return undefined
      const copied = [oid.subjectAlternativeName, oid.nameConstraints].map((type) => request.getExtension(type))
      const certificate = await certify(
        { subject: request.subjectName, notBefore: cut(signature.notBefore), notAfter: cut(signature.notAfter) },
        signature.wrongKey ? (await generate()).publicKey : request.publicKey,
        [
          new x509.BasicConstraintsExtension(signature.isCA, undefined, true),
          ...usageExtensions(signature.usages),
          ...copied.filter((extension) => extension !== null)
        ]
      )
      return certificate.toString("pem")
    }
    return {
      certificate: root.toString("pem"),
      sign: (signature) =>
        Effect.promise(() => sign(signature)).pipe(
          Effect.filterOrFail(
            (_) => _ !== undefined,
            () => "the signing request cannot be read or its signature is wrong"
          )
        ),
      server: Effect.promise(() =>
        own(
          [{ CN: ["embedded API server"] }],
          [new x509.SubjectAlternativeNameExtension(loopback), new x509.ExtendedKeyUsageExtension([oid.serverAuth])]
        )
      ),
      client: (user, groups) =>
        Effect.promise(() =>
          own(
            [...groups.map((group) => ({ O: [group] })), { CN: [user] }],
            [new x509.ExtendedKeyUsageExtension([oid.clientAuth])]
          )
        )
    }
  })
