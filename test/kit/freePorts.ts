// TCP ports on loopback for servers that must be told their port. They are taken from below the range out of which
// Linux picks the local ports of outgoing connections: while a server is stopped and its clients keep dialling, one
// of their own connections could otherwise be given the server's port, and the server could never come back. Nothing
// reserves a port once it has been returned; a server that finds it taken says so in its log.
import { randomInt } from "node:crypto"
import { createServer } from "node:net"
import { Effect } from "effect"

const lowest = 20_000
const beyond = 30_000

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/** Different ports on which nobody listens. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const found = new Set<number>()
  while (found.size < count) {
    const port = randomInt(lowest, beyond)
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

/** A port on which nobody listens. */
export const freePort: Effect.Effect<number> = Effect.map(
  Effect.promise(() => freePorts(1)),
  ([port = 0]) => port
)
