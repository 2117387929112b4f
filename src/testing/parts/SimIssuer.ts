/**
 * A certificate authority that obeys a seed and signs for real: what it hands out is X.509 that any other program accepts. It
 * takes the signing request's subject, names and public key as an issuer of cert-manager would, and dates certificates by
 * Effect's Clock. Its keys come from Effect's Random, its serial numbers count. A rotated authority signs with another key
 * under the same name; what it signed before stays valid.
 */
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Context, DateTime, Duration, Effect, Layer } from "effect"
import type { SignedCertificate } from "../../issuance/CertificateRequest.ts"
import { type SimKeyKind, simCrypto, simKeyPair } from "./SimCrypto.ts"
import { randomBytes } from "./SimKeyGenerator.ts"

/** A simulated CA. */
export interface SimIssuer {
  /** Signs a request (PKCS#10, PEM) for `duration` from now; with `forKey` it certifies another key than the request's. */
  readonly sign: (
    signingRequest: string,
    duration: Duration.Duration,
    forKey?: CryptoKey
  ) => Effect.Effect<SignedCertificate>
  /** From now on it signs with a new key. */
  readonly rotate: Effect.Effect<void>
}

/** The issuer of a simulated cluster: a layer of it takes the place of the built-in one. */
export class Issuer extends Context.Service<Issuer, SimIssuer>()("certlet/testing/Issuer") {}

const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const

/** What is taken over from a request (RFC 5280, 4.2.1): key usage, names, constraints, the names it may sign for, purposes. */
const grantable: ReadonlyArray<string> = ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.37"]

/** X.509's own rounding: whole seconds. */
const seconds = (time: DateTime.Utc): Date => DateTime.toDateUtc(DateTime.mapEpochMillis(time, (_) => _ - (_ % 1000)))

/** A new authority's key and its own certificate, valid for ten years from now. */
const makeAuthority = Effect.fnUntraced(function* (serialNumber: string, kind: SimKeyKind) {
  const keys = simKeyPair(yield* randomBytes, kind)
  const now = yield* DateTime.now
  const identifier = yield* Effect.promise(() =>
    x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, simCrypto)
  )
  const certificate = yield* Effect.promise(() =>
    x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber,
        name: "CN=Simulated CA",
        notBefore: seconds(now),
        notAfter: seconds(DateTime.addDuration(now, Duration.days(3650))),
        keys,
        signingAlgorithm,
        extensions: [
          new x509.BasicConstraintsExtension(true, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
          identifier
        ]
      },
      simCrypto
    )
  )
  const names = new x509.AuthorityKeyIdentifierExtension(identifier.keyId)
  return { keys, certificate, names, pem: certificate.toString("pem") }
})

/** The certificate of a new CA that nobody knows yet, PEM: something to put into a trust bundle. */
export const makeAuthorityPem = (kind: SimKeyKind): Effect.Effect<string> =>
  Effect.map(makeAuthority("01", kind), ({ pem }) => pem)

/** A new CA whose keys are of this kind. */
export const makeSimIssuerOf = Effect.fnUntraced(function* (kind: SimKeyKind): Effect.fn.Return<SimIssuer> {
  let authority = yield* makeAuthority("01", kind)
  let serial = 1
  const nextSerial = (): string => {
    serial += 1
    return serial.toString(16).padStart(4, "0")
  }
  const sign: SimIssuer["sign"] = Effect.fnUntraced(function* (signingRequest, duration, forKey) {
    const request = new x509.Pkcs10CertificateRequest(signingRequest)
    const now = yield* DateTime.now
    const granted = request.extensions.filter(({ type }) => grantable.includes(type))
    const { certificate, keys, names, pem } = authority
    const leaf = yield* Effect.promise(() =>
      x509.X509CertificateGenerator.create(
        {
          serialNumber: nextSerial(),
          subject: request.subjectName,
          issuer: certificate.subjectName,
          notBefore: seconds(now),
          notAfter: seconds(DateTime.addDuration(now, duration)),
          publicKey: forKey ?? request.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm,
          extensions: [...granted, names]
        },
        simCrypto
      )
    )
    return { certificate: leaf.toString("pem"), ca: pem }
  })
  const rotate = Effect.gen(function* () {
    authority = yield* makeAuthority(nextSerial(), kind)
  })
  return { sign, rotate }
})

/** A new CA with keys on P-256. */
export const makeSimIssuer: Effect.Effect<SimIssuer> = makeSimIssuerOf("P-256")

/** The built-in issuer, with keys of this kind. */
export const layer = (kind: SimKeyKind): Layer.Layer<Issuer> => Layer.effect(Issuer, makeSimIssuerOf(kind))
