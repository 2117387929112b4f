/**
 * `/livez` and `/readyz` as the kubelet's probes read them, from the process itself: what each check says, and that
 * Identity's Probe never says anything else. The freshness of a watch is weighed here too, on a told time.
 */
import { existsSync, mkdirSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import { create } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { Effect, Exit, Fiber, Option, Schedule } from "effect"
import { methodDefinition } from "../../src/csi/GrpcDefinitions.ts"
import { Identity } from "../../src/csi/generated/csi_pb.js"
import { WatchFreshness } from "../../src/kube/WatchFreshness.ts"
import { flagsIn, startCertlet, writeKubeconfigOfNobody } from "../kit/certlet.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { freePort } from "../kit/freePorts.ts"
import { eventually } from "../kit/until.ts"
import { startNode } from "./LiveNode.ts"

/** A process whose API server is away, with the flag for health and a kubelet's root. */
const start = Effect.fnUntraced(function* (folder: string) {
  const port = yield* freePort
  writeKubeconfigOfNobody(folder)
  mkdirSync(join(folder, "kubelet"))
  const more = ["--kubelet-root-dir", join(folder, "kubelet"), "--health-bind-address", `127.0.0.1:${port}`]
  yield* startCertlet([...flagsIn(folder), ...more])
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

describe("a node", () => {
  it.live(
    "is ready when it sees the API server, and while it drains it is alive, not ready, and finishes its calls",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const node = yield* startNode(["--health-bind-address", `127.0.0.1:${port}`])
        const get = lookAt(port)
        yield* eventually(
          "the node to be ready",
          Effect.map(get("/readyz"), ({ status }) => status === 200)
        )
        expect(yield* get("/readyz")).toEqual({ status: 200, text: "ok\n" })
        expect((yield* get("/readyz?verbose")).text).toBe("[+] socket: ok\n[+] watch CertificateRequests: ok\nok\n")
        expect(yield* isReady(join(node.folder, "csi.sock"))).toBe(true)
        yield* node.cluster.behave({ approval: "hold" })
        const publishing = yield* Effect.forkChild(Effect.exit(node.publish("web")))
        yield* eventually(
          "a request",
          Effect.sync(() => node.cluster.store.all().length === 1)
        )
        node.child.kill("SIGTERM")
        yield* eventually(
          "the socket to go",
          Effect.sync(() => !existsSync(join(node.folder, "csi.sock")))
        )
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
