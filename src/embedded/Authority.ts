/**
 * A certificate authority that signs for real, over any WebCrypto: Node's own behind the embedded cluster, a
 * synchronous and seeded one in simulations. As an issuer it signs as cert-manager's CA issuer does: subject, names and
 * public key come from the signing request, usages, CA flag and lifetime from the CertificateRequest, the date from
 * Effect's Clock. Its private key lives in this process and is never written anywhere.
 */
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { DateTime, Duration, Effect } from "effect"
import { extendedKeyUsages, type KeyUsage, keyUsageBits } from "../spec/KeyUsage.ts"
import { type Issuer, NotSigned, type SigningOrder } from "./Issuer.ts"
import { signingRequestIn } from "./signingRequestIn.ts"

/** What an authority is made of. */
export interface AuthorityParts {
  readonly commonName: string
  readonly crypto: Crypto
  readonly generate: Effect.Effect<CryptoKeyPair>
  /** A new serial number, in hexadecimal and positive (RFC 5280, 4.1.2.2). */
  readonly serialNumber: () => string
}

/** What a certificate says, besides who signed it. */
export interface Leaf {
  readonly subject: NonNullable<x509.X509CertificateCreateCommonParams["subject"]>
  readonly publicKey: x509.PublicKeyType
  /** From now on. */
  readonly lifetime: Duration.Duration
  /** How long before now it begins to be valid. */
  readonly backdating?: Duration.Duration
  readonly extensions: ReadonlyArray<x509.Extension>
}

/** An authority. */
export interface Authority {
  /** Its own certificate, PEM. */
  readonly certificate: string
  /** Signs a certificate; PEM. */
  readonly certify: (leaf: Leaf) => Effect.Effect<string>
}

const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const
const { cRLSign, keyCertSign } = x509.KeyUsageFlags
/** An authority's own certificate is older than it is, so that no clock that is behind finds it too young. */
const ownAge = Duration.days(365)
const ownLifetime = Duration.days(3650)

/** Names and name constraints: what is taken over from a signing request as it is. */
const copied: ReadonlyArray<string> = ["2.5.29.17", "2.5.29.30"]

/** X.509's own rounding: whole seconds. */
const seconds = (time: DateTime.Utc): Date =>
  DateTime.toDateUtc(DateTime.mapEpochMillis(time, (millis) => millis - (millis % 1000)))

/** A new authority, valid for ten years. */
export const makeAuthority = Effect.fnUntraced(function* (parts: AuthorityParts): Effect.fn.Return<Authority> {
  const { commonName, crypto, serialNumber } = parts
  const keys = yield* parts.generate
  const now = yield* DateTime.now
  const identifier = yield* Effect.promise(() =>
    x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto)
  )
  const root = yield* Effect.promise(() =>
    x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: serialNumber(),
        name: [{ CN: [commonName] }],
        notBefore: seconds(DateTime.subtractDuration(now, ownAge)),
        notAfter: seconds(DateTime.addDuration(now, ownLifetime)),
        keys,
        signingAlgorithm,
        extensions: [
          new x509.BasicConstraintsExtension(true, undefined, true),
          new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
          identifier
        ]
      },
      crypto
    )
  )
  const signer = new x509.AuthorityKeyIdentifierExtension(identifier.keyId)
  const certify = Effect.fnUntraced(function* (leaf: Leaf) {
    const { backdating = Duration.zero, extensions, lifetime, publicKey, subject } = leaf
    const now = yield* DateTime.now
    const certificate = yield* Effect.promise(() =>
      x509.X509CertificateGenerator.create(
        {
          serialNumber: serialNumber(),
          subject,
          issuer: root.subjectName,
          notBefore: seconds(DateTime.subtractDuration(now, backdating)),
          notAfter: seconds(DateTime.addDuration(now, lifetime)),
          publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm,
          extensions: [...extensions, signer]
        },
        crypto
      )
    )
    return certificate.toString("pem")
  })
  return { certificate: root.toString("pem"), certify }
})

const usageExtensions = (usages: ReadonlyArray<KeyUsage>): ReadonlyArray<x509.Extension> => {
  const bits = usages.reduce((sum, usage) => sum | (keyUsageBits[usage] ?? 0), 0)
  const extended = usages.flatMap((usage) => extendedKeyUsages[usage] ?? [])
  return [
    ...(bits === 0 ? [] : [new x509.KeyUsagesExtension(bits, true)]),
    ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...new Set(extended)])])
  ]
}

const unreadable = new NotSigned({ detail: "the signing request cannot be read or its signature is wrong" })

/** The signing request in a text, if it is one and signed with its own key. */
const readSigningRequest = (text: string, crypto: Crypto) =>
  Effect.suspend(() => {
    const request = signingRequestIn(text)
    return request === undefined ? Effect.fail(unreadable) : Effect.succeed(request)
  }).pipe(
    Effect.tap((request) =>
      Effect.tryPromise({ try: () => request.verify(crypto), catch: () => unreadable }).pipe(
        Effect.filterOrFail(
          (isOwn) => isOwn,
          () => unreadable
        )
      )
    )
  )

const withoutCommonName = (subject: x509.Name): x509.Name =>
  new x509.Name(subject.toJSON().filter((rdn) => !("CN" in rdn)))

/** An issuer with an authority of its own; `authority` is the one that it signs with now. */
export const makeIssuer = Effect.fnUntraced(function* (
  parts: AuthorityParts
): Effect.fn.Return<Issuer["Service"] & { readonly authority: () => Authority }> {
  let authority = yield* makeAuthority(parts)
  const sign = Effect.fnUntraced(function* (order: SigningOrder) {
    const { backdating = Duration.zero, isCA, lifetime, signingRequest, usages, wrongKey } = order
    const request = yield* readSigningRequest(signingRequest, parts.crypto)
    const { certificate, certify } = authority
    const signed = yield* certify({
      subject: order.dropCommonName ? withoutCommonName(request.subjectName) : request.subjectName,
      publicKey: wrongKey ? (yield* parts.generate).publicKey : request.publicKey,
      lifetime,
      backdating,
      extensions: [
        new x509.BasicConstraintsExtension(isCA, undefined, true),
        ...usageExtensions(usages),
        ...request.extensions.filter(({ type }) => copied.includes(type))
      ]
    })
    return { certificate: signed, ca: certificate }
  })
  const rotate = Effect.map(makeAuthority(parts), (next) => {
    authority = next
  })
  return { sign, rotate, authority: () => authority }
})
