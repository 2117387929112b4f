import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Option, Result } from "effect"
import { brokenDefaults } from "../../src/spec/brokenDefaults.ts"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { defaultAttribute } from "../../src/spec/withDefaults.ts"
import { settings } from "../kit/settings.ts"

type Texts = Readonly<Record<string, string>>

/** What a pod with these attributes gets where these are the defaults. */
const decode = (defaults: Texts, written: Texts) =>
  decodeVolumeSpec(
    {
      "csi.storage.k8s.io/ephemeral": "true",
      "csi.storage.k8s.io/pod.name": "web-0",
      "csi.storage.k8s.io/pod.namespace": "apps",
      "csi.storage.k8s.io/pod.uid": "5f3c4f0e-9d53-4d0b-a6a7-0d1f0c2b7a11",
      "csi.storage.k8s.io/serviceAccount.name": "default",
      ...Object.fromEntries(Object.entries(written).map(([name, text]) => [`csi.cert-manager.io/${name}`, text]))
    },
    { ...settings, defaultAttributes: defaults }
  )

const issuer = { "issuer-name": "corp", "issuer-kind": "ClusterIssuer" }

describe("default attributes", () => {
  it.effect("are those of a volume that writes none", () =>
    Effect.gen(function* () {
      const spec = yield* decode({ ...issuer, duration: "24h", "dns-names": "${POD_NAME}.apps" }, {})
      expect([spec.issuer.name, spec.issuer.kind, spec.dnsNames, Duration.toHours(spec.duration)]).toEqual([
        "corp",
        "ClusterIssuer",
        ["web-0.apps"],
        24
      ])
      expect(spec.remarks).toEqual([])
    })
  )

  it.effect("give way to what the pod writes, and to an empty text", () =>
    Effect.gen(function* () {
      const defaults = { ...issuer, duration: "24h", "renew-before": "1h" }
      const spec = yield* decode(defaults, { duration: "1h", "renew-before": "" })
      expect(Duration.toHours(spec.duration)).toBe(1)
      expect(spec.renewBefore).toEqual(Option.none())
    })
  )

  it.effect("do not mix with what the pod has chosen: issuer, key, renewal, subject, password", () =>
    Effect.gen(function* () {
      const defaults = {
        ...issuer,
        "key-algorithm": "ECDSA",
        "key-size": "384",
        "renew-before": "1h",
        "literal-subject": "CN=corp",
        "pkcs12-password-from": "generate"
      }
      const own = {
        "issuer-name": "ca",
        "key-algorithm": "RSA",
        "renew-before-percentage": "20",
        "common-name": "web",
        "pkcs12-enable": "true",
        "pkcs12-password": "changeit"
      }
      const spec = yield* decode(defaults, own)
      expect(spec.issuer).toEqual({ name: "ca", kind: "Issuer", group: "cert-manager.io" })
      expect(spec.key).toEqual({ algorithm: "RSA", size: 2048 })
      expect(spec.renewBefore).toEqual(Option.some({ percentage: 20 }))
      expect(spec.subject).toEqual([[{ type: "2.5.4.3", value: "web" }]])
      expect(spec.keystores.map(({ password }) => password)).toEqual([{ _tag: "Attribute" }])
      expect(spec.remarks).toEqual([])
    })
  )

  it.effect("of a kind alone are for the issuers that pods name", () =>
    Effect.gen(function* () {
      const spec = yield* decode({ "issuer-kind": "ClusterIssuer" }, { "issuer-name": "ca" })
      expect(spec.issuer.kind).toBe("ClusterIssuer")
    })
  )

  it.effect("that only mean something with another attribute are left out without it", () =>
    Effect.gen(function* () {
      const defaults = {
        ...issuer,
        "pkcs12-password-from": "generate",
        "pkcs12-password-file": "word",
        "pkcs12-profile": "Modern2023",
        "pkcs12-truststore-filename": "t.p12",
        "truststore-enable": "true"
      }
      expect((yield* decode(defaults, {})).keystores).toEqual([])
      const [keystore] = (yield* decode(defaults, { "pkcs12-enable": "true" })).keystores
      expect(keystore).toMatchObject({ profile: "Modern2023", password: { _tag: "Generated", file: "word" } })
      expect(keystore?.truststore).toEqual(Option.some("t.p12"))
      const secret = { "pkcs12-enable": "true", "pkcs12-password-from": "secret:key" }
      expect((yield* decode(defaults, secret)).keystores[0]?.password).toEqual({ _tag: "Secret", key: "key" })
    })
  )

  it.effect("that a SPIFFE identity must not have are left out of one", () =>
    Effect.gen(function* () {
      const defaults = { ...issuer, "other-names": "upn=a@corp" }
      expect((yield* decode(defaults, {})).otherNames).toHaveLength(1)
      const spiffe = { spiffe: "true", "uri-sans": "spiffe://a/b" }
      expect((yield* decode(defaults, spiffe)).otherNames).toEqual([])
      const own = { ...spiffe, "other-names": "upn=a@corp" }
      expect((yield* Effect.flip(decode(defaults, own))).message).toContain("must be left out with spiffe")
    })
  )
})

describe("a default", () => {
  it.each([
    ["duration=24h", ["duration", "24h"]],
    ["csi.cert-manager.io/dns-names=a=b,c", ["dns-names", "a=b,c"]]
  ])("is written as %s", (text, pair) => {
    expect(defaultAttribute(text)).toEqual(Result.succeed(pair))
  })

  it.each([
    "duration",
    "duration=",
    "=24h",
    "no-such=1",
    "pkcs12-password=secret",
    "jks-password=secret",
    "example.com/duration=24h"
  ])("is not written as %s", (text) => {
    expect(Result.isFailure(defaultAttribute(text))).toBe(true)
  })

  it.effect.each<[string, Texts, string | undefined]>([
    [
      "sound ones",
      { ...issuer, duration: "24h", "dns-names": "${POD_IP}", "continue-on-not-ready": "true" },
      undefined
    ],
    ["a value that breaks its rule", { duration: "1 day" }, "csi.cert-manager.io/duration"],
    ["one that would be left out", { "pkcs12-profile": "Modern" }, "csi.cert-manager.io/pkcs12-profile"],
    [
      "two that exclude each other",
      { "renew-before": "1h", "renew-before-percentage": "5" },
      "csi.cert-manager.io/renew-before-percentage"
    ],
    ["an unknown variable", { "common-name": "${POD}" }, "csi.cert-manager.io/common-name"],
    ["what would be a remark", { duration: "2s" }, "csi.cert-manager.io/duration"]
  ])("is checked before the first pod: %s", ([, defaultAttributes, field]) =>
    Effect.gen(function* () {
      const [first] = yield* brokenDefaults({ ...settings, defaultAttributes })
      expect(first?.field).toBe(field)
    })
  )
})
