/** Credentials that change on disk, and those that cannot be used, with the sentence that says why. */
import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { makeCredentials } from "../../src/kube/KubeCredentials.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { kubeSettings } from "../kit/settings.ts"

const clear = { server: Option.some("http://api.example.com:8080"), token: Option.some(Redacted.make("s3cret")) }

/** A kubeconfig in a folder, for a user with these credentials. */
const kubeconfigFor = Effect.fnUntraced(function* (user: (folder: string) => object) {
  const folder = yield* temporaryFolder
  const file = join(folder, "kubeconfig")
  const document = {
    clusters: [{ name: "c", cluster: { server: "https://api.example.com" } }],
    users: [{ name: "u", user: user(folder) }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x"
  }
  const write = (name: string, text: string) => Effect.promise(() => writeFile(join(folder, name), text))
  yield* write("kubeconfig", JSON.stringify(document))
  return { folder, write, settings: { ...kubeSettings, kubeconfig: Option.some(file) } }
})

describe("the credentials", () => {
  it.effect("are read again after a minute: a certificate that was rotated on disk gets connections of its own", () =>
    Effect.gen(function* () {
      const { folder, settings, write } = yield* kubeconfigFor((folder) => ({
        "client-certificate": join(folder, "crt"),
        "client-key": join(folder, "key")
      }))
      yield* write("crt", "first")
      yield* write("key", "first")
      const { current } = yield* makeCredentials(settings)
      const first = yield* current
      yield* write("crt", "second")
      yield* TestClock.adjust("50 seconds")
      expect((yield* current).agent).toBe(first.agent)
      yield* TestClock.adjust("12 seconds")
      const second = yield* current
      expect(second.agent).not.toBe(first.agent)
      // Nothing has changed since, so that the connections stay.
      yield* TestClock.adjust("62 seconds")
      expect((yield* current).agent).toBe(second.agent)
      // A file that is being replaced at this moment fails no call.
      yield* Effect.promise(() => rm(join(folder, "crt")))
      yield* TestClock.adjust("62 seconds")
      expect((yield* current).agent).toBe(second.agent)
    }).pipe(Effect.scoped)
  )

  it.effect("are sent without the line break that a token's file ends in", () =>
    Effect.gen(function* () {
      const { settings, write } = yield* kubeconfigFor((folder) => ({ tokenFile: join(folder, "token") }))
      yield* write("token", "s3cret\n")
      const { current } = yield* makeCredentials(settings)
      expect((yield* current).headers.authorization).toBe("Bearer s3cret")
    }).pipe(Effect.scoped)
  )

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
