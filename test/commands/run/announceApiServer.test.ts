/** What certlet says of the API server before it serves, and what ends it there. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Redacted } from "effect"
import { announceApiServer } from "../../../src/commands/run/announceApiServer.ts"
import { type KubeSettings, Settings } from "../../../src/Settings.ts"
import { writeKubeconfigOfNobody } from "../../kit/certlet.ts"
import { temporaryFolder } from "../../kit/folders.ts"
import { kubeSettings, settings } from "../../kit/settings.ts"

const said = Effect.fnUntraced(function* (kube: Partial<KubeSettings>) {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
  const ended = yield* Effect.result(
    Effect.scoped(Layer.build(announceApiServer)).pipe(
      Effect.provideService(Settings, { ...settings, kube: { ...kubeSettings, ...kube } }),
      Effect.provide(Logger.layer([logger]))
    )
  )
  return { lines, ended }
})

const token = `x.${Buffer.from('{"sub":"system:serviceaccount:a:b"}').toString("base64url")}.y`
const withToken = { token: Option.some(Redacted.make(token)) }

describe("certlet run", () => {
  it.live("ends at once where it can never speak to the API server, and says what is wrong", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeKubeconfigOfNobody(folder)
      const kubeconfig = Option.some(`${folder}/kubeconfig`)
      for (const [kube, sentence] of [
        [{}, "there is no kubeconfig, and this is no pod with a ServiceAccount"],
        [{ kubeconfig: Option.some("/nonexistent") }, "no such file or directory, stat '/nonexistent'"],
        [{ kubeconfig, context: Option.some("prod") }, 'no context "prod" (--context); it has "away"'],
        [{ kubeconfig, user: Option.some("jane") }, 'no user "jane" (--user); it has "nobody"']
      ] as const) {
        const { ended, lines } = yield* said(kube)
        expect(lines).toEqual([])
        expect(ended).toMatchObject({ _tag: "Failure", failure: { detail: expect.stringContaining(sentence) } })
      }
    })
  )

  it.live("says which API server it speaks to and as whom, or what its credentials wait for", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeKubeconfigOfNobody(folder)
      const kubeconfig = Option.some(`${folder}/kubeconfig`)
      for (const [kube, sentence] of [
        [{}, "the API server is https://127.0.0.1:1, and certlet speaks to it as the owner of a token (bearer token)"],
        [withToken, "as system:serviceaccount:a:b (bearer token)"],
        [
          { ...withToken, as: Option.some("jane") },
          "as jane, impersonated by system:serviceaccount:a:b (bearer token)"
        ],
        [
          { clientCertificate: Option.some(`${folder}/late.pem`) },
          "cannot be used yet: credentials cannot be read: ENOENT"
        ]
      ] as const) {
        const { ended, lines } = yield* said({ kubeconfig, ...kube })
        expect(ended._tag).toBe("Success")
        expect(lines).toEqual([expect.stringContaining(sentence)])
        expect(lines.join("\n")).not.toContain(token)
      }
    })
  )
})
