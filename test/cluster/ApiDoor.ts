// A proxy in front of the real API server, as a load balancer is: it hands on what comes, counts the calls, and can be
// made to behave as such things do. It cuts the watches, or answers everything with 429 as a server that has too much
// to do. It has a certificate of its own authority, and a kubeconfig that leads to it. A server behind it that is gone
// shows as a connection that is cut.
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer, request, type Server } from "node:https"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { makeAuthority, makeServerCertificate } from "./certificates.ts"
import { writeKubeconfig } from "./kubeconfig.ts"

/** The calls of a stretch of time. */
export interface Calls {
  readonly all: number
  /** Of these the watches. */
  readonly watches: number
  /** In the busiest second. */
  readonly mostInASecond: number
  readonly seconds: number
}

interface Call {
  readonly at: number
  readonly isWatch: boolean
}

export class ApiDoor {
  readonly kubeconfig: string
  readonly #upstream: { readonly serverUrl: string; readonly ca: Buffer }
  readonly #server: Server
  readonly #watches = new Set<ServerResponse>()
  #calls: Array<Call> = []
  #start = performance.now()
  #throttled = false

  /** Opens a door to a server, below a folder, for whoever holds the token in a file. */
  static async open(
    folder: string,
    upstream: { readonly serverUrl: string; readonly caFile: string },
    tokenFile: string
  ): Promise<ApiDoor> {
    const authority = await makeAuthority(folder, "door-ca", { commonName: "certlet test door" })
    const own = await makeServerCertificate(folder, "door", { authority, alternativeNames: ["IP:127.0.0.1"] })
    const server = createServer({ cert: await readFile(own.certFile), key: await readFile(own.keyFile) })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    // A server that listens at a port has an address of this kind.
    const { port } = server.address() as AddressInfo
    const kubeconfig = await writeKubeconfig(
      join(folder, "door.kubeconfig"),
      { serverUrl: `https://127.0.0.1:${port}`, caFile: authority.certFile },
      { tokenFile, reader: "client-node" }
    )
    return new ApiDoor(kubeconfig, server, { ...upstream, ca: await readFile(upstream.caFile) })
  }

  private constructor(kubeconfig: string, server: Server, upstream: { serverUrl: string; ca: Buffer }) {
    this.kubeconfig = kubeconfig
    this.#server = server
    this.#upstream = upstream
    server.on("request", (incoming: IncomingMessage, answer: ServerResponse) => this.#handle(incoming, answer))
  }

  #handle(incoming: IncomingMessage, answer: ServerResponse): void {
    const isWatch = new URL(incoming.url ?? "/", this.#upstream.serverUrl).searchParams.has("watch")
    this.#calls.push({ at: performance.now(), isWatch })
    if (this.#throttled) {
      const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "TooManyRequests", code: 429 }
      incoming.resume()
      answer.writeHead(429, { "content-type": "application/json", "retry-after": "1" }).end(JSON.stringify(status))
      return
    }
    if (isWatch) {
      this.#watches.add(answer)
      answer.once("close", () => this.#watches.delete(answer))
    }
    this.#handOn(incoming, answer)
  }

  #handOn(incoming: IncomingMessage, answer: ServerResponse): void {
    const { ca, serverUrl } = this.#upstream
    const { headers, method } = incoming
    const outgoing = request(new URL(incoming.url ?? "/", serverUrl), { method, headers, ca }, (upstream) => {
      answer.writeHead(upstream.statusCode ?? 502, upstream.headers)
      upstream.on("error", () => answer.destroy())
      upstream.pipe(answer)
    })
    outgoing.on("error", () => answer.destroy())
    // Whoever has gone away wants no answer, and a watch would go on for ever.
    answer.once("close", () => outgoing.destroy())
    incoming.pipe(outgoing)
  }

  /** Cuts every watch that is open; the number of them. */
  cutWatches(): number {
    const open = [...this.#watches]
    for (const watch of open) watch.destroy()
    return open.length
  }

  /** Whether every call is answered with 429 and a Retry-After of one second. */
  throttle(on: boolean): void {
    this.#throttled = on
  }

  /** Counts from here on. */
  countAnew(): void {
    this.#calls = []
    this.#start = performance.now()
  }

  /** The calls since then. */
  calls(): Calls {
    const perSecond = new Map<number, number>()
    for (const { at } of this.#calls) {
      const second = Math.floor((at - this.#start) / 1000)
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
    }
    return {
      all: this.#calls.length,
      watches: this.#calls.filter(({ isWatch }) => isWatch).length,
      mostInASecond: Math.max(0, ...perSecond.values()),
      seconds: (performance.now() - this.#start) / 1000
    }
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
