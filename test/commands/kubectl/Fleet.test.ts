/**
 * How a cluster's certlets are found and asked, over a simulated API server and simulated containers, under the virtual
 * clock: pages of pods, pods that cannot be asked, how many are asked at once and for how long.
 */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { askFleet, type FleetNode, findFleet, runOn } from "../../../src/commands/kubectl/Fleet.ts"
import { ApiError } from "../../../src/kube/ApiError.ts"
import { type ApiCall, ApiServer } from "../../../src/kube/ApiServer.ts"
import { type ExecCall, type Executed, PodExec } from "../../../src/kube/PodExec.ts"

const pod = (
  name: string,
  change: { readonly metadata?: object; readonly spec?: object; readonly status?: object } = {}
) => ({
  metadata: { name, namespace: "cert-manager", ...change.metadata },
  spec: { nodeName: `node-${name}`, containers: [{ name: "certlet" }], ...change.spec },
  status: { phase: "Running", containerStatuses: [{ name: "certlet", state: { running: {} } }], ...change.status }
})

/** An API server that answers with these pages, one after the other; `asked` is what it was asked. */
const serverWith = (...pages: ReadonlyArray<ReadonlyArray<object>>) => {
  const asked: Array<ApiCall> = []
  const call = (call: ApiCall) =>
    Effect.sync(() => {
      asked.push(call)
      const page = asked.length
      const metadata = page < pages.length ? { continue: `page-${page}` } : {}
      return JSON.parse(JSON.stringify({ metadata, items: pages[page - 1] ?? [] }))
    })
  return { asked, layer: Layer.succeed(ApiServer, { call, follow: () => Effect.never }) }
}

const containers = (run: (call: ExecCall) => Effect.Effect<Executed, ApiError>) => Layer.succeed(PodExec, { run })

const everywhere = { selector: "app.kubernetes.io/name=certlet", certletNamespace: Option.none() }

const node = (name: string, idle: Option.Option<string> = Option.none()): FleetNode => ({
  node: name,
  namespace: "cert-manager",
  pod: `certlet-${name}`,
  container: "certlet",
  place: [],
  idle
})

const answer = JSON.stringify({
  version: "0.1.0",
  node: "n",
  driver: "csi.cert-manager.io",
  at: "2026-01-01T00:00:00.000Z",
  complaints: [],
  volumes: []
})
const ok = { exitCode: 0, stdout: answer, stderr: "" }
const timeout = Duration.seconds(20)

describe("the certlets of a cluster", () => {
  it.effect("are found by their label, page after page, in the order of their nodes", () =>
    Effect.gen(function* () {
      const server = serverWith([pod("b"), pod("c")], [pod("a")])
      const found = yield* Effect.provide(findFleet(everywhere), server.layer)
      expect(found.map(({ node }) => node)).toEqual(["node-a", "node-b", "node-c"])
      expect(server.asked.map(({ path, query }) => [path, query?.labelSelector, query?.continue])).toEqual([
        ["/api/v1/pods", "app.kubernetes.io/name=certlet", undefined],
        ["/api/v1/pods", "app.kubernetes.io/name=certlet", "page-1"]
      ])
      const one = serverWith([pod("a")])
      yield* Effect.provide(findFleet({ ...everywhere, certletNamespace: Option.some("certs") }), one.layer)
      expect(one.asked[0]?.path).toBe("/api/v1/namespaces/certs/pods")
    })
  )

  it.effect("are asked in the right container, with the flags that say where the admin socket is", () =>
    Effect.gen(function* () {
      const containers = [
        { name: "other" },
        {
          name: "agent",
          command: ["setpriv", "--", "certlet"],
          args: ["run", "--data-root=/data", "--admin-socket", "/s"]
        }
      ]
      const annotations = { "kubectl.kubernetes.io/default-container": "agent" }
      const status = { containerStatuses: [{ name: "agent", state: { running: {} } }] }
      const server = serverWith([pod("a", { metadata: { annotations }, spec: { containers }, status })])
      const [found] = yield* Effect.provide(findFleet(everywhere), server.layer)
      expect(found).toMatchObject({ container: "agent", place: ["--data-root=/data", "--admin-socket", "/s"] })
    })
  )

  it.effect("that cannot be asked say why, those that are about to end are left out, and none at all is an error", () =>
    Effect.gen(function* () {
      const crash = { containerStatuses: [{ name: "certlet", state: { waiting: { reason: "CrashLoopBackOff" } } }] }
      const server = serverWith([
        pod("a", { status: crash }),
        pod("b", { spec: { nodeName: undefined } }),
        pod("c", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }),
        pod("d", { status: { phase: "Pending", containerStatuses: [] } })
      ])
      const found = yield* Effect.provide(findFleet(everywhere), server.layer)
      expect(found.map(({ idle, pod }) => [pod, Option.getOrUndefined(idle)])).toEqual([
        ["b", "its pod has no node yet"],
        ["a", "its container does not run: CrashLoopBackOff"],
        ["d", "its pod is Pending"]
      ])
      const error = yield* Effect.flip(Effect.provide(findFleet(everywhere), serverWith([]).layer))
      expect(error.message).toMatch(/^no pod has the label app.kubernetes.io\/name=certlet: is certlet installed\?/)
    })
  )

  it.effect("may not be listed without a right, which is named", () =>
    Effect.gen(function* () {
      const refusal = new ApiError({ reason: "Forbidden", action: "list certlet's pods", detail: "no" })
      const layer = Layer.succeed(ApiServer, { call: () => Effect.fail(refusal), follow: () => Effect.never })
      const { message } = yield* Effect.flip(Effect.provide(findFleet(everywhere), layer))
      expect(message).toContain('{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}')
    })
  )

  it.effect("are asked eight at a time, and one that hangs costs its own time only", () =>
    Effect.gen(function* () {
      let now = 0
      let most = 0
      const left = Effect.sync(() => {
        now -= 1
      })
      const run = ({ pod }: ExecCall) =>
        Effect.gen(function* () {
          now += 1
          most = Math.max(most, now)
          yield* pod === "certlet-node-3" ? Effect.never : Effect.sleep("1 second")
          return ok
        }).pipe(Effect.ensuring(left))
      const nodes = Array.from({ length: 20 }, (_, at) => node(`node-${at}`))
      let heard = 0
      const counted = Effect.sync(() => {
        heard += 1
      })
      const asking = yield* Effect.forkChild(askFleet(nodes, timeout, counted).pipe(Effect.provide(containers(run))))
      yield* TestClock.adjust("19 seconds")
      expect([most, now, heard]).toEqual([8, 1, 19])
      yield* TestClock.adjust("1 second")
      const answers = yield* Fiber.join(asking)
      expect([now, heard]).toEqual([0, 20])
      const silent = answers.flatMap((one) => (one._tag === "Silent" ? [`${one.node.node}: ${one.reason}`] : []))
      expect(silent).toEqual(["node-3: no answer within 20s"])
    })
  )

  it.effect("that do not answer as they should are named with the reason", () =>
    Effect.gen(function* () {
      const reasonFor = (run: Effect.Effect<Executed, ApiError>, idle: Option.Option<string> = Option.none()) =>
        askFleet([node("node-1", idle)], timeout, Effect.void).pipe(
          Effect.provide(containers(() => run)),
          Effect.map(([one]) => (one?._tag === "Silent" ? one.reason : undefined))
        )
      expect(yield* reasonFor(Effect.succeed(ok))).toBeUndefined()
      expect(yield* reasonFor(Effect.succeed({ ...ok, stdout: "hello" }))).toMatch(/not of this version of certlet/)
      expect(yield* reasonFor(Effect.succeed({ exitCode: 1, stdout: "", stderr: "certlet: nobody\nis there\n" }))).toBe(
        "nobody is there"
      )
      expect(yield* reasonFor(Effect.succeed({ exitCode: 137, stdout: "", stderr: "" }))).toBe(
        "certlet ended with code 137"
      )
      expect(yield* reasonFor(Effect.succeed(ok), Option.some("its pod is Pending"))).toBe("its pod is Pending")
    })
  )

  it.effect("are given the command as it is, with the place of their socket behind it", () =>
    Effect.gen(function* () {
      const seen: Array<ExecCall> = []
      const run = (call: ExecCall) =>
        Effect.as(
          Effect.sync(() => void seen.push(call)),
          ok
        )
      yield* Effect.provide(
        runOn({ ...node("node-1"), place: ["--data-root=/d"] }, ["renew", "apps/web"], timeout),
        containers(run)
      )
      expect(seen).toEqual([
        {
          namespace: "cert-manager",
          pod: "certlet-node-1",
          container: "certlet",
          command: ["certlet", "renew", "apps/web", "--data-root=/d"]
        }
      ])
    })
  )
})
