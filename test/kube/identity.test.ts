/**
 * As whom certlet speaks to the API server: for every kind of credential, with a proxy and without, its own calls are
 * its own, and what goes in a pod's name is the pod's and carries no other credential.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { certletUser } from "../../src/embedded/ApiUser.ts"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { connectProxy } from "../kit/ConnectProxy.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { connect, draft, expectEvent, record } from "../kit/LiveClient.ts"
import { socksProxy } from "../kit/SocksProxy.ts"

const limit = 60_000

interface Document {
  readonly clusters: [{ cluster: Record<string, unknown> }]
  readonly users: [{ user: Record<string, unknown> }]
}

const own = ["certificate", "token", "plugin's certificate", "plugin's token"] as const

/** A plugin that answers these credentials and writes down what it was told. */
const writePlugin = (folder: string, status: object) =>
  Effect.promise(async () => {
    const script = join(folder, "plugin.mjs")
    const answer = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }
    await writeFile(
      script,
      `import { writeFileSync } from "node:fs"
writeFileSync(${JSON.stringify(join(folder, "told.json"))}, process.env.KUBERNETES_EXEC_INFO ?? "")
console.log(${JSON.stringify(JSON.stringify(answer))})\n`
    )
    return script
  })

const text = (base64: unknown) => Buffer.from(String(base64), "base64").toString()

/** The user of a kubeconfig, by the kind of its credential. */
const userOf = Effect.fnUntraced(function* (
  cluster: EmbeddedCluster,
  folder: string,
  kind: (typeof own)[number],
  more: object = {}
) {
  const document: Document = JSON.parse(cluster.kubeconfig(kind.endsWith("token") ? "token" : "certificate"))
  const { user } = document.users[0]
  if (!kind.startsWith("plugin")) return document
  const status = kind.endsWith("token")
    ? { token: user.token }
    : { clientCertificateData: text(user["client-certificate-data"]), clientKeyData: text(user["client-key-data"]) }
  const script = yield* writePlugin(folder, status)
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: process.execPath,
    args: [script],
    interactiveMode: "Never",
    ...more
  }
  document.users[0].user = { exec }
  return document
})

const portOf = (url: string) => Number(new URL(url).port)

/** A cluster, a way to write kubeconfigs for it, and a client once it watches. */
const scene = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const cluster = yield* EmbeddedCluster.make()
  const client = (document: Document, tlsServerName: Option.Option<string> = Option.none()) =>
    Effect.gen(function* () {
      const kubeconfig = join(folder, "kubeconfig")
      yield* Effect.promise(() => writeFile(kubeconfig, JSON.stringify(document)))
      const watching = yield* expectEvent(cluster, (event) => event._tag === "WatchOpened")
      const requests = yield* connect({ kubeconfig: Option.some(kubeconfig), tlsServerName })
      yield* watching
      return requests
    })
  return { client, cluster, folder }
})

const proxies = {
  none: connectProxy,
  HTTP: connectProxy,
  SOCKS: (leadsTo: () => number) => socksProxy(leadsTo),
  "SOCKS with a password": (leadsTo: () => number) => socksProxy(leadsTo, { name: "web", password: "p@ss:word/" })
} as const
const ways = ["none", "HTTP", "SOCKS", "SOCKS with a password"] as const

describe("a call to the API server", () => {
  it.live.each(own.flatMap((kind) => ways.map((way) => [kind, way] as const)))(
    "with our own %s (proxy: %s) is ours, and one in a pod's name is the pod's alone",
    ([kind, way]) =>
      Effect.gen(function* () {
        const { client, cluster, folder } = yield* scene
        const proxy = yield* proxies[way](() => portOf(cluster.url))
        const document = yield* userOf(cluster, folder, kind)
        if (way !== "none") document.clusters[0].cluster["proxy-url"] = proxy.url
        const events = record(cluster)
        const requests = yield* client(document)
        const token = Redacted.make(yield* cluster.podToken("shop", "web"))
        yield* requests.submit(yield* draft({ token }))
        yield* requests.submit(yield* draft())
        yield* requests.submit(yield* draft({ token }))
        const creators = events.flatMap((event) =>
          event._tag === "Request" && event.verb === "create" ? [event.user] : []
        )
        const pod = "system:serviceaccount:shop:web"
        expect(creators).toEqual([pod, certletUser.name, pod])
        if (way !== "none") expect(new Set(proxy.asked)).toEqual(new Set([new URL(cluster.url).host]))
        else expect(proxy.asked).toEqual([])
      }),
    limit
  )

  it.live.each(["HTTP", "SOCKS"] as const)(
    "goes through the %s proxy that the environment names, which looks the server's name up; a pod's goes the same way",
    (way) =>
      Effect.gen(function* () {
        const { client, cluster, folder } = yield* scene
        const proxy = yield* proxies[way](() => portOf(cluster.url))
        yield* Effect.acquireRelease(
          Effect.sync(() => void Object.assign(process.env, { HTTPS_PROXY: proxy.url })),
          () => Effect.sync(() => delete process.env.HTTPS_PROXY)
        )
        const document = yield* userOf(cluster, folder, "certificate")
        document.clusters[0].cluster.server = "https://api.example.test:6443"
        const events = record(cluster)
        const requests = yield* client(document, Option.some("localhost"))
        yield* requests.submit(yield* draft({ token: Redacted.make(yield* cluster.podToken("shop", "web")) }))
        expect(new Set(proxy.asked)).toEqual(new Set(["api.example.test:6443"]))
        const created = events.find((event) => event._tag === "Request" && event.verb === "create")
        expect(created).toMatchObject({ user: "system:serviceaccount:shop:web" })
      }),
    limit
  )
})

describe("a credential plugin", () => {
  it.live(
    "is told of the cluster where it asks for that, and of nothing but its version otherwise",
    () =>
      Effect.gen(function* () {
        const { client, cluster, folder } = yield* scene
        const told = Effect.promise(async () => JSON.parse(await readFile(join(folder, "told.json"), "utf8")))
        const base = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential" }
        yield* client(yield* userOf(cluster, folder, "plugin's token"))
        expect(yield* told).toEqual({ ...base, spec: { interactive: false } })
        const document = yield* userOf(cluster, folder, "plugin's token", { provideClusterInfo: true })
        document.clusters[0].cluster.extensions = [
          { name: "client.authentication.k8s.io/exec", extension: { audience: "abc" } }
        ]
        yield* client(document)
        expect(yield* told).toEqual({
          ...base,
          spec: {
            interactive: false,
            cluster: {
              server: cluster.url,
              "certificate-authority-data": Buffer.from(cluster.authority).toString("base64"),
              config: { audience: "abc" }
            }
          }
        })
      }),
    limit
  )

  it.live.each([
    [
      "its own words on standard error",
      `console.error("token expired:\\n  run \`login\` again"); process.exit(3)`,
      'the credential plugin "PLUGIN" says: token expired: run `login` again'
    ],
    [
      "that it said nothing",
      "process.exit(3)",
      'the credential plugin "PLUGIN" ended with an error and said nothing on standard error'
    ],
    [
      "nothing of what it printed, where that is no credential",
      'console.log("s3cret")',
      'the credential plugin "PLUGIN" printed no ExecCredential with a status'
    ]
  ] as const)(
    "that fails is told with %s",
    ([, program, sentence]) =>
      Effect.gen(function* () {
        const { cluster, folder } = yield* scene
        const document = yield* userOf(cluster, folder, "plugin's token")
        const kubeconfig = join(folder, "kubeconfig")
        yield* Effect.promise(() => writeFile(join(folder, "plugin.mjs"), program))
        yield* Effect.promise(() => writeFile(kubeconfig, JSON.stringify(document)))
        const requests = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        const error = yield* Effect.flip(requests.submit(yield* draft()))
        expect(error.detail).toBe(sentence.replace("PLUGIN", process.execPath))
      }),
    limit
  )

  it.live(
    "that is not there is told with its path from the kubeconfig's folder and with its author's hint",
    () =>
      Effect.gen(function* () {
        const { cluster, folder } = yield* scene
        const more = { command: "./bin/login", installHint: "get it from\nexample.com" }
        const document = yield* userOf(cluster, folder, "plugin's token", more)
        const kubeconfig = join(folder, "kubeconfig")
        yield* Effect.promise(() => writeFile(kubeconfig, JSON.stringify(document)))
        const requests = yield* connect({ kubeconfig: Option.some(kubeconfig) })
        const error = yield* Effect.flip(requests.submit(yield* draft()))
        expect(error.detail).toContain(`the credential plugin "${join(folder, "bin/login")}" cannot be run`)
        expect(error.detail).toMatch(/ENOENT; get it from example.com$/)
      }),
    limit
  )
})
