/**
 * A certificate authority that obeys a seed and signs for real: what it hands out is X.509 that any other program accepts. It
 * takes the signing request's subject, names and public key as an issuer of cert-manager would, and dates certificates by
 * Effect's Clock. Its own key comes from Effect's Random, its serial numbers count.
 */
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { DateTime, Duration, Effect } from "effect"
import type { SignedCertificate } from "../issuance/CertificateRequest.ts"
import { simCrypto, simKeyPair } from "./SimCrypto.ts"
import { randomBytes } from "./SimKeyGenerator.ts"

/** A simulated CA. */
export interface SimIssuer {
  /** Signs a request (PKCS#10, PEM) for `duration` from now; with `forKey` it certifies another key than the request's. */
  readonly sign: (
    signingRequest: string,
    duration: Duration.Duration,
    forKey?: CryptoKey
  ) => Effect.Effect<SignedCertificate>
}

const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const

/** X.509's own rounding: whole seconds. */
const seconds = (time: DateTime.Utc): Date => DateTime.toDateUtc(DateTime.mapEpochMillis(time, (_) => _ - (_ % 1000)))

/** A new CA, valid for ten years from now. */
export const makeSimIssuer: Effect.Effect<SimIssuer> = Effect.gen(function* () {
  const keys = simKeyPair(yield* randomBytes)
  const now = yield* DateTime.now
  const ca = yield* Effect.promise(() =>
    x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: "01",
        name: "CN=Simulated CA",
        notBefore: seconds(now),
        notAfter: seconds(DateTime.addDuration(now, Duration.days(3650))),
        keys,
        signingAlgorithm,
        extensions: [new x509.BasicConstraintsExtension(true, undefined, true)]
      },
      simCrypto
    )
  )
  let serial = 1
  const sign: SimIssuer["sign"] = Effect.fnUntraced(function* (signingRequest, duration, forKey) {
    const request = new x509.Pkcs10CertificateRequest(signingRequest)
    const now = yield* DateTime.now
    serial += 1
    const names = request.getExtension("2.5.29.17")
    const leaf = yield* Effect.promise(() =>
      x509.X509CertificateGenerator.create(
        {
          serialNumber: serial.toString(16).padStart(4, "0"),
          subject: request.subjectName,
          issuer: ca.subjectName,
          notBefore: seconds(now),
          notAfter: seconds(DateTime.addDuration(now, duration)),
          publicKey: forKey ?? request.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm,
          extensions: names === null ? [] : [names]
        },
        simCrypto
      )
    )
    return { certificate: leaf.toString("pem"), ca: ca.toString("pem") }
  })
  return { sign }
})
