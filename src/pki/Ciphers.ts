/**
 * The block ciphers of keystores and seals, over bytes. Pure and synchronous: what encrypts a keystore must work under
 * a virtual clock. AES is @noble/ciphers'. The old ciphers of PKCS#12, RC2 and triple DES, are node-forge's, because
 * Node's own OpenSSL has put RC2 away and no other library has both; it speaks in strings of bytes, and this is the one
 * place that knows. Only the parts that are named here are loaded.
 */
import { cbc, gcm } from "@noble/ciphers/aes.js"
import { Option } from "effect"
import forge from "node-forge/lib/forge.js"
import "node-forge/lib/des.js"
import "node-forge/lib/rc2.js"

/** A cipher in CBC mode with PKCS#7 padding (RFC 8018, B.2): RC2 with 40 effective bits, triple DES, AES. */
export type CbcCipher = "RC2-40" | "3DES" | "AES-256"

const binary = (bytes: Uint8Array): string => bytes.reduce((text, byte) => text + String.fromCharCode(byte), "")
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** Encrypts in CBC mode; the key is 5, 24 or 32 bytes long, the vector one block (8, 8, 16). */
export const encryptCbc = (cipher: CbcCipher, key: Uint8Array, iv: Uint8Array, plain: Uint8Array): Uint8Array => {
  if (cipher === "AES-256") return cbc(key, iv).encrypt(plain)
  const input = forge.util.createBuffer(binary(plain))
  if (cipher === "RC2-40") {
    const running = forge.rc2.createEncryptionCipher(binary(key), 40)
    running.start(binary(iv))
    running.update(input)
    running.finish()
    return bytesOf(running.output.getBytes())
  }
  const running = forge.cipher.createCipher("3DES-CBC", binary(key))
  running.start({ iv: binary(iv) })
  running.update(input)
  running.finish()
  return bytesOf(running.output.getBytes())
}

/** The length of the nonce of a sealed text, in bytes (NIST SP 800-38D). */
export const nonceLength = 12

/** AES-256-GCM: the cipher text with its tag behind it. The key is 32 bytes long and a nonce serves once. */
export const encryptGcm = (key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Uint8Array =>
  gcm(key, nonce).encrypt(plain)

/** What `encryptGcm` was given; none where key, nonce or text are not what they were. */
export const decryptGcm = (key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Option.Option<Uint8Array> =>
  // The library throws where the tag does not fit, and where the text is shorter than a tag.
  Option.liftThrowable(() => gcm(key, nonce).decrypt(sealed))()
