/**
 * The kinds of keys that a pod may ask for: what they are, and the attributes that ask for them.
 */
/** Each kind by its name. */
export const keys = {
  RSA: [{ algorithm: "RSA", size: 2048 }, {}],
  "P-256": [{ algorithm: "ECDSA", size: 256 }, { "key-algorithm": "ECDSA" }],
  "P-384": [
    { algorithm: "ECDSA", size: 384 },
    { "key-algorithm": "ECDSA", "key-size": "384" }
  ],
  "P-521": [
    { algorithm: "ECDSA", size: 521 },
    { "key-algorithm": "ECDSA", "key-size": "521" }
  ],
  Ed25519: [{ algorithm: "Ed25519" }, { "key-algorithm": "Ed25519" }]
} as const
export type Kind = keyof typeof keys
