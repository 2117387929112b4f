// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how pods write variables
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Exit, Option, Redacted, Result } from "effect"
import * as fc from "fast-check"
import { attributeNames, followingNames } from "../../src/spec/Attributes.ts"
import { literals } from "../../src/spec/expandAttributes.ts"
import { SpecError } from "../../src/spec/SpecError.ts"
import { podIn, strayKeys, type VolumeContext } from "../../src/spec/VolumeContext.ts"
import { passwordsOf, serviceAccountToken, withoutSecrets } from "../../src/spec/VolumeSecrets.ts"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { settings } from "../kit/settings.ts"

type Texts = Readonly<Record<string, string>>

const ours = "csi.cert-manager.io/"
const kubelets = "csi.storage.k8s.io/"
const tokensKey = `${kubelets}serviceAccount.tokens`

const podInfo: VolumeContext = {
  [`${kubelets}ephemeral`]: "true",
  [`${kubelets}pod.name`]: "web-0",
  [`${kubelets}pod.namespace`]: "shop",
  [`${kubelets}pod.uid`]: "0000-1",
  [`${kubelets}serviceAccount.name`]: "clerk"
}

/** A context of these attributes, written without their prefix. */
const context = (attributes: Texts, others: Texts = {}): VolumeContext => ({
  ...podInfo,
  ...Object.fromEntries(Object.entries({ "issuer-name": "ca", ...attributes }).map(([key, _]) => [ours + key, _])),
  ...others
})
const decode = (attributes: Texts, others: Texts = {}) => decodeVolumeSpec(context(attributes, others), settings)
const refused = (attributes: Texts, others: Texts = {}) => Effect.flip(decode(attributes, others))

const CN = "2.5.4.3"
const O = "2.5.4.10"

describe("a volume that names an issuer and nothing else", () => {
  it.effect("gets every default", () =>
    Effect.gen(function* () {
      expect(yield* decode({})).toEqual({
        pod: { name: "web-0", namespace: "shop", uid: "0000-1", serviceAccount: "clerk" },
        issuer: { name: "ca", kind: "Issuer", group: "cert-manager.io" },
        subject: [],
        dnsNames: [],
        ipAddresses: [],
        uris: [],
        emails: [],
        otherNames: [],
        spiffe: false,
        follows: [],
        continueOnNotReady: false,
        gates: [],
        trustBundle: Option.none(),
        duration: Duration.hours(2160),
        isCA: false,
        nameConstraints: [],
        usages: ["digital signature", "key encipherment"],
        key: { algorithm: "RSA", size: 2048 },
        keyEncoding: "PKCS1",
        reusePrivateKey: false,
        renewBefore: Option.none(),
        files: { ca: "ca.crt", certificate: "tls.crt", privateKey: "tls.key" },
        fileMode: 0o440,
        fileOwner: Option.none(),
        keystores: [],
        fsGroup: Option.none(),
        annotations: {},
        remarks: []
      })
    })
  )

  it.effect("is the same volume where every other attribute is written and empty", () =>
    Effect.gen(function* () {
      const empty = Object.fromEntries(attributeNames.map((name) => [name, ""]))
      expect(yield* decode({ ...empty, "issuer-name": "ca" })).toEqual(yield* decode({}))
    })
  )
})

const rdn = (type: string, ...values: ReadonlyArray<string>) => values.map((value) => ({ type, value }))

describe("an attribute", () => {
  it.effect.each<[string, Texts, object]>([
    [
      "issuer-*",
      { "issuer-name": "step", "issuer-kind": "StepIssuer", "issuer-group": "certmanager.step.sm" },
      { issuer: { name: "step", kind: "StepIssuer", group: "certmanager.step.sm" } }
    ],
    ["common-name", { "common-name": "a, b" }, { subject: [rdn(CN, "a, b")] }],
    ["organizations", { organizations: 'One, "Two, Inc."' }, { subject: [rdn(O, "One", "Two, Inc.")] }],
    ["serialnumber", { serialnumber: "$POD_NAME" }, { subject: [rdn("2.5.4.5", "$POD_NAME")] }],
    [
      "every part of the subject, in Go's order",
      {
        serialnumber: "9",
        "common-name": "8",
        organizationalunits: "7",
        organizations: "6",
        postalcodes: "5",
        streetaddresses: "4",
        localities: "3",
        provinces: "2",
        countries: "1"
      },
      {
        subject: [
          rdn("2.5.4.6", "1"),
          rdn("2.5.4.8", "2"),
          rdn("2.5.4.7", "3"),
          rdn("2.5.4.9", "4"),
          rdn("2.5.4.17", "5"),
          rdn(O, "6"),
          rdn("2.5.4.11", "7"),
          rdn(CN, "8"),
          rdn("2.5.4.5", "9")
        ]
      }
    ],
    ["literal-subject", { "literal-subject": "CN=web,O=Shop" }, { subject: [rdn(O, "Shop"), rdn(CN, "web")] }],
    ["dns-names", { "dns-names": " a.example,b.example ,," }, { dnsNames: ["a.example", "b.example"] }],
    ["ip-sans", { "ip-sans": "10.0.0.1, 2001:DB8::0:1" }, { ipAddresses: ["10.0.0.1", "2001:db8::1"] }],
    ["uri-sans", { "uri-sans": "spiffe://td/a, urn:b" }, { uris: ["spiffe://td/a", "urn:b"] }],
    ["email-sans", { "email-sans": "a.b+c@shop.example, d@e" }, { emails: ["a.b+c@shop.example", "d@e"] }],
    [
      "other-names",
      { "other-names": 'UPN=${POD_NAME}@corp.example,"1.3.6.1.5.5.7.8.5= jid, with a comma", 2.999.3=é=è' },
      {
        otherNames: [
          { oid: "1.3.6.1.4.1.311.20.2.3", value: "web-0@corp.example" },
          { oid: "1.3.6.1.5.5.7.8.5", value: "jid, with a comma" },
          { oid: "2.999.3", value: "é=è" }
        ]
      }
    ],
    [
      "spiffe",
      { spiffe: "true", "uri-sans": "spiffe://${CLUSTER_DOMAIN}/node/$NODE_NAME" },
      {
        spiffe: true,
        uris: ["spiffe://cluster.local/node/node-1"],
        usages: ["digital signature", "key encipherment", "server auth", "client auth"]
      }
    ],
    ["continue-on-not-ready", { "continue-on-not-ready": "true" }, { continueOnNotReady: true }],
    ["duration", { duration: "1h30m" }, { duration: Duration.nanos(5_400_000_000_000n) }],
    ["renew-before", { "renew-before": "1s" }, { renewBefore: Option.some({ time: Duration.nanos(1_000_000_000n) }) }],
    ["renew-before 0", { "renew-before": "0" }, { renewBefore: Option.some({ time: Duration.zero }) }],
    ["renew-before-percentage", { "renew-before-percentage": "25" }, { renewBefore: Option.some({ percentage: 25 }) }],
    ["is-ca", { "is-ca": "true" }, { isCA: true }],
    [
      "name constraints, with the pod's own names in them",
      {
        "is-ca": "true",
        "excluded-ip-ranges": "0.0.0.0/0,::/0",
        "permitted-dns-domains": "${POD_NAMESPACE}.svc, .Shop.example",
        "permitted-email-addresses": "a@b.example,b.example,.b.example",
        "permitted-uri-domains": "cluster.local"
      },
      {
        nameConstraints: [
          { side: "permitted", type: "dns", value: "shop.svc" },
          { side: "permitted", type: "dns", value: ".Shop.example" },
          { side: "permitted", type: "email", value: "a@b.example" },
          { side: "permitted", type: "email", value: "b.example" },
          { side: "permitted", type: "email", value: ".b.example" },
          { side: "permitted", type: "url", value: "cluster.local" },
          { side: "excluded", type: "ip", value: "0.0.0.0/0" },
          { side: "excluded", type: "ip", value: "::/0" }
        ]
      }
    ],
    ["is-ca false", { "is-ca": "false" }, { isCA: false }],
    [
      "key-usages",
      { "key-usages": "Server Auth, client auth,server auth" },
      { usages: ["server auth", "client auth"] }
    ],
    ["key-usages of commas", { "key-usages": " , " }, { usages: ["digital signature", "key encipherment"] }],
    ["key-algorithm rsa", { "key-algorithm": "rsa", "key-size": "8192" }, { key: { algorithm: "RSA", size: 8192 } }],
    ["key-algorithm ecdsa", { "key-algorithm": "ecdsa" }, { key: { algorithm: "ECDSA", size: 256 } }],
    ["P-384", { "key-algorithm": "ECDSA", "key-size": "384" }, { key: { algorithm: "ECDSA", size: 384 } }],
    ["P-521", { "key-algorithm": "ECDSA", "key-size": "521" }, { key: { algorithm: "ECDSA", size: 521 } }],
    ["key-algorithm ed25519", { "key-algorithm": "ED25519" }, { key: { algorithm: "Ed25519" }, keyEncoding: "PKCS8" }],
    ["key-encoding of RSA", { "key-encoding": "pkcs8" }, { keyEncoding: "PKCS8" }],
    ["key-encoding of ECDSA", { "key-algorithm": "ECDSA" }, { keyEncoding: "PKCS8" }],
    ["reuse-private-key", { "reuse-private-key": "true" }, { reusePrivateKey: true }],
    [
      "files",
      { "ca-file": "ca.pem", "certificate-file": "chain.pem", "privatekey-file": ".key" },
      { files: { ca: "ca.pem", certificate: "chain.pem", privateKey: ".key" } }
    ],
    [
      "files that swap their default names",
      { "ca-file": "tls.crt", "certificate-file": "ca.crt" },
      { files: { ca: "tls.crt", certificate: "ca.crt", privateKey: "tls.key" } }
    ],
    ["fs-group", { "fs-group": "+4294967294" }, { fsGroup: Option.some(4_294_967_294) }],
    ["file-mode", { "file-mode": "0400" }, { fileMode: 0o400 }],
    ["file-mode of three digits", { "file-mode": "644" }, { fileMode: 0o644 }],
    ["file-owner", { "file-owner": "0" }, { fileOwner: Option.some(0) }],
    [
      "files that only some volumes have",
      {
        "combined-file": "a.pem",
        "chain-file": "b.pem",
        "fullchain-file": "c.pem",
        "ca-der-file": "ca.der",
        "certificate-der-file": "tls.der",
        "privatekey-der-file": "key.der"
      },
      {
        files: {
          combined: "a.pem",
          chain: "b.pem",
          fullChain: "c.pem",
          caDer: "ca.der",
          certificateDer: "tls.der",
          privateKeyDer: "key.der"
        }
      }
    ],
    ["pkcs12-enable false", { "pkcs12-enable": "false" }, { keystores: [] }],
    [
      "pkcs12-enable, as the peer has it",
      { "pkcs12-enable": "true", "pkcs12-password": "$POD_NAME" },
      {
        keystores: [
          {
            kind: "pkcs12",
            file: "keystore.p12",
            truststore: Option.none(),
            isTruststoreOpen: false,
            alias: Option.none(),
            profile: "LegacyRC2",
            password: { _tag: "Attribute" }
          }
        ]
      }
    ],
    [
      "both keystores, with everything",
      {
        "pkcs12-enable": "true",
        "pkcs12-filename": "a.p12",
        "pkcs12-password-from": "generate",
        "pkcs12-profile": "modern2023",
        "pkcs12-alias": "Web 1",
        "pkcs12-truststore-filename": "b.p12",
        "jks-enable": "true",
        "jks-password-from": "secret:pass.word_1",
        "truststore-enable": "true"
      },
      {
        keystores: [
          {
            kind: "pkcs12",
            file: "a.p12",
            truststore: Option.some("b.p12"),
            isTruststoreOpen: false,
            alias: Option.some("Web 1"),
            profile: "Modern2023",
            password: { _tag: "Generated", file: "a.p12.password" }
          },
          {
            kind: "jks",
            file: "keystore.jks",
            truststore: Option.some("truststore.jks"),
            isTruststoreOpen: false,
            alias: Option.some("certificate"),
            password: { _tag: "Secret", key: "pass.word_1" }
          }
        ]
      }
    ]
  ])("%s is read", ([, attributes, expected]) =>
    Effect.gen(function* () {
      expect(yield* decode(attributes)).toMatchObject(expected)
    })
  )

  const size = { "key-algorithm": "ECDSA" }
  const flag = "must be true or false"
  const name = "must be a plain file name"
  const p12 = { "pkcs12-enable": "true", "pkcs12-password": "p" }
  const jks = { "jks-enable": "true", "jks-password": "p" }
  const clash = "must be different from the names of the other files"
  it.effect.each<[string, Texts, string]>([
    ["issuer-name", { "issuer-name": "" }, "is required"],
    ["issuer-name", { "issuer-name": "  " }, "must not be empty"],
    ["issuer-kind", { "issuer-kind": "clusterissuer" }, 'but is "clusterissuer"; write ClusterIssuer'],
    ["issuer-kind", { "issuer-kind": "StepIssuer" }, "for an issuer of another kind set issuer-group to its group"],
    ["literal-subject", { "literal-subject": "nobody" }, '"nobody" is not of the form type=value'],
    ["organizations", { organizations: '"One' }, "must be a comma-separated list"],
    ["postalcodes", { postalcodes: '1"2' }, "must be a comma-separated list"],
    ["dns-names", { "dns-names": "a,bücher.example" }, 'ASCII characters, but is "bücher.example"'],
    ["email-sans", { "email-sans": "nobody" }, 'must hold mail addresses such as web@example.com, but is "nobody"'],
    ["email-sans", { "email-sans": "Web <a@b.example>" }, "must hold mail addresses"],
    ...["upn", "upn=", "=a", "upn=a,b", "1=a", "3.1=a", "1.40=a", "1.02=a", "1.3.=a", "2.2147483568=a", "cn=a"].map(
      (text): [string, Texts, string] => [
        "other-names",
        { "other-names": text },
        'must hold names such as upn=web@example.com, each with "upn" or the OID of its kind before the "="'
      ]
    ),
    ["other-names", { "other-names": "upn=a\u0000@b" }, 'after it, but is "upn=a\\u0000@b"'],
    ["other-names", { "other-names": `1${".2".repeat(64)}=a` }, "must hold names such as"],
    ["other-names", { "other-names": '"upn=a' }, "must be a comma-separated list"],
    [
      "other-names",
      { spiffe: "true", "uri-sans": "spiffe://a/b", "other-names": "upn=${POD_ANNOTATION:x}" },
      "must be left out with spiffe, as an SVID names its workload by its SPIFFE ID"
    ],
    ["uri-sans", { spiffe: "true", "uri-sans": "https://a.example/" }, 'must begin with "spiffe://"'],
    ["uri-sans", { spiffe: "true" }, "must hold exactly one SPIFFE ID"],
    ["is-ca", { spiffe: "true", "is-ca": "true", "uri-sans": "spiffe://a/b" }, "must be false with spiffe"],
    ["pod-readiness-gate", { "pod-readiness-gate": "pod-ip" }, "must hold pod-ip:any|ipv4|ipv6, pod-condition"],
    ["ip-sans", { "ip-sans": "10.0.0.1,10.0.0.256" }, 'must hold IP addresses, but is "10.0.0.256"'],
    ["ip-sans", { "ip-sans": "$POD_NAME" }, 'but is "web-0"'],
    ["uri-sans", { "uri-sans": "urn:a,b" }, 'must hold URIs with a scheme, but is "b"'],
    ["duration", { duration: "90" }, 'such as 24h or 1m30s, at least 1s, but is "90"'],
    ["duration", { duration: "999ms" }, 'but is "999ms"'],
    ["duration", { duration: "-1h" }, 'but is "-1h"'],
    ["duration", { duration: "30d" }, 'but is "30d"'],
    ["renew-before", { "renew-before": "-1s" }, "must be a duration such as 24h or 1m30s, at least 0"],
    ["is-ca", { "is-ca": "yes" }, flag],
    ["excluded-uri-domains", { "excluded-uri-domains": "a.example" }, 'requires is-ca: "true"'],
    ["permitted-dns-domains", { "is-ca": "false", "permitted-dns-domains": "a" }, "requires is-ca"],
    ...["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0", "fd00::1/8", "fd00::/129", "10.0.0.0/08", "a/8", "/8"].map(
      (range): [string, Texts, string] => [
        "permitted-ip-ranges",
        { "is-ca": "true", "permitted-ip-ranges": `10.0.0.0/8,${range}` },
        `must hold networks such as 10.0.0.0/8 or fd00::/8, with no bit set beyond the prefix, but is "${range}"`
      ]
    ),
    ...["*.a.example", "a..b", "..a", "10.0.0.1", "a/b", "a.", "bücher.example"].map(
      (domain): [string, Texts, string] => [
        "excluded-dns-domains",
        { "is-ca": "true", "excluded-dns-domains": domain },
        `must hold domains such as example.com or .example.com, but is "${domain}"`
      ]
    ),
    ["permitted-uri-domains", { "is-ca": "true", "permitted-uri-domains": "https://a" }, "must hold domains such as"],
    ["permitted-dns-domains", { "is-ca": "true", "permitted-dns-domains": " , " }, "name one or leave it out"],
    ...["@a.example", "a@", "a@.b", "a@b@c", "a b@c"].map((mailbox): [string, Texts, string] => [
      "permitted-email-addresses",
      { "is-ca": "true", "permitted-email-addresses": mailbox },
      `such as web@example.com, example.com or .example.com, but is "${mailbox}"`
    ]),
    ["key-usages", { "key-usages": "server auth,tea" }, 'ocsp signing, microsoft sgc, netscape sgc, but is "tea"'],
    ["key-algorithm", { "key-algorithm": "DSA" }, 'must be one of RSA, ECDSA, Ed25519, but is "DSA"'],
    ["key-size", { "key-size": "2048.0" }, "must be a whole number"],
    ["key-size", { "key-size": "2047" }, "must be from 2048 to 8192 for RSA, but is 2047"],
    ["key-size", { "key-size": "8193" }, "must be from 2048 to 8192 for RSA, but is 8193"],
    ["key-size", { ...size, "key-size": "255" }, "must be 256, 384 or 521 for ECDSA, but is 255"],
    ["key-size", { "key-algorithm": "Ed25519", "key-size": "256" }, "must be left out for Ed25519"],
    ["key-encoding", { "key-encoding": "DER" }, 'must be one of PKCS1, PKCS8, but is "DER"'],
    ["key-encoding", { ...size, "key-encoding": "pkcs1" }, "must be PKCS8 for ECDSA keys"],
    ["key-encoding", { "key-algorithm": "Ed25519", "key-encoding": "PKCS1" }, "must be PKCS8 for Ed25519 keys"],
    ["reuse-private-key", { "reuse-private-key": "on" }, flag],
    ["ca-file", { "ca-file": "a/b" }, name],
    ["certificate-file", { "certificate-file": "../tls.crt" }, name],
    ["privatekey-file", { "privatekey-file": "/tls.key" }, name],
    ["certificate-file", { "certificate-file": "ca.crt" }, `${clash}, but two are "ca.crt"`],
    ["certificate-file", { "certificate-file": "tls.key" }, clash],
    ["certificate-file", { "ca-file": "tls.crt" }, clash],
    ["privatekey-file", { "privatekey-file": "ca.crt" }, clash],
    ["fs-group", { "fs-group": "0" }, "must be a whole number from 1 to 4294967294"],
    ["fs-group", { "fs-group": "4294967295" }, 'but is "4294967295"'],
    ["fs-group", { "fs-group": "-1" }, 'but is "-1"'],
    ["pkcs12-enable", { "pkcs12-enable": "yes" }, flag],
    ["pkcs12-password", { "pkcs12-enable": "true" }, "is required with pkcs12-enable; set it, or set"],
    ["jks-password", { "jks-enable": "true" }, "is required with jks-enable"],
    ["pkcs12-password-from", { ...p12, "pkcs12-password-from": "generate" }, "cannot be used with pkcs12-password"],
    ["pkcs12-password-from", { "pkcs12-enable": "true", "pkcs12-password-from": "random" }, 'must be "generate", or'],
    ["pkcs12-password-from", { "pkcs12-enable": "true", "pkcs12-password-from": "secret:" }, 'but is "secret:"'],
    ["jks-password-from", { "jks-enable": "true", "jks-password-from": "secret:a/b" }, 'but is "secret:a/b"'],
    ["pkcs12-password-file", { ...p12, "pkcs12-password-file": "p" }, 'requires pkcs12-password-from: "generate"'],
    [
      "pkcs12-profile",
      { ...p12, "pkcs12-profile": "Modern" },
      "must be one of LegacyRC2, LegacyDES, Modern2023, Modern2026"
    ],
    ["pkcs12-alias", { ...p12, "pkcs12-alias": "CA2" }, 'must not be "ca" or'],
    ["jks-alias", { ...jks, "jks-alias": "ä" }, "must be 1 to 128 printable ASCII characters"],
    ["jks-alias", { ...jks, "jks-alias": " a" }, "without spaces at the ends"],
    ["pkcs12-password", { "pkcs12-enable": "true", "pkcs12-password": "a\0b" }, "must be a password of 1 to 1024"],
    ["pkcs12-truststore-filename", { ...p12, "pkcs12-truststore-filename": "t" }, 'requires truststore-enable: "true"'],
    ["truststore-passwordless", { ...jks, "truststore-passwordless": "true" }, 'requires truststore-enable: "true"'],
    ["truststore-enable", { "truststore-enable": "true" }, 'requires pkcs12-enable: "true" or jks-enable'],
    ["pkcs12-filename", { "pkcs12-filename": "k.p12" }, 'requires pkcs12-enable: "true"'],
    ["pkcs12-profile", { "pkcs12-profile": "LegacyDES" }, 'requires pkcs12-enable: "true"'],
    ["jks-alias", { "jks-alias": "a" }, 'requires jks-enable: "true"'],
    ["pkcs12-filename", { "pkcs12-filename": "a/b" }, name],
    ["combined-file", { "combined-file": "a/b" }, name],
    ["combined-file", { "combined-file": "tls.key" }, `${clash}, but two are "tls.key"`],
    ["pkcs12-filename", { ...p12, "pkcs12-filename": "tls.crt" }, clash],
    ["jks-filename", { ...p12, ...jks, "jks-filename": "keystore.p12" }, clash],
    ["jks-truststore-filename", { ...jks, "truststore-enable": "true", "jks-truststore-filename": "ca.crt" }, clash],
    [
      "pkcs12-password-file",
      { "pkcs12-enable": "true", "pkcs12-password-from": "generate", "pkcs12-filename": "k".repeat(250) },
      "is too long"
    ],
    ["file-mode", { "file-mode": "0770" }, "must be an octal mode that lets the owner read"],
    ["file-mode", { "file-mode": "0040" }, 'but is "0040"'],
    ["file-mode", { "file-mode": "0446" }, 'but is "0446"'],
    ["file-mode", { "file-mode": "440 " }, 'but is "440 "'],
    ["file-mode", { "file-mode": "288" }, 'but is "288"'],
    ["file-owner", { "file-owner": "root" }, "must be a whole number from 0 to 4294967294"]
  ])("%s of %o is refused", ([field, attributes, sentence]) =>
    Effect.gen(function* () {
      const error = yield* refused(attributes)
      expect(error).toBeInstanceOf(SpecError)
      expect(error.field).toBe(ours + field)
      expect(error.rule).toContain(sentence)
      expect(error.message).toBe(`${error.field}: ${error.rule}`)
      expect(error.temper).toBe("refused")
    })
  )
})

const literal = ["serialnumber", "pkcs12-password", "jks-password"]

describe("variables", () => {
  it.effect("are put in before a list is split", () =>
    Effect.gen(function* () {
      const spec = yield* decode({
        "common-name": "$POD_NAME.${POD_NAMESPACE}",
        "dns-names": "${POD_NAME}.svc,$SERVICE_ACCOUNT_NAME",
        "uri-sans": "spiffe://td/ns/$POD_NAMESPACE/sa/${SERVICE_ACCOUNT_NAME}",
        "issuer-name": "${POD_NAMESPACE}-ca",
        "certificate-file": "$POD_UID.crt"
      })
      expect(spec.subject).toEqual([rdn(CN, "web-0.shop")])
      expect(spec.dnsNames).toEqual(["web-0.svc", "clerk"])
      expect(spec.uris).toEqual(["spiffe://td/ns/shop/sa/clerk"])
      expect(spec.issuer.name).toBe("shop-ca")
      expect(spec.files.certificate).toBe("0000-1.crt")
      const split = yield* decode({ organizations: "$POD_NAME" }, { [`${kubelets}pod.name`]: "a,b" })
      expect(split.subject).toEqual([rdn(O, "a", "b")])
    })
  )

  it.effect("are none in a password, whatever it holds", () =>
    Effect.gen(function* () {
      for (const kind of ["pkcs12", "jks"]) {
        const password = { [`${kind}-enable`]: "true", [`${kind}-password`]: "${NOBODY}$POD_NAME$" }
        expect((yield* decode(password)).keystores).toHaveLength(1)
      }
    })
  )

  const kept = ["issuer-name", "issuer-kind", "issuer-group", "ca-file", "certificate-file", "privatekey-file"].concat(
    "pkcs12-filename"
  )
  it.effect.each(attributeNames.filter((name) => !literal.includes(name) && !kept.includes(name)))(
    "that nobody knows are refused in %s, with the known ones",
    (name) =>
      Effect.gen(function* () {
        const error = yield* refused({ [name]: "${POD_NAM}" })
        expect(error.field).toBe(ours + name)
        expect(error.rule).toBe(
          'knows no variable "POD_NAM"; use POD_NAME, POD_NAMESPACE, POD_UID, SERVICE_ACCOUNT_NAME, ' +
            "NODE_NAME, CLUSTER_DOMAIN, POD_IP, POD_IPS, POD_LABEL:key, POD_ANNOTATION:key"
        )
      })
  )

  it.effect("that nobody knows stay in the names of files and issuers", () =>
    Effect.gen(function* () {
      const spec = yield* decode({ "issuer-name": "$x-${POD_NAME}-${}", "certificate-file": "$x.crt" })
      expect([spec.issuer.name, spec.files.certificate]).toEqual(["$x-web-0-", "$x.crt"])
      expect(spec.remarks).toEqual(
        ["issuer-name", "certificate-file"].map((name) => ({
          field: ours + name,
          rule: 'knows no variable "x", so it stays as it is written'
        }))
      )
    })
  )
})

describe("names that follow the pod", () => {
  const late = { "continue-on-not-ready": "true" }

  it.effect("are left out as long as nothing is known, and everything else is checked", () =>
    Effect.gen(function* () {
      const given = { ...late, "dns-names": "a.example", "ip-sans": "${POD_IPS}", "common-name": "${POD_LABEL:app}" }
      const spec = yield* decode(given)
      expect(spec.follows).toEqual(["POD_LABEL:app", "POD_IPS"])
      expect([spec.dnsNames, spec.ipAddresses, spec.subject]).toEqual([["a.example"], [], []])
      expect((yield* refused({ ...given, duration: "soon" })).field).toBe(`${ours}duration`)
      expect((yield* refused({ ...given, "uri-sans": "${POD_IP} $NOBODY" })).rule).toContain('"NOBODY"')
    })
  )

  it.effect("are put in when they are known", () =>
    Effect.gen(function* () {
      const given = context({
        ...late,
        "ip-sans": "${POD_IPS}",
        "uri-sans": "spiffe://a/${POD_LABEL:app}",
        spiffe: "true"
      })
      const known = { POD_IPS: "10.0.0.7,FD00::7", "POD_LABEL:app": "web" }
      const spec = yield* decodeVolumeSpec(given, settings, Option.some(known))
      expect([spec.ipAddresses, spec.uris]).toEqual([["10.0.0.7", "fd00::7"], ["spiffe://a/web"]])
      const wrong = decodeVolumeSpec(given, settings, Option.some({ ...known, "POD_LABEL:app": "a b" }))
      expect((yield* Effect.flip(wrong)).field).toBe(`${ours}uri-sans`)
    })
  )

  it.effect.each(attributeNames.filter((name) => !followingNames.includes(name) && !literals.includes(name)))(
    "are names alone: %s may not follow",
    (name) =>
      Effect.gen(function* () {
        const error = yield* refused({ ...late, [name]: "x-${POD_IP}" })
        expect([error.field, error.rule]).toEqual([ours + name, expect.stringContaining("may not hold ${POD_IP}")])
      })
  )

  it.effect.each([
    ["continue-on-not-ready", { "ip-sans": "$POD_IP" }, "known only after the publish"],
    ["continue-on-not-ready", { "pod-readiness-gate": "pod-ip:any" }, "with pod-readiness-gate"],
    ["continue-on-not-ready", { "ip-sans": "$POD_IP", "continue-on-not-ready": "false" }, "certlet wait"]
  ] as const)("need %s where they come after the publish: %j", ([attribute, given, sentence]) =>
    Effect.gen(function* () {
      const error = yield* refused(given)
      expect([error.field, error.rule]).toEqual([ours + attribute, expect.stringContaining(sentence)])
    })
  )

  it.effect("may wait within a publish for labels and annotations, which a pod has before it", () =>
    Effect.gen(function* () {
      const spec = yield* decode({ "dns-names": "${POD_LABEL:app}.example,${POD_ANNOTATION:a/b}" })
      expect([spec.continueOnNotReady, spec.follows]).toEqual([false, ["POD_LABEL:app", "POD_ANNOTATION:a/b"]])
    })
  )

  it.effect("take the node's gates and its flag, and their own gates as well", () =>
    Effect.gen(function* () {
      const gate = { kind: "pod-ip", family: "any" } as const
      const site = { ...settings, continueOnNotReady: true, podReadinessGates: [gate] }
      const own = { "pod-readiness-gate": "pod-condition:Ready=False, pod-annotation:a/b" }
      const spec = yield* decodeVolumeSpec(context(own), site)
      expect(spec.continueOnNotReady).toBe(true)
      expect(spec.gates).toEqual([
        gate,
        { kind: "pod-condition", type: "Ready", status: "False" },
        { kind: "pod-annotation", key: "a/b" }
      ])
      const impatient = decodeVolumeSpec(context({ "continue-on-not-ready": "false" }), site)
      expect((yield* Effect.flip(impatient)).rule).toContain("must not be false on this node")
    })
  )
})

describe("a trust bundle", () => {
  it.effect.each([
    ["ConfigMap/corp-ca", { kind: "ConfigMap", name: "corp-ca", key: "ca.crt" }],
    ["configmap/corp.ca/trust_bundle.pem", { kind: "ConfigMap", name: "corp.ca", key: "trust_bundle.pem" }],
    ["ClusterTrustBundle/corp", { kind: "ClusterTrustBundle", name: "corp" }],
    ["ClusterTrustBundle/example.com:signer:corp", { kind: "ClusterTrustBundle", name: "example.com:signer:corp" }]
  ] as const)("is named %s", ([text, name]) =>
    Effect.gen(function* () {
      expect((yield* decode({ "trust-bundle": text })).trustBundle).toEqual(Option.some(name))
    })
  )

  it.effect.each([
    "corp-ca",
    "Secret/a",
    "ConfigMap/",
    "ConfigMap/A",
    "ConfigMap/a/b/c",
    "ConfigMap/a/..%2f",
    "ClusterTrustBundle/a/b"
  ])("is not named %s", (text) =>
    Effect.gen(function* () {
      const error = yield* refused({ "trust-bundle": text })
      expect([error.field, error.rule]).toEqual([`${ours}trust-bundle`, expect.stringContaining("ConfigMap/NAME")])
    })
  )
})

describe("what the kubelet says of the pod", () => {
  it.effect.each<[string, string]>([
    ["ephemeral", "must be true"],
    ["pod.name", "podInfoOnMount"],
    ["pod.namespace", "podInfoOnMount"],
    ["pod.uid", "podInfoOnMount"],
    ["serviceAccount.name", "podInfoOnMount"]
  ])("%s must be there", ([key, sentence]) =>
    Effect.gen(function* () {
      const { [kubelets + key]: _, ...rest } = context({})
      for (const without of [rest, { ...rest, [kubelets + key]: "" }]) {
        const error = yield* Effect.flip(decodeVolumeSpec(without, settings))
        expect(error.field).toBe(kubelets + key)
        expect(error.rule).toContain(sentence)
      }
    })
  )

  it.effect("must not be a persistent volume", () =>
    Effect.gen(function* () {
      expect((yield* refused({}, { [`${kubelets}ephemeral`]: "false" })).field).toBe(`${kubelets}ephemeral`)
    })
  )

  it("names the pod as far as it is known", () => {
    expect(podIn(context({}))).toBe("shop/web-0")
    expect(podIn({ [`${kubelets}pod.name`]: "web-0" })).toBe("/web-0")
    expect(podIn({ [`${kubelets}pod.namespace`]: "shop" })).toBe("")
    expect(podIn({})).toBe("")
  })
})

describe("keys of others", () => {
  it.effect("become annotations, as they are written", () =>
    Effect.gen(function* () {
      const annotations = { "policy.example.com/team": "$POD_NAME", "cert-manager.io/x": "", "a/B_c.d": "e" }
      const others = { ...annotations, [tokensKey]: "{}", [`${kubelets}other`]: "x", "no-group": "y" }
      expect((yield* decode({}, others)).annotations).toEqual(annotations)
    })
  )

  it.effect.each(["/a", "a/", "a/b/c", "a b/c", "a/-b", "a/b-", "-a/b", "a./b", `a/${"b".repeat(64)}`, "ä/b"])(
    "that Kubernetes would not take are refused: %s",
    (key) =>
      Effect.gen(function* () {
        const error = yield* refused({}, { [key]: "v" })
        expect(error.field).toBe(key)
        expect(error.rule).toContain("becomes an annotation of the CertificateRequest")
      })
  )

  it("that belong to no group are listed", () => {
    const others = { "dns-names": "a", "example.com/a": "c", [tokensKey]: "{}" }
    expect(strayKeys(context({ "dns-names": "a" }, others))).toEqual(["dns-names"])
    expect(strayKeys(context(Object.fromEntries(attributeNames.map((name) => [name, "x"]))))).toEqual([])
  })
})

describe("several faults", () => {
  it.effect("are told at once, each with its attribute", () =>
    Effect.gen(function* () {
      const wrong = { "key-size": "x", "dns-names": "${POD_NAM}", duration: "soon", "is-ca": "yes" }
      const error = yield* refused(wrong, { "my_group/x": "1" })
      const fields = ["dns-names", "duration", "is-ca", "key-size"].map((name) => ours + name)
      expect(error.faults.map(({ field }) => field).sort()).toEqual([...fields, "my_group/x"].sort())
      for (const { field, rule } of error.faults) expect(error.message).toContain(`${field}: ${rule}`)
    })
  )

  it.effect("between attributes are told at once too", () =>
    Effect.gen(function* () {
      const wrong = { "issuer-name": "", "issuer-kind": "Foo", "key-size": "5", spiffe: "true", "jks-enable": "true" }
      const error = yield* refused({ ...wrong, "pkcs12-enable": "true" })
      expect(error.faults.map(({ field }) => field.slice(ours.length))).toEqual([
        "issuer-name",
        "issuer-kind",
        "key-size",
        "pkcs12-password",
        "jks-password",
        "uri-sans"
      ])
    })
  )

  it.effect("of both kinds are told at once, and none that only follows from another", () =>
    Effect.gen(function* () {
      const own = { "issuer-name": "", duration: "soon", "key-algorithm": "DSA", "key-size": "256", "is-ca": "yes" }
      const error = yield* refused({ ...own, "permitted-dns-domains": "a", "pkcs12-enable": "true" })
      expect(error.faults.map(({ field }) => field.slice(ours.length)).sort()).toEqual(
        ["duration", "is-ca", "issuer-name", "key-algorithm", "pkcs12-password"].sort()
      )
    })
  )

  it.effect("are counted where they are too many to be told", () =>
    Effect.gen(function* () {
      const wrong = attributeNames.filter((name) => name.endsWith("-file")).map((name) => [name, "a/b"] as const)
      const keys = Array.from({ length: 20 }, (_, at) => [`_/${at}`, ""] as const)
      const error = yield* refused(Object.fromEntries(wrong), Object.fromEntries(keys))
      expect(error.faults.length).toBe(wrong.length + 20)
      expect(error.message).toMatch(new RegExp(`; and ${wrong.length + 10} more$`))
    })
  )
})

describe("ServiceAccount tokens", () => {
  const secret = "eyJhbGciOi.very.secret"

  it("are dropped, and nothing else is", () => {
    const kept = context({ "dns-names": "a" })
    expect(withoutSecrets({ ...kept, [tokensKey]: secret })).toEqual(kept)
    expect(withoutSecrets(kept)).toEqual(kept)
  })

  it.effect("give the one of the empty audience", () =>
    Effect.gen(function* () {
      const read = (text: string) => serviceAccountToken({ [tokensKey]: text }, {})
      const token = { token: secret, expirationTimestamp: "2026-01-01T00:00:00Z" }
      const given = Option.getOrThrow(yield* read(JSON.stringify({ "": token, vault: { token: "x" } })))
      expect(Redacted.value(given.token)).toBe(secret)
      expect(given.expiresAt).toEqual(DateTime.make("2026-01-01T00:00:00Z"))
      const others = yield* Effect.flip(read(JSON.stringify({ vault: token, "https://b": token })))
      expect(others.rule).toContain('holds tokens for "vault", "https://b" and none for the API server')
      expect(`${others.message} ${JSON.stringify(others)}`).not.toContain(secret)
      expect(yield* read("{}")).toEqual(Option.none())
      expect(yield* read("")).toEqual(Option.none())
      expect(yield* serviceAccountToken({}, {})).toEqual(Option.none())
      expect(String(yield* read(JSON.stringify({ "": token })))).not.toContain(secret)
    })
  )

  it.effect("are taken from the call's secrets first, and from the context where there are none", () =>
    Effect.gen(function* () {
      const text = (token: string) => JSON.stringify({ "": { token } })
      const read = (inSecrets: string | undefined, inContext: string) =>
        Effect.map(
          serviceAccountToken(
            { [tokensKey]: inContext },
            inSecrets === undefined ? {} : { [tokensKey]: Redacted.make(inSecrets) }
          ),
          Option.map(({ token }) => Redacted.value(token))
        )
      expect(yield* read(text("new"), text("old"))).toEqual(Option.some("new"))
      expect(yield* read(text("new"), "")).toEqual(Option.some("new"))
      expect(yield* read(undefined, text("old"))).toEqual(Option.some("old"))
      expect(yield* read("", text("old"))).toEqual(Option.some("old"))
      const error = yield* Effect.flip(read(secret, text("old")))
      expect(error.field).toBe(tokensKey)
      expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(secret)
    })
  )

  it.effect.each([
    secret,
    `{"": "${secret}"}`,
    `{"": {"token": ["${secret}"]}}`,
    `{"": {"token": "${secret}"}`,
    `["${secret}"]`,
    `"${secret}"`,
    `{"": {"jwt": "${secret}"}}`
  ])("that cannot be read stay out of the error: %s", (text) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(serviceAccountToken({ [tokensKey]: text }, {}))
      expect(Exit.isFailure(exit)).toBe(true)
      const error = yield* Effect.flip(serviceAccountToken({ [tokensKey]: text }, {}))
      expect(error.field).toBe(tokensKey)
      for (const shown of [error.message, String(exit), JSON.stringify(exit), JSON.stringify(error), error.stack]) {
        expect(shown).not.toContain("secret")
      }
    })
  )

  it.effect("stay out of a spec's errors", () =>
    Effect.gen(function* () {
      const error = yield* refused({ "is-ca": "maybe" }, { [tokensKey]: secret })
      expect(JSON.stringify(error)).not.toContain(secret)
    })
  )
})

describe("the passwords of keystores", () => {
  const p12 = { "pkcs12-enable": "true" }
  const jks = { "jks-enable": "true" }
  const read = Effect.fnUntraced(function* (attributes: Texts, secrets: Texts = {}) {
    const spec = yield* decode(attributes)
    const wrapped = Object.fromEntries(Object.entries(secrets).map(([key, value]) => [key, Redacted.make(value)]))
    const found = yield* passwordsOf(spec, context(attributes), wrapped)
    return Object.fromEntries([...found].map(([kind, password]) => [kind, Redacted.value(password)]))
  })

  it.effect("come from the attribute, from the Secret, or from nobody", () =>
    Effect.gen(function* () {
      expect(yield* read({})).toEqual({})
      expect(yield* read({ ...p12, "pkcs12-password": "$HOME ${x" })).toEqual({ pkcs12: "$HOME ${x" })
      const both = { ...p12, ...jks, "pkcs12-password-from": "secret:a", "jks-password-from": "generate" }
      expect(yield* read(both, { a: "one\n", b: "two" })).toEqual({ pkcs12: "one\n" })
    })
  )

  it.effect.each<[string, Texts, string]>([
    ["is missing", {}, 'finds no key "a"; name a Secret that has it as the csi volume\'s nodePublishSecretRef'],
    ["is another key", { b: "x" }, 'finds no key "a"'],
    ["is empty", { a: "" }, 'the Secret\'s key "a" must be a password of 1 to 1024 characters'],
    ["holds a NUL", { a: "hush\0" }, "none of them NUL"],
    ["is a book", { a: "hush".repeat(999) }, "1 to 1024"]
  ])("that %s in the Secret is an error that does not say it", ([, secrets, sentence]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read({ ...jks, "jks-password-from": "secret:a" }, secrets))
      expect(error).toMatchObject({ _tag: "SpecError", field: `${ours}jks-password-from` })
      expect(error.message).toContain(sentence)
      expect(`${error.message}${JSON.stringify(error)}`).not.toContain("hush")
    })
  )

  it.effect("are withheld from what is written down, which is still a whole spec", () =>
    Effect.gen(function* () {
      const given = context({ ...p12, ...jks, "pkcs12-password": "hush", "jks-password": "hush too" })
      const recorded = withoutSecrets(given)
      expect(JSON.stringify(recorded)).not.toContain("hush")
      expect(yield* decodeVolumeSpec(recorded, settings)).toEqual(yield* decodeVolumeSpec(given, settings))
    })
  )

  it.effect("stay out of every error", () =>
    Effect.gen(function* () {
      for (const attributes of [
        { "pkcs12-password": "hush" },
        { ...p12, "pkcs12-password": "hush\0hush" },
        { ...p12, "pkcs12-password": "hush", "pkcs12-password-from": "secret:a" },
        { ...jks, "jks-password": "hush", "jks-filename": "../a" }
      ]) {
        const error = yield* refused(attributes)
        expect(`${error.message}${JSON.stringify(error)}`).not.toContain("hush")
      }
    })
  )
})

/** Values that are right for some attribute, nearly right, or noise. */
const values = fc.oneof(
  fc.constantFrom(
    ...["true", "false", "RSA", "ecdsa", "Ed25519", "256", "2048", "521", "PKCS1", "PKCS8", "24h", "-1s", "0"],
    ...["CN=a,O=b", "a.example,b", "10.0.0.1,::1", "urn:a", "server auth", "any,,any", "ca.crt", "tls.key", "../a"],
    ...["$POD_NAME", "${POD_NAME}", "${", "$nobody", '"a,b",c', '"a', " ", ",", "\\", "#", "="]
  ),
  fc.string({ unit: "binary", maxLength: 20 })
)

describe("whatever a pod writes", () => {
  it("is a complete spec, or an error at a key that it could have written", () => {
    const attributes = fc.dictionary(fc.constantFrom(...attributeNames), values, { maxKeys: 12 })
    const fields = new Set(attributeNames.map((name) => ours + name))
    fc.assert(
      fc.property(attributes, fc.boolean(), (attributes, complete) => {
        const given = { ...podInfo, ...(complete ? { [`${ours}issuer-name`]: "ca" } : {}) }
        const written = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [ours + key, value]))
        const result = Effect.runSync(Effect.result(decodeVolumeSpec({ ...given, ...written }, settings)))
        if (Result.isFailure(result)) {
          expect(result.failure).toBeInstanceOf(SpecError)
          expect(fields).toContain(result.failure.field)
          expect(result.failure.rule).toMatch(/\S/)
          expect(result.failure.rule.length).toBeLessThan(1000)
        } else {
          const { files, issuer, key, usages } = result.success
          expect(issuer.name).not.toBe("")
          expect(usages.length).toBeGreaterThan(0)
          expect(new Set(usages).size).toBe(usages.length)
          const names = Object.values(files).filter((name) => name !== undefined)
          expect(new Set(names).size).toBe(names.length)
          expect(["RSA", "ECDSA", "Ed25519"]).toContain(key.algorithm)
        }
      }),
      { numRuns: 500 }
    )
  })

  it.each(attributeNames.filter((name) => name !== "duration" && name !== "renew-before"))(
    "is read in a moment, however long: %s",
    (name) => {
      for (const text of ["${", " ", ",", '"', "a ", "\\", "1", "=", "CN=a,", "a".repeat(9)]) {
        const before = performance.now()
        Effect.runSync(Effect.result(decode({ [name]: `a=${text.repeat(200_000 / text.length)}"` })))
        expect(performance.now() - before).toBeLessThan(2000)
      }
    }
  )
})

describe("names of all kinds", () => {
  it.effect("are addresses in their shortest form, an IPv4 address within IPv6 included", () =>
    Effect.gen(function* () {
      const found = yield* decode({ "ip-sans": "FE80::1,::ffff:1.2.3.4,::1.2.3.4,64:ff9b::1.2.3.4,0:0:0:0:0:0:0:0" })
      expect(found.ipAddresses).toEqual(["fe80::1", "1.2.3.4", "::102:304", "64:ff9b::102:304", "::"])
    })
  )

  it.effect("are no URI with an escape that Go cannot read", () =>
    Effect.gen(function* () {
      expect((yield* refused({ "uri-sans": "http://x/%zz" })).field).toBe(`${ours}uri-sans`)
    })
  )

  it.effect("are annotations of the request by the rules of Kubernetes", () =>
    Effect.gen(function* () {
      expect((yield* decode({}, { "Example.com/Foo": "v" })).annotations).toEqual({ "Example.com/Foo": "v" })
      for (const key of ["a..b/x", "a-.b/x", "a_b/x", "a/b/c"]) {
        expect((yield* refused({}, { [key]: "v" })).field).toBe(key)
      }
    })
  )

  it.effect("are not usages: a CA with an empty list of usages has the default ones", () =>
    Effect.gen(function* () {
      const { usages } = yield* decode({ "common-name": "ca", "is-ca": "true", "key-usages": "," })
      expect(usages).toEqual((yield* decode({})).usages)
    })
  )
})
