/**
 * A check says what a node would say, all of it at once and each fault at its line. Besides it finds what only a
 * manifest can have: values that are no text, and labels that nobody sets.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import { checkVolume } from "../../../src/commands/check/checkVolume.ts"
import { readManifests } from "../../../src/commands/check/Manifest.ts"
import { podVolumes } from "../../../src/commands/check/podVolumes.ts"
import { settings as site } from "../../kit/settings.ts"

const ours = "csi.cert-manager.io/"

const manifest = (attributes: Readonly<Record<string, unknown>>, labels: object = { app: "web" }) =>
  [
    "apiVersion: apps/v1",
    "kind: Deployment",
    "metadata: { name: web, namespace: apps }",
    "spec:",
    "  template:",
    `    metadata: ${JSON.stringify({ labels })}`,
    "    spec:",
    "      volumes:",
    "        - name: tls",
    "          csi:",
    "            driver: csi.cert-manager.io",
    "            volumeAttributes:",
    ...Object.entries(attributes).map(
      ([key, value]) => `              ${JSON.stringify(key)}: ${JSON.stringify(value)}`
    )
  ].join("\n")

const check = Effect.fnUntraced(function* (text: string, strict = false) {
  const read = yield* readManifests("web.yaml", text)
  const manifests = read.flatMap((one) => (Result.isSuccess(one) ? [one.success] : []))
  const volumes = manifests.flatMap((one) => podVolumes(one, "csi.cert-manager.io", "default"))
  return yield* Effect.forEach(volumes, (volume) => checkVolume(volume, { site, strict }))
})

const findings = (attributes: Readonly<Record<string, unknown>>, labels?: object, strict?: boolean) =>
  Effect.map(check(manifest(attributes, labels), strict), (checked) =>
    checked.flatMap((one) =>
      one.findings.map(({ attribute, place, rule, severity }) => ({
        severity,
        line: Option.getOrUndefined(Option.map(place, ({ line }) => line)),
        attribute: attribute.replace(ours, ""),
        rule
      }))
    )
  )

describe("a check", () => {
  it.effect("finds nothing in a sound volume, and knows its names", () =>
    Effect.gen(function* () {
      const names = "${POD_NAME}.${POD_NAMESPACE}.svc,${POD_LABEL:app}.svc"
      const [checked] = yield* check(manifest({ [`${ours}issuer-name`]: "ca", [`${ours}dns-names`]: names }))
      expect(checked?.findings).toEqual([])
      expect(Option.map(checked?.spec ?? Option.none(), ({ dnsNames }) => dnsNames)).toEqual(
        Option.some(["web-5d8f7c6b9d-x7k2p.apps.svc", "web.svc"])
      )
    })
  )

  it.effect("finds everything at once, each at its line, in the file's order", () =>
    Effect.gen(function* () {
      const attributes = { duration: "1 day", "is-ca": true, "key-size": "5", "issuer-nam": "ca" }
      const prefixed = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [ours + name, value]))
      const found = yield* findings(prefixed)
      expect(found.map(({ attribute, line, severity }) => [severity, attribute, line])).toEqual([
        ["error", "issuer-name", 12],
        ["error", "duration", 13],
        ["error", "is-ca", 14],
        ["error", "key-size", 15],
        ["warning", "issuer-nam", 16]
      ])
      expect(found[2]?.rule).toBe('must be a text: write it in quotes, "true"')
      expect(found[4]?.rule).toContain(`did you mean ${ours}issuer-name?`)
    })
  )

  it.effect("warns of a label that the template has not, and of a key without a group", () =>
    Effect.gen(function* () {
      const attributes = {
        [`${ours}issuer-name`]: "ca",
        [`${ours}dns-names`]: "${POD_LABEL:who}.svc",
        "dns-names": "a"
      }
      const found = yield* findings(attributes, {})
      expect(found.map(({ attribute, severity }) => [severity, attribute])).toEqual([
        ["warning", "metadata"],
        ["warning", "dns-names"]
      ])
      expect(found[0]?.rule).toContain("the label who")
    })
  )

  it.effect("makes errors of warnings where the nodes are strict", () =>
    Effect.gen(function* () {
      const attributes = { [`${ours}issuer-name`]: "ca", [`${ours}ttl`]: "1h" }
      expect((yield* findings(attributes)).map(({ severity }) => severity)).toEqual(["warning"])
      expect((yield* findings(attributes, {}, true)).map(({ severity }) => severity)).toEqual(["error"])
    })
  )

  it.effect.each([[["a"]], ["text"], [5]])("refuses attributes that are %j and no map", (attributes) =>
    Effect.gen(function* () {
      const text = manifest({}).replace(/volumeAttributes:$/, `volumeAttributes: ${JSON.stringify(attributes)}`)
      const [checked] = yield* check(text)
      expect(checked?.findings[0]).toMatchObject({ attribute: "volumeAttributes", rule: "must be a map of texts" })
    })
  )
})
