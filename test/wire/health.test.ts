/**
 * `/livez` and `/readyz` as the kubelet's probes read them, from the process itself: what each check says, and that
 * Identity's Probe never says anything else. The freshness of a watch is weighed here too, on a told time.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, unlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { create } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { Effect, Exit, Fiber, Option, Schedule } from "effect"
import { methodDefinition } from "../../src/csi/GrpcDefinitions.ts"
import { Identity } from "../../src/csi/generated/csi_pb.js"
import { WatchFreshness } from "../../src/kube/WatchFreshness.ts"
import { startNode } from "./LiveNode.ts"
import { temporaryFolder } from "./RecordingDriver.ts"

/** A port on which nobody listens. */
const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const kubeconfig = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "away", cluster: { server: "https://127.0.0.1:1" } }],
  users: [{ name: "nobody", user: { token: "none" } }],
  contexts: [{ name: "away", context: { cluster: "away", user: "nobody" } }],
  "current-context": "away"
})

/** A process whose API server is away, with the flag for health and a kubelet's root. */
const start = Effect.fnUntraced(function* (folder: string) {
  const port = yield* freePort
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      writeFileSync(join(folder, "kubeconfig"), kubeconfig)
      mkdirSync(join(folder, "kubelet"))
      const main = join(import.meta.dirname, "../../src/main.ts")
      const places = ["--endpoint", join(folder, "csi.sock"), "--data-root", join(folder, "records")]
      const cluster = ["--kubeconfig", join(folder, "kubeconfig"), "--kubelet-root-dir", join(folder, "kubelet")]
      const more = ["--volume-medium", "directory", "--health-bind-address", `127.0.0.1:${port}`]
      return spawn(process.execPath, [main, "run", "--node-id", "n", ...places, ...cluster, ...more], {
        stdio: "ignore"
      })
    }),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )
  const get = (path: string) =>
    Effect.promise(async () => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`)
      return { status: answer.status, text: await answer.text() }
    })
  const reach = Effect.tryPromise(() => fetch(`http://127.0.0.1:${port}/livez`)).pipe(
    Effect.filterOrFail((answer) => answer.ok),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("100 seconds")
  )
  yield* reach
  return { get }
})

const isReady = (socket: string) =>
  Effect.callback<boolean | undefined, string>((resume) => {
    const client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure())
    const { path, requestSerialize, responseDeserialize } = methodDefinition(Identity.method.probe)
    const request = create(Identity.method.probe.input)
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      client.close()
      resume(error === null ? Effect.succeed(answer?.ready) : Effect.fail(error.details))
    })
  })

describe("health", () => {
  it.live("is alive and not ready while the API server is away and no kubelet has come, and Probe says the same", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { get } = yield* start(folder)
      expect(yield* get("/livez")).toEqual({ status: 200, text: "ok\n" })
      expect(yield* get("/livez?verbose")).toEqual({ status: 200, text: "[+] socket: ok\nok\n" })
      const { status, text } = yield* get("/readyz")
      expect(status).toBe(503)
      expect(text).toContain("[-] registration: the kubelet has not asked for this driver yet")
      expect(text).toMatch(/\[-\] watch CertificateRequests: nothing has been read yet: .*ECONNREFUSED/)
      expect(text).not.toContain("socket")
      expect((yield* get("/readyz?verbose")).text).toContain("[+] socket: ok")
      expect(yield* isReady(join(folder, "csi.sock"))).toBe(false)
      expect((yield* get("/metrics")).status).toBe(404)
    }).pipe(Effect.scoped)
  )

  it.live("is not alive when the socket's name is gone, for then a restart helps", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { get } = yield* start(folder)
      unlinkSync(join(folder, "csi.sock"))
      const { status, text } = yield* get("/livez")
      expect(status).toBe(503)
      expect(text).toContain(`[-] socket: no answer on ${join(folder, "csi.sock")}`)
    }).pipe(Effect.scoped)
  )
})

/** What is answered at a path. */
const lookAt = (port: number) => (path: string) =>
  Effect.promise(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: answer.status, text: await answer.text() }
  })

const until = <E>(holds: Effect.Effect<boolean, E>) =>
  holds.pipe(
    Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: (held) => held }),
    Effect.timeout("100 seconds")
  )

describe("a node", () => {
  it.live(
    "is ready when it sees the API server, and while it drains it is alive, not ready, and finishes its calls",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const node = yield* startNode(["--health-bind-address", `127.0.0.1:${port}`])
        const get = lookAt(port)
        yield* until(Effect.map(get("/readyz"), ({ status }) => status === 200))
        expect(yield* get("/readyz")).toEqual({ status: 200, text: "ok\n" })
        expect((yield* get("/readyz?verbose")).text).toBe("[+] socket: ok\n[+] watch CertificateRequests: ok\nok\n")
        expect(yield* isReady(join(node.folder, "csi.sock"))).toBe(true)
        yield* node.cluster.behave({ approval: "hold" })
        const publishing = yield* Effect.forkChild(Effect.exit(node.publish("web")))
        yield* until(Effect.sync(() => node.cluster.store.all().length === 1))
        node.child.kill("SIGTERM")
        yield* until(Effect.sync(() => !existsSync(join(node.folder, "csi.sock"))))
        const { status, text } = yield* get("/readyz")
        expect(status).toBe(503)
        expect(text).toContain("[-] ending: certlet is ending")
        expect(yield* get("/livez")).toEqual({ status: 200, text: "ok\n" })
        yield* node.cluster.behave({ approval: "approve" })
        expect(Exit.isSuccess(yield* Fiber.join(publishing))).toBe(true)
        expect(yield* node.ended).toBe(0)
        expect(existsSync(join(node.request("web").target, "tls.crt"))).toBe(true)
      }).pipe(Effect.scoped)
  )
})

describe("a watch", () => {
  const second = 1_000
  const open = () => {
    const freshness = new WatchFreshness()
    freshness.opened(0)
    return freshness
  }

  it("is not fresh before anything was read, and says why", () => {
    const freshness = new WatchFreshness()
    expect(freshness.complaint(0)).toEqual(Option.some("nothing has been read yet"))
    freshness.broken(0, "no route")
    expect(freshness.complaint(second)).toEqual(Option.some("nothing has been read yet: no route"))
    freshness.opened(2 * second)
    expect(freshness.complaint(2 * second)).toEqual(Option.none())
  })

  it("stays fresh when it breaks for a moment, and not for longer", () => {
    const freshness = open()
    freshness.broken(10 * second, "reset")
    freshness.broken(30 * second, "refused")
    expect(freshness.complaint(39 * second)).toEqual(Option.none())
    expect(freshness.complaint(41 * second)).toEqual(Option.some("broken for 31 s: refused"))
    freshness.opened(50 * second)
    expect(freshness.complaint(50 * second)).toEqual(Option.none())
  })

  it("is not fresh when three bookmarks were missed", () => {
    const freshness = open()
    freshness.heard(60 * second)
    expect(freshness.complaint(259 * second)).toEqual(Option.none())
    expect(freshness.complaint(260 * second)).toEqual(Option.some("the API server has been silent for 200 s"))
    freshness.heard(261 * second)
    expect(freshness.complaint(262 * second)).toEqual(Option.none())
  })
})
