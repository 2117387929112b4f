/**
 * Who signs certificates in a cluster that runs in memory: one contract for the embedded cluster and for simulations,
 * so that an issuer of one's own serves both. It signs what a request asks for and knows nothing of approvals or
 * conditions, which are the controllers' business. `makeIssuer` in `Authority` makes the built-in one.
 */
import { Context, type Duration, type Effect, Schema } from "effect"
import type { SignedCertificate } from "../issuance/CertificateRequest.ts"
import type { KeyUsage } from "../spec/KeyUsage.ts"

/** What is to be signed. */
export interface SigningOrder {
  /** PKCS#10, PEM. */
  readonly signingRequest: string
  readonly usages: ReadonlyArray<KeyUsage>
  readonly isCA: boolean
  /** From now on. */
  readonly lifetime: Duration.Duration
  /** How long before now the certificate begins to be valid; it does not end sooner for that. */
  readonly backdating?: Duration.Duration
  /** Leave the common name out, as public CAs do. */
  readonly dropCommonName?: boolean
  /** Certify a key that nobody asked about: what a broken issuer does. */
  readonly wrongKey: boolean
}

/** The issuer does not sign this; the sentence goes into the request's status. */
export class NotSigned extends Schema.TaggedError<NotSigned>()("NotSigned", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

/** The issuer of a cluster in memory. */
export class Issuer extends Context.Service<
  Issuer,
  {
    readonly sign: (order: SigningOrder) => Effect.Effect<SignedCertificate, NotSigned>
    /** From now on it signs with a new key; what it signed before stays valid. */
    readonly rotate: Effect.Effect<void>
  }
>()("certlet/embedded/Issuer") {}
