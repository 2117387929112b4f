/**
 * The issuer of a simulated cluster: the embedded cluster's authority over a WebCrypto that obeys a seed. Its keys come
 * from Effect's Random, its serial numbers count, and what it hands out is X.509 that any other program accepts.
 */
import { Effect, Layer } from "effect"
import { type AuthorityParts, makeAuthority, makeIssuer } from "../../embedded/Authority.ts"
import { Issuer } from "../../embedded/Issuer.ts"
import { type SimKeyKind, simCrypto, simKeyPair } from "./SimCrypto.ts"
import { randomBytes } from "./SimKeyGenerator.ts"

const usualName = "Simulated CA"

const partsOf = (kind: SimKeyKind, commonName: string): AuthorityParts => {
  let serial = 0
  return {
    commonName,
    crypto: simCrypto,
    generate: Effect.map(randomBytes, (bytes) => simKeyPair(bytes, kind)),
    serialNumber: () => {
      serial += 1
      return serial.toString(16).padStart(4, "0")
    }
  }
}

/** The certificate of a new CA that nobody knows yet, PEM: something to put into a trust bundle. */
export const makeAuthorityPem = (kind: SimKeyKind): Effect.Effect<string> =>
  Effect.map(makeAuthority(partsOf(kind, usualName)), ({ certificate }) => certificate)

/** A new CA with keys on P-256. */
export const makeSimIssuer: Effect.Effect<Issuer["Service"]> = Effect.suspend(() =>
  makeIssuer(partsOf("P-256", usualName))
)

/** An issuer with a CA of its own that bears its name, with keys of this kind. */
export const makeNamedIssuer = (kind: SimKeyKind, name: string): Effect.Effect<Issuer["Service"]> =>
  Effect.suspend(() => makeIssuer(partsOf(kind, `${usualName} ${name}`)))

/** The built-in issuer, with keys of this kind. */
export const layer = (kind: SimKeyKind): Layer.Layer<Issuer> =>
  Layer.effect(
    Issuer,
    Effect.suspend(() => makeIssuer(partsOf(kind, usualName)))
  )
