/**
 * A SOCKS proxy (RFC 1928) that joins a client to whatever it names, with a user and a password where it is given some
 * (RFC 1929). It remembers what it was asked for, a name as a name and an address as an address, and leads everything
 * to one port of this machine.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

/** A user and a password. */
export interface SocksUser {
  readonly name: string
  readonly password: string
}

/** Reads so many bytes of a connection, whatever pieces they come in; throws where it ends before. */
const reader = (socket: Socket) => {
  const pieces = socket[Symbol.asyncIterator]()
  let held = Buffer.alloc(0)
  const more = async (): Promise<Buffer<ArrayBuffer>> => {
    const { done, value } = await pieces.next()
    if (done) throw new Error("the connection has ended")
    return value
  }
  const read = async (length: number): Promise<Buffer> => {
    while (held.length < length) held = Buffer.concat([held, await more()])
    const taken = held.subarray(0, length)
    held = held.subarray(length)
    return taken
  }
  const byte = async () => (await read(1))[0] ?? 0
  return { byte, read, more, rest: () => held, text: async () => (await read(await byte())).toString() }
}

const host = async (from: ReturnType<typeof reader>): Promise<string> => {
  const kind = await from.byte()
  if (kind === 3) return await from.text()
  return kind === 1 ? (await from.read(4)).join(".") : `[${(await from.read(16)).toString("hex")}]`
}

const serve = async (client: Socket, user: SocksUser | undefined, asked: Array<string>, port: number) => {
  const from = reader(client)
  await from.byte()
  const methods = await from.read(await from.byte())
  const method = user === undefined ? 0 : 2
  if (!methods.includes(method)) return void client.end(Buffer.from([5, 0xff]))
  client.write(Buffer.from([5, method]))
  if (user !== undefined) {
    await from.byte()
    const [name, password] = [await from.text(), await from.text()]
    if (name !== user.name || password !== user.password) return void client.end(Buffer.from([1, 1]))
    client.write(Buffer.from([1, 0]))
  }
  await from.read(3)
  const name = await host(from)
  asked.push(`${name}:${(await from.read(2)).readUInt16BE()}`)
  const target = connect(port, "127.0.0.1")
  target.on("error", () => client.destroy()).on("close", () => client.destroy())
  client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
  target.pipe(client)
  // The reader holds the connection's data: what comes from here on is read through it as well.
  for (let piece = from.rest(); ; piece = await from.more()) target.write(piece)
}

/** A proxy that runs until its scope closes; `leadsTo` is the port where every connection ends. */
export const socksProxy = (leadsTo: () => number, user?: SocksUser) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const asked: Array<string> = []
      const sockets = new Set<Socket>()
      const server = createServer((client) => {
        sockets.add(client.on("error", () => client.destroy()))
        serve(client, user, asked, leadsTo()).catch(() => client.destroy())
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      // An edge: a server that listens at a port has such an address.
      const { port } = server.address() as AddressInfo
      const login = user === undefined ? "" : `${user.name}:${encodeURIComponent(user.password)}@`
      return { url: `socks5://${login}127.0.0.1:${port}`, asked, server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )
