/** Keystores of today, read by the OpenSSL that Node brings: it knows PBMAC1, which most machines' own does not yet. */
import { createSecureContext } from "node:tls"
import { Redacted } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { type KeystoreContent, pkcs12, pkcs12WithoutPassword, randomLength } from "../../src/pki/Pkcs12.ts"
import { certificatesIn, type Material } from "../../src/volume/FileSet.ts"
import { makeAuthority } from "../consumers/authority.ts"

const password = "pass word: \u00e4\u20ac"
const random = (length: number) => Uint8Array.from({ length }, (_, at) => (7 * at) % 256)
const pbmac1 = Buffer.from([0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0e])

const contentOf = ({ privateKey, signed }: Material): KeystoreContent => ({
  key: { alias: "web", privateKey: Redacted.value(privateKey), chain: certificatesIn(signed.certificate) },
  trusted: certificatesIn(signed.ca).map((certificate) => ({ alias: "ca", certificate }))
})

let content: KeystoreContent
beforeAll(async () => {
  const { leaf } = await makeAuthority()
  content = contentOf(await leaf({ algorithm: "ECDSA", size: 256 }))
})

describe.each(["Modern2023", "Modern2026"] as const)("a keystore of %s", (profile) => {
  const made = () => Buffer.from(pkcs12(profile, content, password, random(randomLength(profile))))

  it("opens with its password and with no other", () => {
    createSecureContext({ pfx: made(), passphrase: password })
    expect(() => createSecureContext({ pfx: made(), passphrase: "other" })).toThrow(/mac verify failure/)
  })

  it("is authenticated: a byte that somebody changed is seen", () => {
    const changed = made()
    const at = Math.floor(changed.length / 2)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(() => createSecureContext({ pfx: changed, passphrase: password })).toThrow()
  })

  it("says how it is authenticated", () => {
    expect(made().includes(pbmac1)).toBe(profile === "Modern2026")
  })
})

describe("a truststore without a password", () => {
  it("holds the certificates as they are, under their names, and no password closes it", () => {
    const open = Buffer.from(pkcs12WithoutPassword(content.trusted))
    for (const { alias, certificate } of content.trusted) {
      expect(open.includes(Buffer.from(certificate))).toBe(true)
      expect(open.includes(Buffer.from(`\0${[...alias].join("\0")}`))).toBe(true)
    }
    expect(content.trusted.length).toBe(1)
  })
})
