/**
 * A TLS server and its client that live on a pod's mounted files, the way a careful program does: `..data` is resolved
 * once for each reading, so that key and certificate always belong together, and the server takes up new files when
 * `..data` has been swapped. The client shakes hands about ten times a second, each time with a fresh connection and
 * both sides' certificates verified, and counts. It is the demo's witness that a renewal in place is noticed by
 * nobody.
 */
import { type FSWatcher, readFileSync, realpathSync, watch } from "node:fs"
import { type AddressInfo, connect } from "node:net"
import { join } from "node:path"
import { createServer, type Server, connect as tlsConnect } from "node:tls"
import { Effect, Ref, Schedule, type Scope } from "effect"

/** What was seen so far. */
export interface Witness {
  readonly handshakes: number
  /** Why handshakes failed, in order. */
  readonly failures: ReadonlyArray<string>
  /** The server certificates that the client has seen, by serial number, in order of appearance. */
  readonly serials: ReadonlyArray<string>
}

const unseen: Witness = { handshakes: 0, failures: [], serials: [] }

const filesOf = (volume: string) => {
  const present = realpathSync(join(volume, "..data"))
  const read = (name: string) => readFileSync(join(present, name))
  return { key: read("tls.key"), cert: read("tls.crt"), ca: read("ca.crt") }
}

const startServer = (volume: string) =>
  Effect.acquireRelease(
    Effect.callback<Server, Error>((resume) => {
      const server = createServer({ ...filesOf(volume), requestCert: true, rejectUnauthorized: true }, (socket) => {
        socket.on("error", () => socket.destroy())
        socket.end("hello")
      })
      server.on("error", (error) => resume(Effect.fail(error)))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

/** Takes up the new files each time that the volume's `..data` is swapped. */
const follow = (volume: string, server: Server): Effect.Effect<FSWatcher, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      watch(volume, (_, name) => {
        if (name === "..data") server.setSecureContext(filesOf(volume))
      })
    ),
    (watcher) => Effect.sync(() => watcher.close())
  )

/** One handshake on a connection of its own, both sides verified; gives the server certificate's serial number. */
const shakeHands = (volume: string, port: number, servername: string) =>
  Effect.callback<string, Error>((resume) => {
    const socket = tlsConnect({ ...filesOf(volume), socket: connect(port, "127.0.0.1"), servername })
    let serial = ""
    socket.on("secureConnect", () => {
      serial = socket.getPeerCertificate().serialNumber
    })
    // TLS 1.3 tells the client of a refused certificate only afterwards, so the server's word is waited for.
    socket.on("data", () => resume(Effect.succeed(serial)))
    socket.on("error", (error) => resume(Effect.fail(error)))
    socket.on("close", () => resume(Effect.fail(new Error("closed before the handshake was done"))))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeout("5 seconds"))

const noted =
  (serial: string) =>
  (witness: Witness): Witness => ({
    ...witness,
    handshakes: witness.handshakes + 1,
    serials: witness.serials.includes(serial) ? witness.serials : [...witness.serials, serial]
  })

/** Shakes hands until the scope closes; what comes back is the witness's present count. */
export const witnessHandshakes = Effect.fn("demo.witness")(function* (volume: string, servername: string) {
  const witness = yield* Ref.make(unseen)
  const server = yield* startServer(volume)
  yield* follow(volume, server)
  // A live edge: a server that listens on TCP has an address of this shape.
  const { port } = server.address() as AddressInfo
  yield* shakeHands(volume, port, servername).pipe(
    Effect.matchEffect({
      onSuccess: (serial) => Ref.update(witness, noted(serial)),
      onFailure: (error) =>
        Ref.update(witness, (before) => ({ ...before, failures: [...before.failures, error.message] }))
    }),
    Effect.repeat(Schedule.spaced("100 millis")),
    Effect.forkScoped
  )
  return Ref.get(witness)
})
