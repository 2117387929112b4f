import "reflect-metadata"
import { request as send } from "node:https"
import { it } from "@effect/vitest"
import * as x509 from "@peculiar/x509"
import { Effect, Fiber } from "effect"
import { describe, expect } from "vitest"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { mergePatch } from "../../src/embedded/mergePatch.ts"
import { expectEvent, signingRequest } from "../kit/LiveClient.ts"

const limit = 20_000
const all = "/apis/cert-manager.io/v1/certificaterequests"
const inShop = "/apis/cert-manager.io/v1/namespaces/shop/certificaterequests"

interface Reply {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads answers of many shapes
  readonly body: any
  readonly lines: ReadonlyArray<string>
}

/** One request as a user of the cluster, over a connection of its own; a token replaces the user's certificate. */
const client =
  (cluster: EmbeddedCluster, user: "admin" | "certificate" = "admin", token?: string) =>
  (method: string, path: string, body?: unknown) =>
    Effect.callback<Reply>((resume) => {
      const { "client-certificate-data": cert, "client-key-data": key } = JSON.parse(cluster.kubeconfig(user)).users[0]
        .user
      const identity = token === undefined ? { cert: Buffer.from(cert, "base64"), key: Buffer.from(key, "base64") } : {}
      const payload = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body)
      const headers = {
        "content-length": Buffer.byteLength(payload),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
      }
      const outgoing = send(
        cluster.url + path,
        { method, ca: cluster.authority, agent: false, headers, ...identity },
        (answer) => {
          let text = ""
          answer.setEncoding("utf8")
          answer.on("data", (chunk: string) => {
            text += chunk
          })
          answer.on("end", () => {
            const lines = text.split("\n").filter((line) => line !== "")
            resume(Effect.succeed({ status: answer.statusCode ?? 0, body: JSON.parse(lines[0] ?? "null"), lines }))
          })
        }
      )
      outgoing.on("error", (error) => resume(Effect.die(error)))
      outgoing.end(payload)
      return Effect.sync(() => outgoing.destroy())
    })

const manifest = Effect.fnUntraced(function* (name: string, spec: object = {}, labels: object = {}) {
  const request = btoa(yield* signingRequest)
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "CertificateRequest",
    metadata: { name, labels },
    spec: { request, issuerRef: { name: "ca" }, ...spec }
  }
})

/** The next certificate that is signed, as PEM. */
const signed = (cluster: EmbeddedCluster) =>
  Effect.callback<string>((resume) => {
    const stop = cluster.store.subscribe(({ object }) => {
      const status = object.status
      if (typeof status === "object" && status !== null && "certificate" in status) {
        resume(Effect.succeed(atob(String(status.certificate))))
      }
    })
    return Effect.sync(stop)
  })

describe("EmbeddedCluster: the API", () => {
  it.live(
    "refuses strangers, and whatever a user may not do",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make()
        expect((yield* client(cluster, "admin", "nobody")("GET", all)).body).toMatchObject({
          kind: "Status",
          code: 401,
          reason: "Unauthorized"
        })
        const forbidden = yield* client(cluster, "certificate")("GET", `${inShop}/x`)
        expect(forbidden).toMatchObject({ status: 403, body: { reason: "Forbidden" } })
        const token = yield* cluster.rotateToken()
        expect((yield* client(cluster, "admin", token)("GET", all)).status).toBe(200)
        yield* cluster.rotateToken()
        expect((yield* client(cluster, "admin", token)("GET", all)).status).toBe(401)
      }),
    limit
  )

  it.live(
    "creates, reads, changes and deletes, and says no as Kubernetes does",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make()
        yield* cluster.behave({ approval: "hold" })
        const call = client(cluster)
        const body = yield* manifest("a")
        const created = yield* call("POST", inShop, body)
        expect(created.status).toBe(201)
        const { uid, resourceVersion } = created.body.metadata
        expect(yield* call("POST", inShop, body)).toMatchObject({ status: 409, body: { reason: "AlreadyExists" } })
        expect((yield* call("POST", inShop, "{")).status).toBe(400)
        expect((yield* call("POST", inShop, { ...body, metadata: { name: "No" } })).status).toBe(422)
        expect((yield* call("POST", inShop, { ...body, metadata: { name: "b", namespace: "bank" } })).status).toBe(400)
        const wordy = { ...body, metadata: { name: "b", labels: { a: "not a value" } } }
        expect((yield* call("POST", inShop, wordy)).status).toBe(422)
        expect((yield* call("POST", inShop, yield* manifest("b", { duration: "soon" }))).status).toBe(422)
        expect((yield* call("GET", "/apis/cert-manager.io/v1/gateways")).status).toBe(404)

        const patched = yield* call("PATCH", `${inShop}/a/status`, { status: { conditions: [] }, spec: { isCA: true } })
        expect(patched.body).toMatchObject({ status: { conditions: [] }, spec: { issuerRef: { name: "ca" } } })
        expect(patched.body.spec.isCA).toBeUndefined()
        const stale = { ...body, metadata: { name: "a", resourceVersion } }
        expect(yield* call("PUT", `${inShop}/a`, stale)).toMatchObject({ status: 409, body: { reason: "Conflict" } })
        const other = { preconditions: { uid: "other" } }
        expect(yield* call("DELETE", `${inShop}/a`, other)).toMatchObject({ status: 409, body: { reason: "Conflict" } })
        expect((yield* call("DELETE", `${inShop}/a`, { preconditions: { uid } })).status).toBe(200)
        expect((yield* call("DELETE", `${inShop}/a`)).status).toBe(404)
      }),
    limit
  )

  it.live(
    "pages of one list show one moment, and expire with history",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make()
        yield* cluster.behave({ approval: "hold" })
        const call = client(cluster)
        for (const name of ["a", "b", "c", "d"]) {
          yield* call("POST", inShop, yield* manifest(name, {}, { half: name < "c" ? "one" : "two" }))
        }
        const first = yield* call("GET", `${all}?limit=2`)
        const next = first.body.metadata.continue
        yield* call("DELETE", `${inShop}/d`)
        const second = yield* call("GET", `${all}?limit=2&continue=${next}`)
        const nameOf = (object: { metadata: { name: string } }) => object.metadata.name
        expect([...first.body.items, ...second.body.items].map(nameOf)).toEqual(["a", "b", "c", "d"])
        expect(second.body.metadata).toEqual({ resourceVersion: first.body.metadata.resourceVersion })
        const lost = (yield* call("GET", `${all}?limit=1`)).body.metadata.continue
        yield* cluster.expire("event")
        expect((yield* call("GET", `${all}?limit=1&continue=${lost}`)).status).toBe(410)
        const chosen = yield* call(
          "GET",
          `${inShop}?labelSelector=half%3Done,half!%3Dtwo&fieldSelector=metadata.name%3Db`
        )
        expect(chosen.body.items.map(nameOf)).toEqual(["b"])
        const ofSet = yield* call("GET", `${all}?labelSelector=half%20in%20(one,three),half%20notin%20(two)`)
        expect(ofSet.body.items.map(nameOf)).toEqual(["a", "b"])
        expect((yield* call("GET", `${all}?labelSelector=half%20~%20one`)).status).toBe(400)
      }),
    limit
  )

  it.live(
    "a watch tells what changes for its selector, with bookmarks, until its time",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make()
        yield* cluster.behave({ approval: "hold" })
        const call = client(cluster)
        yield* call("POST", inShop, yield* manifest("a", {}, { mine: "yes" }))
        const open = yield* expectEvent(cluster, (event) => event._tag === "WatchOpened")
        const path = `${all}?watch=true&labelSelector=mine&allowWatchBookmarks=true&timeoutSeconds=600`
        const watching = yield* Effect.forkChild(call("GET", path))
        yield* open
        yield* call("POST", inShop, yield* manifest("b"))
        yield* call("PATCH", `${inShop}/b`, { metadata: { labels: { mine: "yes" } } })
        yield* call("PATCH", `${inShop}/b`, { metadata: { labels: { mine: null } } })
        const signature = yield* Effect.forkChild(signed(cluster), { startImmediately: true })
        yield* cluster.approve({ namespace: "shop", name: "a" })
        yield* Fiber.join(signature)
        yield* call("DELETE", `${inShop}/a`)
        yield* cluster.endWatches()
        const { lines } = yield* Fiber.join(watching)
        const events = lines.map((line) => JSON.parse(line))
        const told = events.slice(0, 6).map(({ type, object }) => `${type} ${object.metadata.name}`)
        expect(told).toEqual([
          "ADDED a",
          "ADDED b",
          "DELETED b",
          "MODIFIED a",
          expect.stringMatching(/ a$/),
          "DELETED a"
        ])
        expect(events.at(-1)).toMatchObject({
          type: "BOOKMARK",
          object: { metadata: { resourceVersion: String(cluster.store.version) } }
        })
        yield* cluster.expire("event")
        const gone = yield* call("GET", `${all}?watch=true&resourceVersion=2`)
        expect(gone).toMatchObject({ status: 200, body: { type: "ERROR", object: { code: 410 } } })
        yield* cluster.expire("status")
        expect((yield* call("GET", `${all}?watch=true&resourceVersion=2`)).status).toBe(410)
      }),
    limit
  )
})

describe("EmbeddedCluster: the issuer", () => {
  const issued = Effect.fnUntraced(function* (cluster: EmbeddedCluster, name: string, spec: object) {
    const waiting = yield* Effect.forkChild(signed(cluster), { startImmediately: true })
    const body = yield* manifest(name, spec)
    yield* client(cluster)("POST", inShop, body)
    const certificate = new x509.X509Certificate(yield* Fiber.join(waiting))
    return { certificate, request: new x509.Pkcs10CertificateRequest(atob(body.spec.request)) }
  })

  it.live(
    "signs what was asked for, to the second, with its usages",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make()
        const spec = { duration: "15s", isCA: true, usages: ["cert sign", "server auth"] }
        const { certificate, request } = yield* issued(cluster, "a", spec)
        expect(certificate.notAfter.getTime() - certificate.notBefore.getTime()).toBe(15_000)
        expect(Buffer.from(certificate.publicKey.rawData)).toEqual(Buffer.from(request.publicKey.rawData))
        const issuer = new x509.X509Certificate(cluster.issuer)
        expect(yield* Effect.promise(() => certificate.verify({ publicKey: issuer.publicKey }, crypto))).toBe(true)
        expect(certificate.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(true)
        expect(certificate.getExtension(x509.KeyUsagesExtension)?.usages).toBe(x509.KeyUsageFlags.keyCertSign)
        expect(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual(["1.3.6.1.5.5.7.3.1"])
        const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON()
        expect(names).toEqual([{ type: "dns", value: "web.shop.example" }])
      }),
    limit
  )

  it.live(
    "grants no more than its cap, and a stranger's key when told so",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make({ maxDuration: "1 minute" })
        yield* cluster.behave({ issuer: "signWrongKey" })
        const { certificate, request } = yield* issued(cluster, "a", { duration: "1h" })
        expect(certificate.notAfter.getTime() - certificate.notBefore.getTime()).toBe(60_000)
        expect(Buffer.from(certificate.publicKey.rawData)).not.toEqual(Buffer.from(request.publicKey.rawData))
      }),
    limit
  )

  it.live(
    "writes the conditions that cert-manager's controllers write, and the first end stands",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make()
        yield* cluster.behave({ issuer: "hold" })
        const request = { namespace: "shop", name: "a" }
        yield* client(cluster)("POST", inShop, yield* manifest("a"))
        yield* cluster.fail(request, "out of ink")
        expect((yield* Effect.flip(cluster.deny(request, "too late")))._tag).toBe("NoSuchRequest")
        expect(cluster.store.get("shop", "a")?.status).toMatchObject({
          conditions: [
            { type: "Approved", status: "True", reason: "cert-manager.io" },
            { type: "Ready", status: "False", reason: "Failed", message: "out of ink" }
          ]
        })
      }),
    limit
  )

  it.live(
    "leaves a request pending whose issuer nobody has applied, and signs it when somebody has",
    () =>
      Effect.gen(function* () {
        const cluster = yield* EmbeddedCluster.make()
        const call = client(cluster)
        const named = { issuerRef: { name: "corp", kind: "ClusterIssuer", group: "cert-manager.io" } }
        yield* call("POST", inShop, yield* manifest("a", named))
        yield* call(
          "POST",
          inShop,
          yield* manifest("b", { issuerRef: { name: "x", kind: "Other", group: "example.com" } })
        )
        const pending = (name: string) => cluster.store.get("shop", name)?.status
        const message = 'Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "corp" not found'
        expect(pending("a")).toMatchObject({
          conditions: [{ type: "Approved" }, { type: "Ready", status: "False", reason: "Pending", message }]
        })
        const kinds = "/apis/cert-manager.io/v1"
        const body = { kind: "Issuer", metadata: { name: "corp" }, spec: {} }
        expect((yield* call("POST", `${kinds}/namespaces/shop/issuers`, body)).status).toBe(201)
        expect(pending("a")).not.toHaveProperty("certificate")
        const text = yield* Effect.forkChild(signed(cluster), { startImmediately: true })
        expect((yield* call("POST", `${kinds}/clusterissuers`, { ...body, kind: "ClusterIssuer" })).status).toBe(201)
        expect(yield* Fiber.join(text)).toContain("BEGIN CERTIFICATE")
        // Whose kind is nobody's has an approval, and nothing else.
        expect(pending("b")).toMatchObject({ conditions: [{ type: "Approved" }] })
      }),
    limit
  )
})

describe("mergePatch", () => {
  it.effect("follows RFC 7386", () =>
    Effect.sync(() => {
      expect(mergePatch({ a: "b", c: { d: "e", f: "g" } }, { a: "z", c: { f: null } })).toEqual({
        a: "z",
        c: { d: "e" }
      })
      expect(mergePatch({ a: ["b"] }, { a: ["c", "d"] })).toEqual({ a: ["c", "d"] })
      expect(mergePatch("text", { a: { b: null } })).toEqual({ a: {} })
      expect(mergePatch({ a: 1 }, ["x"])).toEqual(["x"])
    })
  )
})
