/** Credentials that cannot be used, and the sentence that says why. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { makeCredentials } from "../../src/kube/KubeCredentials.ts"
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
})
