import "reflect-metadata"
import { describe, expect, it } from "@effect/vitest"
import { ExtendedKeyUsage, KeyUsageFlags } from "@peculiar/x509"
import { Schema } from "effect"
import * as fc from "fast-check"
import { extendedKeyUsages, KeyUsage, keyUsageBits } from "../../src/spec/KeyUsage.ts"

describe("key usages", () => {
  it("are cert-manager's 23 words, each once", () => {
    expect(KeyUsage.literals).toHaveLength(23)
    expect(new Set(KeyUsage.literals).size).toBe(23)
  })

  it.each(KeyUsage.literals)("%s is either a bit or a purpose", (usage) => {
    expect([keyUsageBits[usage], extendedKeyUsages[usage]].filter((known) => known !== undefined)).toHaveLength(1)
  })

  it("have the bits that a library of its own gives them", () => {
    expect(keyUsageBits).toEqual({
      signing: KeyUsageFlags.digitalSignature,
      "digital signature": KeyUsageFlags.digitalSignature,
      "content commitment": KeyUsageFlags.nonRepudiation,
      "key encipherment": KeyUsageFlags.keyEncipherment,
      "data encipherment": KeyUsageFlags.dataEncipherment,
      "key agreement": KeyUsageFlags.keyAgreement,
      "cert sign": KeyUsageFlags.keyCertSign,
      "crl sign": KeyUsageFlags.cRLSign,
      "encipher only": KeyUsageFlags.encipherOnly,
      "decipher only": KeyUsageFlags.decipherOnly
    })
  })

  it("have the purposes that a library of its own gives them", () => {
    expect(extendedKeyUsages).toMatchObject({
      "server auth": ExtendedKeyUsage.serverAuth,
      "client auth": ExtendedKeyUsage.clientAuth,
      "code signing": ExtendedKeyUsage.codeSigning,
      "email protection": ExtendedKeyUsage.emailProtection,
      "s/mime": ExtendedKeyUsage.emailProtection,
      timestamping: ExtendedKeyUsage.timeStamping,
      "ocsp signing": ExtendedKeyUsage.ocspSigning
    })
  })

  it("share a meaning in two places only", () => {
    const shared = (table: Readonly<Partial<Record<KeyUsage, number | string>>>) =>
      Object.keys(table).length - new Set(Object.values(table)).size
    expect([shared(keyUsageBits), shared(extendedKeyUsages)]).toEqual([1, 1])
  })

  it("for every text: a usage if and only if it is one of the words", () => {
    const words: ReadonlyArray<string> = KeyUsage.literals
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom(...words, "Any", "toString")), (text) => {
        expect(Schema.is(KeyUsage)(text)).toBe(words.includes(text))
      })
    )
  })
})
