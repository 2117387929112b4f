/**
 * What an authority of the embedded cluster is made of on Node: its WebCrypto, keys on P-256 and serial numbers of 16
 * random bytes. Besides, the cluster's own authority hands out credentials: the server's, and those of clients that
 * prove themselves by a certificate. Their keys go into the kubeconfigs that they are made for and are written nowhere
 * else.
 */
import { randomBytes } from "node:crypto"
import * as x509 from "@peculiar/x509"
import { Duration, Effect } from "effect"
import type { Authority, AuthorityParts } from "./Authority.ts"

/** A certificate with its private key, both PEM (the key as PKCS#8). */
export interface Credential {
  readonly certificate: string
  readonly key: string
}

/** 124 random bits behind a 4, which keeps the number positive and its length the same. */
const serialNumber = (): string => `4${randomBytes(16).toString("hex").slice(1)}`

const generate = Effect.promise(() =>
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
)

/** The parts of an authority of this name. */
export const nodeAuthority = (commonName: string): AuthorityParts => ({ commonName, crypto, generate, serialNumber })

/** Where the embedded server can be reached. */
const loopback: x509.JsonGeneralNames = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
  { type: "ip", value: "::1" }
]
const purposes = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const

const credential = Effect.fnUntraced(function* (
  { certify }: Authority,
  subject: x509.JsonName,
  extensions: ReadonlyArray<x509.Extension>
): Effect.fn.Return<Credential> {
  const { privateKey, publicKey } = yield* generate
  const certificate = yield* certify({ subject, publicKey, lifetime: Duration.days(3650), extensions })
  const pkcs8 = yield* Effect.promise(() => crypto.subtle.exportKey("pkcs8", privateKey))
  return { certificate, key: x509.PemConverter.encode(pkcs8, x509.PemConverter.PrivateKeyTag) }
})

/** A server's credential for `localhost`, 127.0.0.1 and ::1. */
export const serverCredential = (authority: Authority): Effect.Effect<Credential> =>
  credential(
    authority,
    [{ CN: ["embedded API server"] }],
    [new x509.SubjectAlternativeNameExtension(loopback), new x509.ExtendedKeyUsageExtension([purposes.server])]
  )

/** A client's credential: Kubernetes reads the user from the common name, groups from the organizations. */
export const clientCredential = (
  authority: Authority,
  user: string,
  groups: ReadonlyArray<string>
): Effect.Effect<Credential> =>
  credential(
    authority,
    [...groups.map((group) => ({ O: [group] })), { CN: [user] }],
    [new x509.ExtendedKeyUsageExtension([purposes.client])]
  )
