import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Option, Redacted } from "effect"
import * as fc from "fast-check"
import { attributeNames } from "../src/Attributes.ts"
import { formatDistinguishedName } from "../src/DistinguishedName.ts"
import {
  decodeVolumeSpec,
  podNamed,
  SpecError,
  serviceAccountToken,
  unknownAttributes,
  type VolumeContext,
  withoutTokens
} from "../src/VolumeSpec.ts"

const prefix = "csi.cert-manager.io/"
const tokensKey = "csi.storage.k8s.io/serviceAccount.tokens"

const pod: VolumeContext = {
  "csi.storage.k8s.io/ephemeral": "true",
  "csi.storage.k8s.io/pod.name": "web-0",
  "csi.storage.k8s.io/pod.namespace": "shop",
  "csi.storage.k8s.io/pod.uid": "7d5f",
  "csi.storage.k8s.io/serviceAccount.name": "web"
}

const context = (attributes: VolumeContext): VolumeContext => ({
  ...pod,
  [`${prefix}issuer-name`]: "ca",
  ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [prefix + key, value]))
})

const decode = (attributes: VolumeContext) => Effect.runSync(decodeVolumeSpec(context(attributes)))
const refusal = (attributes: VolumeContext) => Effect.runSync(Effect.flip(decodeVolumeSpec(context(attributes))))

describe("a spec", () => {
  it("has defaults for everything but the issuer's name", () => {
    expect(decode({})).toEqual({
      pod: { name: "web-0", namespace: "shop", uid: "7d5f", serviceAccount: "web" },
      issuer: { name: "ca", kind: "Issuer", group: "cert-manager.io" },
      subject: [],
      dnsNames: [],
      ipAddresses: [],
      uris: [],
      duration: Duration.hours(2160),
      isCA: false,
      usages: ["digital signature", "key encipherment"],
      key: { algorithm: "RSA", size: 2048 },
      keyEncoding: "PKCS1",
      reusePrivateKey: false,
      renewBefore: Option.none(),
      files: { ca: "ca.crt", certificate: "tls.crt", privateKey: "tls.key" },
      fsGroup: Option.none(),
      annotations: {}
    })
  })

  it.each([
    [{ "key-algorithm": "ecdsa" }, { key: { algorithm: "ECDSA", size: 256 }, keyEncoding: "PKCS8" }],
    [{ "key-algorithm": "ECDSA", "key-size": "521" }, { key: { algorithm: "ECDSA", size: 521 } }],
    [{ "key-algorithm": "ED25519" }, { key: { algorithm: "Ed25519" }, keyEncoding: "PKCS8" }],
    [
      { "key-size": "8192", "key-encoding": "pkcs8" },
      { key: { algorithm: "RSA", size: 8192 }, keyEncoding: "PKCS8" }
    ],
    [
      { "issuer-kind": "ClusterIssuer", "issuer-group": "x.io" },
      { issuer: { name: "ca", kind: "ClusterIssuer", group: "x.io" } }
    ],
    [
      { "is-ca": "true", "reuse-private-key": "true" },
      { isCA: true, reusePrivateKey: true }
    ],
    [{ "key-usages": "server auth, client auth,server auth" }, { usages: ["server auth", "client auth"] }],
    [{ "fs-group": "4294967295" }, { fsGroup: Option.some(4_294_967_295) }],
    [
      { "ca-file": "a", "certificate-file": "b", "privatekey-file": "c" },
      { files: { ca: "a", certificate: "b", privateKey: "c" } }
    ],
    [
      { "dns-names": "a.b, c.d ,", "uri-sans": "spiffe://x/y" },
      { dnsNames: ["a.b", "c.d"], uris: ["spiffe://x/y"] }
    ],
    [{ "dns-names": "" }, { dnsNames: [] }]
  ] as const)("reads %j", (attributes, expected) => {
    expect(decode(attributes)).toMatchObject(expected)
  })

  it("reads durations as Go writes them", () => {
    const { duration, renewBefore } = decode({ duration: "1h30m", "renew-before": "90s" })
    expect(Duration.toMinutes(duration)).toBe(90)
    expect(Option.map(renewBefore, Duration.toSeconds)).toEqual(Option.some(90))
  })

  it("puts the pod's variables in, with and without braces, before lists are split", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
    const spec = decode({ "dns-names": "${POD_NAME}.$POD_NAMESPACE,$POD_UID", "common-name": "$SERVICE_ACCOUNT_NAME" })
    expect(spec.dnsNames).toEqual(["web-0.shop", "7d5f"])
    expect(formatDistinguishedName(spec.subject)).toBe("CN=web")
  })

  it("makes one RDN of each subject attribute, in the order of Go's pkix.Name", () => {
    const { subject } = decode({
      "common-name": "c",
      serialnumber: "$7",
      organizations: 'Z,"A, Inc."',
      organizationalunits: "U",
      countries: "DE,AT",
      provinces: "P",
      localities: "L",
      streetaddresses: "S",
      postalcodes: "1"
    })
    expect(formatDistinguishedName(subject)).toBe(
      "SERIALNUMBER=$7,CN=c,OU=U,O=Z+O=A\\, Inc.,POSTALCODE=1,STREET=S,L=L,ST=P,C=DE+C=AT"
    )
  })

  it("passes keys of other groups on as annotations, and names keys without a meaning", () => {
    const whole = { ...context({ "dns-name": "typo" }), "example.com/team": "blue", plain: "x" }
    expect(Effect.runSync(decodeVolumeSpec(whole)).annotations).toEqual({ "example.com/team": "blue" })
    expect(unknownAttributes(whole)).toEqual([`${prefix}dns-name`, "plain"])
  })
})

describe("a broken rule", () => {
  it.each([
    ["issuer-kind", { "issuer-kind": " " }, "must not be empty"],
    ["literal-subject", { "literal-subject": "CN" }, "not of the form type=value"],
    ["literal-subject", { "literal-subject": "FOO=x" }, "no attribute type"],
    ["organizations", { "literal-subject": "CN=a", organizations: "x" }, "must not stand beside literal-subject"],
    ["common-name", { "common-name": "$NOPE" }, "POD_NAME, POD_NAMESPACE, POD_UID, SERVICE_ACCOUNT_NAME"],
    ["organizations", { organizations: '"open' }, "double quotes"],
    ["dns-names", { "dns-names": "a b" }, "DNS names"],
    ["ip-sans", { "ip-sans": "$POD_NAME" }, "IP addresses"],
    ["ip-sans", { "ip-sans": "1.2.3.04" }, "IP addresses"],
    ["uri-sans", { "uri-sans": "no scheme" }, "URIs"],
    ["duration", { duration: "-1h" }, "duration"],
    ["duration", { duration: "1d" }, "duration"],
    ["renew-before", { "renew-before": "-1s" }, "not negative"],
    ["is-ca", { "is-ca": "True" }, '"true" or "false"'],
    ["key-usages", { "key-usages": "sign everything" }, "must be one of"],
    ["key-algorithm", { "key-algorithm": "DSA" }, "RSA, ECDSA, Ed25519"],
    ["key-size", { "key-size": "2047" }, "2048 to 8192"],
    ["key-size", { "key-size": "8193" }, "2048 to 8192"],
    ["key-size", { "key-size": "many" }, "whole number"],
    ["key-size", { "key-algorithm": "ECDSA", "key-size": "2048" }, "256, 384 or 521"],
    ["key-size", { "key-algorithm": "Ed25519", "key-size": "256" }, "left out"],
    ["key-encoding", { "key-encoding": "PEM" }, "PKCS1, PKCS8"],
    ["key-encoding", { "key-algorithm": "Ed25519", "key-encoding": "PKCS1" }, "PKCS8 for Ed25519"],
    ["reuse-private-key", { "reuse-private-key": "1" }, '"true" or "false"'],
    ["ca-file", { "ca-file": "a/b" }, "plain file name"],
    ["certificate-file", { "certificate-file": "..x" }, "plain file name"],
    ["privatekey-file", { "privatekey-file": " x" }, "plain file name"],
    ["certificate-file", { "certificate-file": "ca.crt" }, "different"],
    ["privatekey-file", { "privatekey-file": "ca.crt" }, "different"],
    ["fs-group", { "fs-group": "0" }, "1 to 4294967295"],
    ["fs-group", { "fs-group": "4294967296" }, "1 to 4294967295"],
    ["pkcs12-enable", { "pkcs12-enable": "true", "pkcs12-password": "x" }, "no keystores"],
    ["pkcs12-filename", { "pkcs12-filename": "x" }, "no meaning unless pkcs12-enable"],
    ["pkcs12-password", { "pkcs12-password": "x" }, "no meaning unless pkcs12-enable"]
  ] as const)("of %s: %j", (field, attributes, rule) => {
    const error = refusal(attributes)
    expect(error.field).toBe(prefix + field)
    expect(error.rule).toContain(rule)
  })

  it.each([
    ["csi.storage.k8s.io/ephemeral", "inline volumes"],
    ["csi.storage.k8s.io/pod.name", "podInfoOnMount"],
    ["csi.storage.k8s.io/pod.namespace", "podInfoOnMount"],
    ["csi.storage.k8s.io/pod.uid", "podInfoOnMount"],
    ["csi.storage.k8s.io/serviceAccount.name", "podInfoOnMount"],
    [`${prefix}issuer-name`, "is required"]
  ])("of what is missing: %s", (key, rule) => {
    const { [key]: _, ...rest } = context({})
    const error = Effect.runSync(Effect.flip(decodeVolumeSpec(rest)))
    expect(error.field).toBe(key)
    expect(error.rule).toContain(rule)
  })

  it("of an annotation's key", () => {
    const error = Effect.runSync(Effect.flip(decodeVolumeSpec({ ...context({}), "example.com/-": "x" })))
    expect(error).toMatchObject({ field: "example.com/-" })
  })

  it("quotes no more than a line of what it found", () => {
    expect(refusal({ "key-algorithm": "x".repeat(5000) }).message.length).toBeLessThan(300)
  })
})

describe("whatever a pod writes", () => {
  const values = fc.oneof(
    fc.constantFrom(
      "true",
      "false",
      "RSA",
      "ecdsa",
      "ed25519",
      "256",
      "2048",
      "24h",
      "a.b,c.d",
      "CN=a,O=b",
      "$POD_NAME",
      ""
    ),
    fc.string({ maxLength: 40 })
  )
  const wish = fc.dictionary(fc.constantFrom(...attributeNames), values, { maxKeys: 12 })

  it("is a whole spec, or an error that names an attribute and says a rule in one line", () => {
    fc.assert(
      fc.property(wish, (attributes) => {
        const decoded = Effect.runSync(Effect.result(decodeVolumeSpec(context(attributes))))
        if (decoded._tag === "Success") {
          const { certificate, privateKey, ca } = decoded.success.files
          expect(new Set([certificate, privateKey, ca]).size).toBe(3)
          expect(Duration.toSeconds(decoded.success.duration)).toBeGreaterThanOrEqual(1)
        } else {
          expect(decoded.failure).toBeInstanceOf(SpecError)
          expect(attributeNames.map((name) => prefix + name)).toContain(decoded.failure.field)
          expect(decoded.failure.rule).toMatch(/^.{10,400}$/)
        }
      }),
      { numRuns: 500 }
    )
  })
})

describe("tokens", () => {
  const tokens = (text: string) => ({ ...context({}), [tokensKey]: text })

  it("are taken for the API server's audience, and left out of what is kept", () => {
    const whole = tokens(JSON.stringify({ "": { token: "t0k" }, vault: { token: "other" } }))
    const token = Effect.runSync(serviceAccountToken(whole))
    expect(Option.map(token, Redacted.value)).toEqual(Option.some("t0k"))
    expect(withoutTokens(whole)).toEqual(context({}))
    expect(Effect.runSync(serviceAccountToken(context({})))).toEqual(Option.none())
    expect(Effect.runSync(serviceAccountToken(tokens('{"vault":{"token":"x"}}')))).toEqual(Option.none())
  })

  it.each(['{"": {"token": "s3cret"', '["s3cret"]', '{"": "s3cret"}', "s3cret"])(
    "never stand in an error: %s",
    (text) => {
      const error = Effect.runSync(Effect.flip(serviceAccountToken(tokens(text))))
      expect(error.field).toBe(tokensKey)
      expect(JSON.stringify(error) + error.message).not.toContain("s3cret")
    }
  )
})

describe("podNamed", () => {
  it("says as much as there is", () => {
    expect(podNamed(context({}))).toBe("shop/web-0")
    expect(podNamed({})).toBe("")
  })
})
