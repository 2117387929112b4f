/**
 * `certlet status` and `certlet renew` as an operator uses them: two processes and a socket between them, which nobody
 * but root may open. What it is that they print is held in test/admin; here it is that it is true.
 */
import { chmodSync, existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { isMainThread } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Schema } from "effect"
import { NodeStatus } from "../../src/admin/AdminApi.ts"
import { askRenewal, askStatus } from "../../src/admin/NodeAdminClient.ts"
import { certlet } from "../kit/certlet.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { eventually } from "../kit/until.ts"
import { startNode } from "./LiveNode.ts"

const readStatus = Schema.decodeUnknownEffect(Schema.fromJsonString(NodeStatus))

/** What becomes of a connection that another user makes. */
const connectAs = (uid: number, path: string) =>
  Effect.callback<string>((resume) => {
    process.seteuid?.(uid)
    const socket = connect(path)
    process.seteuid?.(0)
    const settle = (found: string) => {
      socket.destroy()
      resume(Effect.succeed(found))
    }
    socket.once("connect", () => settle("connected"))
    socket.once("error", (cause: NodeJS.ErrnoException) => settle(cause.code ?? ""))
  })

const startServed = Effect.gen(function* () {
  const node = yield* startNode()
  const socket = join(node.folder, "data", "admin", "certlet.sock")
  yield* node.publish("web")
  yield* eventually(
    "the admin socket",
    Effect.sync(() => existsSync(socket))
  )
  return { ...node, socket }
})

describe("an operator on the node", () => {
  it.live("sees the volumes, has one renewed, and is told what came of it", () =>
    Effect.gen(function* () {
      const node = yield* startServed
      const before = yield* askStatus(node.socket)
      const renewed = yield* node.ask("renew", "web")
      expect(renewed).toMatchObject({ code: 0, stderr: "" })
      expect(renewed.stdout).toMatch(/^pod apps\/web, volume tls: renewed; the new certificate ends in (1d|23h)/)
      const after = yield* askStatus(node.socket)
      const serial = ({ volumes: [volume] }: NodeStatus) => volume?.certificate?.serialNumber
      expect(serial(after)).not.toBe(serial(before))
      const table = yield* node.ask("status")
      expect(table.code).toBe(0)
      expect(table.stdout).toMatch(/^POD +VOLUME +ISSUER .*\napps\/web +tls .*Ready.*\n$/)
      expect(table.stderr).toMatch(/^1 volume on node node-1: 1 Ready; the first certificate ends in (1d|23h)[^\n]*\n/)
      const mistyped = yield* node.ask("status", "wbe")
      expect(mistyped).toMatchObject({ code: 1, stdout: "" })
      expect(mistyped.stderr).toBe(
        "certlet: no pod wbe with a volume of certlet on this node; nearest on this node: apps/web\n"
      )
    })
  )

  it.live("narrows what is shown, and is told the states that there are where one is mistyped", () =>
    Effect.gen(function* () {
      const node = yield* startServed
      const shown = yield* node.ask("status", "-n", "apps", "--state", "ready,failing")
      expect(shown.stdout).toContain("apps/web")
      const hidden = yield* node.ask("status", "--state", "Failing")
      expect(hidden).toMatchObject({ code: 0, stdout: "" })
      expect(hidden.stderr).toMatch(/^none of 1 volumes on node node-1 is shown\n/)
      const elsewhere = yield* node.ask("status", "-n", "shop", "-o", "json")
      expect((yield* readStatus(elsewhere.stdout)).volumes).toEqual([])
      const mistyped = yield* node.ask("status", "--state", "Failing,Broken")
      expect(mistyped.code).toBe(64)
      expect(mistyped.stderr).toMatch(/one of Ready, Renewing, .*Refused, with commas between; "Broken" is not/)
    })
  )

  it.live("watches until a signal, and gets another table into a pipe where something has changed", () =>
    Effect.gen(function* () {
      const node = yield* startServed
      const watching = yield* node.watch("status", "-w")
      const tables = Effect.sync(() => watching.output().match(/^POD /gm)?.length ?? 0)
      yield* eventually(
        "a table",
        Effect.map(tables, (many) => many === 1)
      )
      yield* node.publish("mail")
      yield* eventually(
        "another table",
        Effect.map(tables, (many) => many >= 2)
      )
      expect(watching.output().slice(watching.output().lastIndexOf("POD "))).toMatch(/apps\/mail .*\napps\/web /)
      expect(watching.output()).not.toContain("\u001b")
      watching.child.kill("SIGINT")
      expect(yield* watching.ended).toBe(0)
    })
  )

  it.live("is told what a renewal waits for, and a second one joins the first", () =>
    Effect.gen(function* () {
      const node = yield* startServed
      yield* node.cluster.behave({ approval: "hold" })
      const impatient = yield* askRenewal(node.socket, "csi-web", Duration.millis(300))
      expect(impatient).toMatchObject({ outcome: "waiting", volumeId: "csi-web" })
      expect(impatient).toHaveProperty("sentence", expect.stringMatching(/: not approved yet after 300ms$/))
      const order = askRenewal(node.socket, "csi-web", Duration.seconds(20))
      const two = yield* Effect.forkChild(Effect.all([order, order], { concurrency: 2 }))
      const waits = Effect.map(askStatus(node.socket), ({ volumes }) => volumes[0]?.pending?.waitsFor === "approval")
      yield* eventually("a renewal that waits", waits)
      yield* node.cluster.behave({ approval: "approve" })
      for (const { outcome } of yield* Fiber.join(two)) expect(outcome).toBe("renewed")
      expect(node.log().match(/"certificate in place"/g)).toHaveLength(2)
    })
  )

  it.live("is root: folder and socket are closed to everybody else, and no answer holds a key", () =>
    Effect.gen(function* () {
      const { socket, ...node } = yield* startServed
      expect(lstatSync(socket).mode & 0o777).toBe(0o600)
      expect(lstatSync(join(socket, "..")).mode & 0o777).toBe(0o700)
      const key = readFileSync(join(node.request("web").target, "tls.key"), "utf8")
      const { stdout } = yield* node.ask("status", "-o", "json")
      expect((yield* readStatus(stdout)).volumes.map(({ volumeId }) => volumeId)).toEqual(["csi-web"])
      expect(stdout).not.toContain("PRIVATE KEY")
      expect(stdout).not.toContain(key.split("\n")[1])
      if (process.geteuid?.() !== 0 || !isMainThread) return
      // Even where the folders above let everybody pass, the socket's own mode does not.
      for (const folder of [node.folder, join(node.folder, "data"), join(socket, "..")]) chmodSync(folder, 0o755)
      expect(yield* connectAs(65534, socket)).toBe("EACCES")
      expect(yield* connectAs(0, socket)).toBe("connected")
    })
  )

  it.live("costs no pod its certificate where the socket cannot be had", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      writeFileSync(file, "")
      const node = yield* startNode(["--admin-socket", `${file}/certlet.sock`])
      yield* node.publish("web")
      expect(node.log()).toContain(`certlet status and certlet renew cannot be served: socket ${file}/certlet.sock: `)
    })
  )

  it.live("is told that nobody is there", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const answer = yield* certlet(["status", "--data-root", folder])
      expect(answer).toMatchObject({ code: 1, stdout: "" })
      expect(answer.stderr).toBe(
        `certlet: ${folder}/admin/certlet.sock: no certlet is there: is it running on this node, with this --admin-socket or --data-root?\n`
      )
    })
  )
})
