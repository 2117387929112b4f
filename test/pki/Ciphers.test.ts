/**
 * The ciphers against Node's OpenSSL, which has AES and triple DES still: the same bytes both ways, and a sealed text
 * that was changed is refused.
 */
import { createCipheriv, createDecipheriv } from "node:crypto"
import { Option } from "effect"
import { describe, expect, it } from "vitest"
import { decryptGcm, encryptCbc, encryptGcm, nonceLength } from "../../src/pki/Ciphers.ts"

const counting = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 37 + 11) % 256)
const lengths = [0, 1, 15, 16, 17, 1000]

describe("CBC", () => {
  it.each([
    ["AES-256", "aes-256-cbc", 32, 16],
    ["3DES", "des-ede3-cbc", 24, 8]
  ] as const)("of %s gives OpenSSL's bytes", (cipher, name, keyLength, block) => {
    for (const length of lengths) {
      const openssl = createCipheriv(name, counting(keyLength), counting(block))
      const expected = Buffer.concat([openssl.update(counting(length)), openssl.final()])
      expect(Buffer.from(encryptCbc(cipher, counting(keyLength), counting(block), counting(length)))).toEqual(expected)
    }
  })
})

describe("GCM", () => {
  it("gives what OpenSSL opens, and opens it", () => {
    for (const length of lengths) {
      const sealed = encryptGcm(counting(32), counting(nonceLength), counting(length))
      const openssl = createDecipheriv("aes-256-gcm", counting(32), counting(nonceLength))
      openssl.setAuthTag(sealed.slice(-16))
      const opened = Buffer.concat([openssl.update(sealed.slice(0, -16)), openssl.final()])
      expect(opened).toEqual(Buffer.from(counting(length)))
      expect(decryptGcm(counting(32), counting(nonceLength), sealed)).toEqual(Option.some(counting(length)))
    }
  })

  it("opens nothing that was changed, cut, or sealed otherwise", () => {
    const sealed = encryptGcm(counting(32), counting(nonceLength), counting(20))
    const changed = sealed.with(3, (sealed[3] ?? 0) ^ 1)
    for (const text of [changed, sealed.slice(0, -1), sealed.slice(0, 5), new Uint8Array()]) {
      expect(decryptGcm(counting(32), counting(nonceLength), text)).toEqual(Option.none())
    }
    expect(decryptGcm(counting(32).reverse(), counting(nonceLength), sealed)).toEqual(Option.none())
  })
})
