/**
 * A root and an intermediate authority of three hours, and leaves from them: what an issuer with a chain hands out. The
 * certificates are real ones, made here with WebCrypto.
 */
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Redacted } from "effect"
import type { KeyParameters } from "../../src/spec/VolumeSpec.ts"
import type { Material } from "../../src/volume/FileSet.ts"

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const
const lifetimeMillis = 3 * 3_600_000

const webParameters = (key: KeyParameters) => {
  switch (key.algorithm) {
    case "RSA":
      return {
        name: "RSASSA-PKCS1-v1_5",
        modulusLength: key.size,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: "SHA-256"
      }
    case "ECDSA":
      return { name: "ECDSA", namedCurve: `P-${key.size}` }
    case "Ed25519":
      return { name: "Ed25519" }
  }
}

const newPair = async (parameters: Algorithm | EcKeyGenParams | RsaHashedKeyGenParams): Promise<CryptoKeyPair> => {
  const pair = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"])
  if (!("privateKey" in pair)) throw new Error("not a pair")
  return pair
}

/** Makes an authority; `leaf` makes a certificate for localhost, for both sides of TLS, with its key. */
export const makeAuthority = async () => {
  const [notBefore, notAfter] = [new Date(Date.now() - 60_000), new Date(Date.now() + lifetimeMillis)]
  const authority = [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)
  ]
  const root = await newPair(ecdsa)
  const middle = await newPair(ecdsa)
  const certificate = (
    subject: string,
    publicKey: CryptoKey,
    issuer: string,
    signingKey: CryptoKey,
    extensions: Array<x509.Extension>
  ) =>
    x509.X509CertificateGenerator.create({
      subject,
      publicKey,
      issuer,
      signingKey,
      notBefore,
      notAfter,
      extensions,
      signingAlgorithm: ecdsa
    })
  const ca = await certificate("CN=root", root.publicKey, "CN=root", root.privateKey, authority)
  const between = await certificate("CN=middle", middle.publicKey, "CN=root", root.privateKey, authority)
  const leaf = async (key: KeyParameters): Promise<Material> => {
    const pair = await newPair(webParameters(key))
    const signed = await certificate("CN=web", pair.publicKey, "CN=middle", middle.privateKey, [
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }]),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth])
    ])
    return {
      privateKey: Redacted.make(new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey))),
      signed: { certificate: `${signed.toString("pem")}\n${between.toString("pem")}\n`, ca: `${ca.toString("pem")}\n` }
    }
  }
  return { leaf }
}
