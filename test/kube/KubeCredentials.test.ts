/** Credentials that cannot be used, and the sentence that says why. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { makeCredentials } from "../../src/kube/KubeCredentials.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { kubeSettings } from "../kit/settings.ts"

const clear = { server: Option.some("http://api.example.com:8080"), token: Option.some(Redacted.make("s3cret")) }

describe("the credentials", () => {
  it.live("go over no connection in clear text, unless the settings give up TLS altogether", () =>
    Effect.gen(function* () {
      const strict = yield* makeCredentials({ ...kubeSettings, ...clear })
      const { detail } = yield* Effect.flip(strict.current)
      expect(detail).toBe(
        'the API server\'s address "http://api.example.com:8080" is not https, so a token would go in clear text; use an address with https'
      )
      const careless = yield* makeCredentials({ ...kubeSettings, ...clear, insecureSkipTlsVerify: true })
      expect((yield* careless.current).server).toBe("http://api.example.com:8080")
    })
  )

  it.live.each(["socks4://user:s3cret@proxy:1080", "ftp://proxy", "http://", "://"])(
    "are refused with a proxy-url that names no proxy: %s",
    (url) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "kubeconfig")
        const document = {
          clusters: [{ name: "c", cluster: { server: "https://api.example.com", "proxy-url": url } }],
          users: [{ name: "u", user: { token: "t" } }],
          contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
          "current-context": "x"
        }
        yield* Effect.promise(() => writeFile(file, JSON.stringify(document)))
        const { current } = yield* makeCredentials({ ...kubeSettings, kubeconfig: Option.some(file) })
        expect(yield* Effect.flip(current)).toMatchObject({
          detail:
            "the kubeconfig's proxy-url is no address of a proxy; write one that begins with http, https or socks5",
          lasting: true
        })
      }).pipe(Effect.scoped)
  )
})
