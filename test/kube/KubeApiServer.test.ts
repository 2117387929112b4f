import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { it } from "@effect/vitest"
import { Duration, Effect, Logger, Option, Redacted, References } from "effect"
import { describe, expect } from "vitest"
import type { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { type CertificateRequests, RequestError } from "../../src/issuance/CertificateRequests.ts"
import { connect, draft, expectEvent, liveClient, record } from "../kit/LiveClient.ts"

const limit = 20_000

const failing = Effect.fnUntraced(function* (requests: CertificateRequests["Service"]) {
  return yield* Effect.flip(requests.submit(yield* draft()))
})

describe("KubeApiServer: what an answer means", () => {
  it.live.each([
    [400, "Invalid"],
    [403, "Forbidden"],
    [404, "Missing"],
    [422, "Invalid"],
    [429, "Throttled"],
    [500, "Unavailable"],
    [503, "Unavailable"],
    [0, "Unavailable"]
  ] as const)(
    "%i is %s",
    ([status, reason]) =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.trouble({ count: 2, status, verbs: ["create"] })
        const error = yield* failing(requests)
        expect(error).toBeInstanceOf(RequestError)
        expect(error.reason).toBe(reason)
        expect(error.action).toMatch(/^create CertificateRequest shop\//)
        if (status > 0) expect(error.detail).toBe(`the server was told to answer ${status}`)
        expect(error.retryAfterMillis).toBeUndefined()
      }),
    limit
  )

  it.live(
    "401 is Unauthorized, after the credentials have been read again",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.trouble({ count: 1, status: 401, verbs: ["create"] })
        yield* requests.submit(yield* draft())
        yield* cluster.trouble({ count: 2, status: 401, verbs: ["create"] })
        expect((yield* failing(requests)).reason).toBe("Unauthorized")
      }),
    limit
  )

  it.live(
    "Retry-After is heeded, in seconds and as a date",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* cluster.trouble({ count: 1, status: 429, verbs: ["create"], retryAfter: "3" })
        expect((yield* failing(requests)).retryAfterMillis).toBe(3000)
        const date = new Date(Date.now() + 60_000).toUTCString()
        yield* cluster.trouble({ count: 1, status: 503, verbs: ["create"], retryAfter: date })
        const error = yield* failing(requests)
        expect(error.reason).toBe("Unavailable")
        expect(error.retryAfterMillis).toBeGreaterThan(50_000)
        expect(error.retryAfterMillis).toBeLessThanOrEqual(60_000)
      }),
    limit
  )

  it.live(
    "no answer within the request's timeout is Unavailable",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient("certificate", { requestTimeout: Duration.millis(200) })
        yield* cluster.latency("5 seconds")
        const error = yield* failing(requests)
        expect([error.reason, error.detail]).toEqual(["Unavailable", "no answer within 0.2 seconds"])
      }),
    limit
  )

  it.live(
    "the webhook's refusal is passed on in its own words",
    () =>
      Effect.gen(function* () {
        const { requests } = yield* liveClient()
        const error = yield* Effect.flip(requests.submit({ ...(yield* draft()), signingRequest: "nonsense" }))
        expect(error.reason).toBe("Invalid")
        expect(error.detail).toContain("spec.request: error decoding certificate request PEM block")
      }),
    limit
  )
})

describe("KubeApiServer: connections", () => {
  it.live.each(["certificate", "token"] as const)(
    "are kept alive, with a %s",
    (user) =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient(user)
        const events = record(cluster)
        for (let i = 0; i < 20; i++) yield* requests.await(yield* requests.submit(yield* draft()))
        expect(events.filter((event) => event._tag === "Connected").length).toBeLessThanOrEqual(1)
        expect(yield* cluster.watches()).toBe(1)
      }),
    limit
  )

  it.live(
    "that the server has closed meanwhile are replaced without a failure",
    () =>
      Effect.gen(function* () {
        const { cluster, requests } = yield* liveClient()
        yield* requests.submit(yield* draft())
        yield* cluster.pause()
        yield* cluster.reopen()
        yield* requests.await(yield* requests.submit(yield* draft()))
      }),
    limit
  )

  it.live(
    "are used no faster than a limit says, where there is one",
    () =>
      Effect.gen(function* () {
        const { requests } = yield* liveClient("certificate", { qps: 2, burst: 4 })
        const drafts = yield* Effect.forEach(Array.from({ length: 12 }), () => draft())
        const [took] = yield* Effect.timed(Effect.forEach(drafts, requests.submit, { concurrency: 12 }))
        // Four at most are free, however long ago list and watch took theirs; the others are half a second apart by a
        // clock of whole milliseconds: longer than a busy machine takes without a limit.
        expect(Duration.toMillis(took)).toBeGreaterThan(8 * 500 - 10)
      }),
    limit
  )
})

/** A cluster, and a client whose token lies in a file. */
const withTokenFile = Effect.fnUntraced(function* () {
  const { cluster, folder } = yield* liveClient()
  const tokenFile = join(folder, "token")
  const kubeconfig = join(folder, "token.kubeconfig")
  yield* cluster.writeToken(tokenFile)
  yield* cluster.writeKubeconfig(kubeconfig, { tokenFile })
  const watching = yield* expectEvent(cluster, (event) => event._tag === "WatchOpened")
  const requests = yield* connect({ kubeconfig: Option.some(kubeconfig) })
  yield* watching
  return { cluster, requests, tokenFile }
})

const flags = Effect.fnUntraced(function* (cluster: EmbeddedCluster, folder: string) {
  const certificateAuthority = join(folder, "ca.crt")
  yield* Effect.promise(() => writeFile(certificateAuthority, cluster.authority))
  const token = yield* cluster.rotateToken()
  return {
    server: Option.some(cluster.url),
    certificateAuthority: Option.some(certificateAuthority),
    token: Option.some(Redacted.make(token))
  }
})

describe("KubeApiServer: credentials", () => {
  it.live(
    "a token that is rotated on disk is read again when the old one is refused, by calls and by the watch",
    () =>
      Effect.gen(function* () {
        const { cluster, requests, tokenFile } = yield* withTokenFile()
        yield* requests.submit(yield* draft())
        yield* cluster.rotateToken()
        expect((yield* failing(requests)).reason).toBe("Unauthorized")
        yield* cluster.writeToken(tokenFile)
        const again = yield* expectEvent(cluster, (event) => event._tag === "WatchOpened")
        yield* cluster.dropWatches()
        yield* again
        yield* requests.await(yield* requests.submit(yield* draft()))
      }),
    limit
  )

  it.live(
    "flags stand for a kubeconfig, and overrule one",
    () =>
      Effect.gen(function* () {
        const { cluster, folder, kubeconfig } = yield* liveClient()
        const given = yield* flags(cluster, folder)
        const requests = yield* connect(given)
        yield* requests.await(yield* requests.submit(yield* draft()))
        const stranger = yield* connect({ kubeconfig: Option.some(kubeconfig), token: Option.some(Redacted.make("x")) })
        // The kubeconfig's certificate still speaks for us, as with kubectl.
        yield* stranger.submit(yield* draft())
        const nowhere = yield* connect({
          kubeconfig: Option.some(kubeconfig),
          server: Option.some("https://127.0.0.1:9")
        })
        expect((yield* failing(nowhere)).reason).toBe("Unavailable")
      }),
    limit
  )

  it.live(
    "a server whose certificate does not fit is not talked to, unless that is allowed",
    () =>
      Effect.gen(function* () {
        const { cluster, folder, kubeconfig } = yield* liveClient()
        const given = yield* flags(cluster, folder)
        const trusting = yield* connect({ server: given.server, token: given.token })
        expect((yield* failing(trusting)).detail).toMatch(/certificate|self.signed/)
        const misled = yield* connect({
          kubeconfig: Option.some(kubeconfig),
          tlsServerName: Option.some("bank.example")
        })
        expect((yield* failing(misled)).detail).toContain("bank.example")
        const named = yield* connect({ kubeconfig: Option.some(kubeconfig), tlsServerName: Option.some("localhost") })
        yield* named.submit(yield* draft())
        const careless = yield* connect({ server: given.server, token: given.token, insecureSkipTlsVerify: true })
        yield* careless.submit(yield* draft())
      }),
    limit
  )

  it.live(
    "that cannot be read hinder no start, and are found when they come",
    () =>
      Effect.gen(function* () {
        const { cluster, folder } = yield* liveClient()
        const kubeconfig = join(folder, "late.kubeconfig")
        const requests = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        const error = yield* failing(requests)
        expect([error.reason, error.detail]).toEqual(["Unavailable", expect.stringContaining("no such file")])
        yield* cluster.writeKubeconfig(kubeconfig, "token")
        yield* requests.await(yield* requests.submit(yield* draft()))
      }),
    limit
  )
})

describe("KubeApiServer: secrets", () => {
  it.live(
    "are in no error and in no log",
    () =>
      Effect.gen(function* () {
        const said: Array<string> = []
        const logger = Logger.make<unknown, void>(({ message, cause }) => {
          said.push(JSON.stringify([message, String(cause)]))
        })
        const secret = "s3cr3t-token"
        const { cluster, folder, kubeconfig } = yield* liveClient()
        const broken = join(folder, "broken.kubeconfig")
        const text = yield* Effect.promise(() => readFile(kubeconfig, "utf8"))
        yield* Effect.promise(() => writeFile(broken, `users: [{name: a, user: {token: ${secret}\n  : {{{`))
        const flawed = join(folder, "flawed.kubeconfig")
        yield* Effect.promise(() =>
          writeFile(flawed, text.replace(/"user": \{/, `"user": {"token": "${secret}\\u0001",`))
        )
        const given = { token: Option.some(Redacted.make(secret)) }
        const { server, certificateAuthority } = yield* flags(cluster, folder)
        const errors = yield* Effect.forEach(
          [
            { ...given, server, certificateAuthority },
            { ...given, server },
            { ...given, server: Option.some("https://127.0.0.1:9") },
            { kubeconfig: Option.some(broken) },
            { kubeconfig: Option.some(flawed) }
          ],
          (settings) => Effect.flatMap(connect(settings), failing)
        ).pipe(Effect.provide(Logger.layer([logger])), Effect.provideService(References.MinimumLogLevel, "Trace"))
        const withToken = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        const lent = yield* Effect.flip(withToken.submit(yield* draft({ token: Redacted.make(`${secret}\n`) })))
        for (const error of [...errors, lent]) {
          expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(
            secret
          )
        }
        expect(said.join("\n")).not.toContain(secret)
      }),
    limit
  )
})
