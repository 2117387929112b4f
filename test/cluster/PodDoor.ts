// The way from pods to the API server. On a cluster it is the service "kubernetes" and a service proxy; here the API
// server listens on loopback only, and this is a door in the pods' network that leads there. It lets in pods only, byte
// by byte, and ends with `close`. The TLS of who goes through is untouched: the API server's certificate names this
// address.
import { connect, createServer, type Server, type Socket } from "node:net"
import { podNetwork } from "./nodeConfiguration.ts"

export class PodDoor {
  readonly #server: Server
  readonly #sockets: Set<Socket>

  /** Opens a door to a port of loopback. */
  static async open(toPort: number): Promise<PodDoor> {
    const sockets = new Set<Socket>()
    const keep = (socket: Socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
    }
    const server = createServer((outside) => {
      if (outside.remoteAddress?.startsWith(podNetwork.prefix) !== true) return void outside.destroy()
      const inside = connect(toPort, "127.0.0.1")
      for (const socket of [outside, inside]) keep(socket)
      outside.on("error", () => inside.destroy()).on("close", () => inside.destroy())
      inside.on("error", () => outside.destroy()).on("close", () => outside.destroy())
      outside.pipe(inside)
      inside.pipe(outside)
    })
    await new Promise<void>((resolve, reject) => {
      // The gateway's address is there only while there are pods, so it cannot be bound to before.
      server.once("error", reject).listen(0, "0.0.0.0", resolve)
    })
    return new PodDoor(server, sockets)
  }

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server
    this.#sockets = sockets
  }

  /** The port at the gateway's address. */
  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === "string") throw new Error("the door is closed")
    return address.port
  }

  /** Closes it, with every connection. May be called again. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}
