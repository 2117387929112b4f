/**
 * What `--explain` says of a volume: what a pod would find, with its own names; and nothing of one that a node would
 * refuse.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { checkVolume } from "../../../src/commands/check/checkVolume.ts"
import { explanation } from "../../../src/commands/check/explanation.ts"
import { settings as site } from "../../kit/settings.ts"

const explain = (attributes: Readonly<Record<string, string>>) => {
  const prefixed = Object.entries(attributes).map(([name, text]) => [`csi.cert-manager.io/${name}`, text])
  const volume = {
    manifest: { file: "a.yaml", value: {}, placeOf: () => Option.none() },
    object: { kind: "StatefulSet", namespace: "apps", name: "db" },
    path: [],
    volume: "tls",
    csi: { volumeAttributes: Object.fromEntries(prefixed) },
    inline: true,
    pod: { name: "db-0", serviceAccount: "db", labels: {}, annotations: {} }
  }
  return Effect.map(checkVolume(volume, { site, strict: false }), explanation)
}

describe("an explanation", () => {
  it.effect("has names with their variables, the dates of a renewal, and every file", () =>
    Effect.gen(function* () {
      const text = yield* explain({
        "issuer-name": "ca",
        "common-name": "${POD_NAME}",
        "dns-names": "${POD_NAME}.db.${POD_NAMESPACE}.svc",
        "ip-sans": "${POD_IP}",
        "other-names": "upn=${POD_NAME}@corp",
        "continue-on-not-ready": "true",
        duration: "24h",
        "renew-before": "6h",
        "key-algorithm": "ECDSA",
        "file-mode": "0400",
        "jks-enable": "true",
        "jks-password-from": "generate",
        "truststore-enable": "true"
      })
      expect(text.split("\n")).toEqual([
        "StatefulSet apps/db, volume tls, in a pod such as db-0",
        "  issuer    Issuer ca (cert-manager.io)",
        "  subject   CN=db-0",
        "  names     DNS:db-0.db.apps.svc, IP:192.0.2.10, othername:upn=db-0@corp",
        "  usages    digital signature, key encipherment",
        "  lifetime  1d, renewed 16h 12m to 18h after its issue",
        "  key       ECDSA 256, PKCS8",
        "  files     ca.crt, tls.crt, tls.key, keystore.jks, truststore.jks, keystore.jks.password (mode 0400)",
        ""
      ])
    })
  )

  it.effect("is empty for a volume that is refused", () =>
    Effect.gen(function* () {
      expect(yield* explain({ duration: "soon" })).toBe("")
    })
  )
})
