/**
 * What a process in a pod sees: the files of its volume with their modes, and what they are worth. Everything is judged
 * with OpenSSL's own eyes, not with the library that made it: whether the certificate parses, matches the key,
 * is in date and is signed by the CA, both of the same volume.
 */
import * as crypto from "node:crypto"
import { DateTime, Option, Redacted, Result, Schema } from "effect"
import type { SimVolume } from "../parts/SimVolume.ts"

/** A certificate as a process reads it. */
export interface SeenCertificate {
  readonly pem: string
  readonly subject: string
  /** Subject alternative names, as OpenSSL prints them: `DNS:web.apps.svc`. */
  readonly names: ReadonlyArray<string>
  readonly serialNumber: string
  readonly notBefore: DateTime.Utc
  readonly notAfter: DateTime.Utc
}

/** What a pod sees. */
export interface Sight {
  /** Contents and permission bits by name. */
  readonly files: ReadonlyMap<string, { readonly text: string; readonly mode: number }>
  readonly certificate: SeenCertificate
  /** True where the CA file's key signed the certificate. */
  readonly chains: boolean
  /** True where the private key file is the certificate's. */
  readonly matchesKey: boolean
}

/** The pod has no container that could look, or what it sees is no certificate. */
export class CannotSee extends Schema.TaggedError<CannotSee>()("CannotSee", {
  pod: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `pod ${this.pod}: ${this.detail}`
  }
}

const decoder = new TextDecoder()

/** The files of a volume as texts. */
export const filesOf = (volume: SimVolume): Sight["files"] =>
  new Map(
    Option.match(volume.files, {
      onNone: () => [],
      onSome: (files) =>
        [...files].map(([name, { content, mode }]) => [name, { text: decoder.decode(Redacted.value(content)), mode }])
    })
  )

const sights = new WeakMap<object, Result.Result<Sight, string>>()

/** What a process that looks into this volume now sees; a sentence where it is no key and certificate. */
export const seeVolume = (volume: SimVolume): Result.Result<Sight, string> => {
  if (Option.isNone(volume.files)) return Result.fail("the volume is empty")
  // A set of files is replaced and never changed, and judges look at the same one again and again.
  const sight = sights.get(volume.files.value) ?? see(filesOf(volume))
  sights.set(volume.files.value, sight)
  return sight
}

const block = /-----BEGIN ([A-Z ]*)-----[^-]*-----END \1-----/g

/** The PEM blocks of a text whose label ends so. */
const blocks = (text: string, label: string): ReadonlyArray<string> =>
  [...text.matchAll(block)].flatMap(([pem, found = ""]) => (found.endsWith(label) ? [pem] : []))

const lately = new Map<string, crypto.X509Certificate>()

/** A certificate as OpenSSL has it; those of CAs, which come again and again, are read once. */
const parsed = (pem: string): crypto.X509Certificate => {
  const known = lately.get(pem)
  if (known !== undefined) return known
  const certificate = new crypto.X509Certificate(pem)
  if (lately.size >= 32) lately.clear()
  if (certificate.ca) lately.set(pem, certificate)
  return certificate
}

/** Reads a volume's files; a sentence where they are no key and certificate. */
const see = (files: Sight["files"]): Result.Result<Sight, string> => {
  const texts = [...files.values()].map(({ text }) => text)
  const key = texts.flatMap((text) => blocks(text, "PRIVATE KEY"))[0]
  const certificates = texts.map((text) => blocks(text, "CERTIFICATE")).filter((found) => found.length > 0)
  if (key === undefined) return Result.fail("there is no private key among the files")
  return Result.flatMap(
    Result.try({
      try: () => {
        const privateKey = crypto.createPrivateKey(key)
        const all = certificates.flat().map((pem) => ({ pem, read: parsed(pem) }))
        // A pod may ask for a CA of its own: then nothing but the key tells it from the CA above it.
        const leaf =
          all.find(({ read }) => !read.ca) ?? all.find(({ read }) => read.checkPrivateKey(privateKey)) ?? all[0]
        if (leaf === undefined) return undefined
        const matchesKey = leaf.read.checkPrivateKey(privateKey)
        const chains = all.some(
          ({ read }) => read.ca && leaf.read.checkIssued(read) && leaf.read.verify(read.publicKey)
        )
        return { files, certificate: describe(leaf.read, leaf.pem), chains, matchesKey }
      },
      catch: (cause) => `the files cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
    }),
    (sight) => (sight === undefined ? Result.fail("there is no certificate among the files") : Result.succeed(sight))
  )
}

const describe = (leaf: crypto.X509Certificate, pem: string): SeenCertificate => ({
  pem,
  subject: leaf.subject ?? "",
  names: (leaf.subjectAltName ?? "").split(", ").filter((name) => name !== ""),
  serialNumber: leaf.serialNumber,
  notBefore: DateTime.fromDateUnsafe(leaf.validFromDate),
  notAfter: DateTime.fromDateUnsafe(leaf.validToDate)
})
