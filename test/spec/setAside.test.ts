import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { settings } from "../kit/settings.ts"

type Texts = Readonly<Record<string, string>>

const ours = "csi.cert-manager.io/"

const decode = (attributes: Texts) =>
  decodeVolumeSpec(
    {
      "csi.storage.k8s.io/ephemeral": "true",
      "csi.storage.k8s.io/pod.name": "web-0",
      "csi.storage.k8s.io/pod.namespace": "shop",
      "csi.storage.k8s.io/pod.uid": "0000-1",
      "csi.storage.k8s.io/serviceAccount.name": "clerk",
      ...Object.fromEntries(Object.entries({ "issuer-name": "ca", ...attributes }).map(([key, _]) => [ours + key, _]))
    },
    settings
  )

/** What is told of an attribute, by its name. */
const told = (attributes: Texts) =>
  Effect.map(decode(attributes), ({ remarks }) =>
    Object.fromEntries(remarks.map(({ field, rule }) => [field.slice(ours.length), rule]))
  )

describe("a key under our prefix that nobody knows", () => {
  it.effect.each([
    ["dnsnames", "dns-names"],
    ["DNS-NAMES", "dns-names"],
    ["dns-name", "dns-names"],
    ["privatekey", "privatekey-file"],
    ["pkcs12-enabled", "pkcs12-enable"],
    ["pkcs12-file", "pkcs12-filename"],
    ["keystore-pkcs12-password", "pkcs12-password"],
    ["jks-pasword", "jks-password"],
    ["trust-store-enable", "truststore-enable"],
    ["renewBefore", "renew-before"],
    ["fsgroup", "fs-group"],
    ["issuername", "issuer-name"],
    ["is_ca", "is-ca"],
    ["organization", "organizations"],
    ["ttl", "duration"],
    ["upn", "other-names"],
    ["subject", "literal-subject"]
  ] as const)("is reported, and the attribute that was meant is named: %s", ([wrong, right]) =>
    Effect.gen(function* () {
      const rule = `is not a known attribute; did you mean ${ours}${right}?`
      expect(yield* told({ [wrong]: "a" })).toEqual({ [wrong]: rule })
    })
  )

  it.effect("has no suggestion where no attribute is near", () =>
    Effect.gen(function* () {
      for (const wrong of [
        "",
        " ",
        "a".repeat(290),
        "💥",
        "a/b",
        "pod-uid",
        "disable-auto-renew",
        "namespace",
        "toString"
      ]) {
        expect(yield* told({ [wrong]: "a" })).toEqual({ [wrong]: "is not a known attribute" })
      }
    })
  )
})

describe("an attribute that has no effect", () => {
  it.effect.each([
    "common-name",
    "organizations",
    "organizationalunits",
    "countries",
    "provinces",
    "localities",
    "streetaddresses",
    "postalcodes",
    "serialnumber"
  ])("is reported and not read: %s with literal-subject", (single) =>
    Effect.gen(function* () {
      const attributes = { "literal-subject": "CN=a", [single]: '"${nobody}' }
      expect(Object.keys(yield* told(attributes))).toEqual([single])
      expect((yield* decode(attributes)).subject).toEqual([[{ type: "2.5.4.3", value: "a" }]])
    })
  )

  it.effect("is reported and not read: of a keystore that is disabled", () =>
    Effect.gen(function* () {
      const attributes = { "pkcs12-enable": "false", "pkcs12-filename": "a/b", "pkcs12-password": "" }
      expect(yield* told(attributes)).toEqual({ "pkcs12-filename": 'has no effect with pkcs12-enable: "false"' })
      const both = { "jks-enable": "false", "jks-password": "x", "truststore-enable": "true" }
      expect(Object.keys(yield* told(both)).sort()).toEqual(["jks-password", "truststore-enable"])
      const store = { "jks-enable": "true", "jks-password": "x", "truststore-enable": "false" }
      expect(Object.keys(yield* told({ ...store, "jks-truststore-filename": "t" }))).toEqual([
        "jks-truststore-filename"
      ])
      expect((yield* decode(both)).keystores).toEqual([])
    })
  )

  it.effect("is reported: one that holds nothing but spaces", () =>
    Effect.gen(function* () {
      for (const name of ["literal-subject", "common-name", "serialnumber", "issuer-kind", "issuer-group"]) {
        expect(yield* told({ [name]: " \t" })).toEqual({ [name]: "holds nothing but spaces" })
      }
    })
  )
})

describe("a value that looks like a mistake", () => {
  it.effect("is reported, and the pod gets its certificate", () =>
    Effect.gen(function* () {
      expect(Object.keys(yield* told({ duration: "9s" }))).toEqual(["duration"])
      expect(yield* told({ duration: "10s" })).toEqual({})
      expect(Object.keys(yield* told({ "literal-subject": "CN=a,O=" }))).toEqual(["literal-subject"])
      expect(Object.keys(yield* told({ "uri-sans": "//host/x,urn:a" }))).toEqual(["uri-sans"])
    })
  )
})

describe("line breaks at the end of a list", () => {
  it.effect.each(["\n", "\r\n", "\n\n"])("are no part of it: %j", (end) =>
    Effect.gen(function* () {
      const spec = yield* decode({
        organizations: `"a, b",c${end}`,
        provinces: `x${end}`,
        "dns-names": `a.example,b.example${end}`,
        "ip-sans": `10.0.0.1${end}`,
        "uri-sans": `urn:a${end}`,
        "key-usages": `server auth${end}`,
        "issuer-kind": `ClusterIssuer${end}`
      })
      expect(spec.subject.flat().map(({ value }) => value)).toEqual(["x", "a, b", "c"])
      expect([spec.dnsNames, spec.ipAddresses, spec.uris]).toEqual([
        ["a.example", "b.example"],
        ["10.0.0.1"],
        ["urn:a"]
      ])
      expect([spec.usages, spec.issuer.kind, spec.remarks]).toEqual([["server auth"], "ClusterIssuer", []])
    })
  )
})
