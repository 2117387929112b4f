// Watches on CertificateRequests as nodes hold them: each on a connection of its own, with certlet's own token and
// query, from where a list says. Nothing of an event is read but its bytes and its type: what is measured is the other
// end. Every line of a watch is one event.
import { readFileSync } from "node:fs"
import { Agent, request } from "node:https"
import { inParallel } from "../cluster/inParallel.ts"

/** What has come over all watches of one type of event: ADDED, MODIFIED, DELETED, BOOKMARK. */
export interface Received {
  readonly count: number
  readonly bytes: number
}

const newline = 10
/** A line begins with it and goes on with the type. */
const head = '{"type":"'
/** Handshakes at once; more would wait in the server's queue. */
const openingAtOnce = 20

export class Watches {
  readonly #agent: Agent
  readonly #server: string
  readonly #token: string
  readonly #abort = new AbortController()
  readonly #received = new Map<string, Received>()
  /** Watches that have ended before their time. */
  ended = 0

  constructor(server: { readonly serverUrl: string; readonly caFile: string }, tokenFile: string) {
    this.#server = server.serverUrl
    this.#token = readFileSync(tokenFile, "utf8")
    this.#agent = new Agent({ ca: readFileSync(server.caFile), keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  }

  /** Opens one watch for each query; resolves when the server has answered all of them. */
  async open(path: string, queries: ReadonlyArray<Readonly<Record<string, string>>>): Promise<void> {
    const common = { watch: "true", allowWatchBookmarks: "true", timeoutSeconds: "3600" }
    await inParallel(queries, openingAtOnce, (query) =>
      this.#follow(`${path}?${new URLSearchParams({ ...common, ...query })}`)
    )
  }

  #follow(path: string): Promise<void> {
    const headers = { accept: "application/json", authorization: `Bearer ${this.#token}` }
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, headers, signal: this.#abort.signal }
      const outgoing = request(new URL(path, this.#server), options, (response) => {
        if (response.statusCode !== 200) return reject(new Error(`a watch was answered with ${response.statusCode}`))
        let rest: Buffer = Buffer.alloc(0)
        response.on("data", (chunk: Buffer) => {
          rest = this.#take(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]))
        })
        response.on("error", this.#end)
        response.on("end", this.#end)
        resolve()
      })
      outgoing.on("error", (error) => (this.#abort.signal.aborted ? undefined : reject(error)))
      outgoing.end()
    })
  }

  readonly #end = (): void => {
    if (!this.#abort.signal.aborted) this.ended += 1
  }

  /** Counts the whole lines; what is left is the beginning of the next one. */
  #take(buffer: Buffer): Buffer {
    let from = 0
    for (let to = buffer.indexOf(newline); to >= 0; to = buffer.indexOf(newline, from)) {
      const type = buffer.toString("latin1", from + head.length, buffer.indexOf('"', from + head.length))
      const { bytes, count } = this.#received.get(type) ?? { count: 0, bytes: 0 }
      this.#received.set(type, { count: count + 1, bytes: bytes + to + 1 - from })
      from = to + 1
    }
    return buffer.subarray(from)
  }

  /** What has come so far. */
  received(): ReadonlyMap<string, Received> {
    return new Map(this.#received)
  }

  close(): void {
    this.#abort.abort()
    this.#agent.destroy()
  }
}
