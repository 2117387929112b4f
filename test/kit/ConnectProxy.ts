/**
 * A proxy as companies have them: it joins a client to whatever server the client names (CONNECT), and sees nothing of
 * what they say. It remembers what it was asked for, and may lead every name to one port of this machine.
 */
import { createServer } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { Effect } from "effect"

/** A proxy that runs until its scope closes; `leadsTo` is the port where every connection ends. */
export const connectProxy = (leadsTo: () => number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const asked: Array<string> = []
      const sockets = new Set<Socket>()
      const server = createServer()
      server.on("connect", (request, client: Socket) => {
        asked.push(request.url ?? "")
        const target = connect(leadsTo(), "127.0.0.1", () => client.write("HTTP/1.1 200 OK\r\n\r\n"))
        for (const socket of [client, target]) sockets.add(socket.on("error", () => socket.destroy()))
        client.pipe(target).pipe(client)
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      // An edge: a server that listens at a port has such an address.
      const { port } = server.address() as AddressInfo
      return { url: `http://127.0.0.1:${port}`, asked, server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )
