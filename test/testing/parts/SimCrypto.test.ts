/**
 * What the simulation signs is X.509: OpenSSL accepts the certificates that pods see and the signing requests that
 * certlet made, with keys of both kinds, before and after the CA has changed its key. Left out with a word where there
 * is no openssl.
 */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { DateTime, Effect, Option } from "effect"
import { signingRequestOf, specOf } from "../../../src/embedded/RequestRules.ts"
import type { Sight } from "../../../src/testing/judges/Sight.ts"
import { SimCluster } from "../../../src/testing/SimCluster.ts"
import { folderOfTests } from "../../kit/folders.ts"
import { describeWhere } from "../../kit/needs.ts"

const isThere = spawnSync("openssl", ["version"]).status === 0
const folder = folderOfTests("sim-openssl")

const openssl = (...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" })
  return { status, text: `${stdout}${stderr}` }
}

const lay = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return name
}

const accepts = ({ certificate: { notBefore }, files }: Sight, usages: string): void => {
  const [ca, certificate, key] = ["ca.crt", "tls.crt", "tls.key"].map((name) => lay(name, files.get(name)?.text ?? ""))
  const now = String(DateTime.toEpochMillis(notBefore) / 1000 + 1)
  const args = ["-x509_strict", "-check_ss_sig", "-attime", now, "-CAfile", ca ?? "", certificate ?? ""]
  expect(openssl("verify", ...args)).toEqual({ status: 0, text: "tls.crt: OK\n" })
  const own = openssl("x509", "-in", "tls.crt", "-noout", "-pubkey")
  expect(openssl("pkey", "-in", key ?? "", "-pubout")).toEqual(own)
  const { text } = openssl("x509", "-in", "tls.crt", "-noout", "-ext", "subjectAltName,keyUsage,extendedKeyUsage")
  expect(text).toContain("DNS:web.apps.svc, DNS:web, IP Address:10.1.2.3, URI:spiffe://cluster.local/web, email:")
  expect(text).toContain(usages)
}

describeWhere(isThere, "needs OpenSSL")("OpenSSL", () => {
  it.effect.each(["Ed25519", "P-256"] as const)("accepts what is signed and asked for with %s", (keys) =>
    Effect.gen(function* () {
      const cluster = yield* SimCluster.make({ seed: 42, keys })
      const key = (name: string) => `csi.cert-manager.io/${name}`
      const pod = yield* cluster.schedule({
        duration: "1 hour",
        dnsNames: ["web.apps.svc", "web"],
        attributes: {
          [key("ip-sans")]: "10.1.2.3",
          [key("uri-sans")]: "spiffe://cluster.local/web",
          [key("email-sans")]: "web@example.com",
          [key("key-usages")]: "digital signature,server auth,client auth"
        }
      })
      yield* cluster.advance("1 minute")
      accepts(yield* cluster.exec(pod), "TLS Web Server Authentication, TLS Web Client Authentication")
      yield* cluster.issuer.rotateCa()
      yield* cluster.advance("1 hour")
      accepts(yield* cluster.exec(pod), "Digital Signature")
      for (const object of cluster.world.server.api.stores.requests.all()) {
        lay("request.pem", Option.getOrThrow(Option.flatMap(specOf(object), signingRequestOf)))
        const { status, text } = openssl("req", "-in", "request.pem", "-verify", "-noout")
        expect([status, text]).toEqual([0, expect.stringMatching(/verify OK/)])
      }
    }).pipe(Effect.scoped)
  )
})
