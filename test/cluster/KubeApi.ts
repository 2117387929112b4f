// A tiny client for the Kubernetes API, with the administrator's certificate, over node:https alone. It is the tests'
// hand in the cluster, and deliberately not the client that the driver uses. Any kind of object works: the path of a
// kind is taken from the API server's own discovery. Nothing is retried: an answer of 400 or more is an `ApiError`, a
// missing connection is the error of node:https, and each request has a time limit.
import { readFileSync } from "node:fs"
import { Agent, request as httpsRequest } from "node:https"
import type { Credential } from "./certificates.ts"
import {
  at,
  isKubeObject,
  type KubeObject,
  listAt,
  type Manifest,
  type Reference,
  referenceTo,
  textAt
} from "./objects.ts"

const requestTimeoutMilliseconds = 30_000

/** An answer of 400 or more, with Kubernetes' own reason ("NotFound", "Forbidden", "Conflict" ...). */
export class ApiError extends Error {
  override readonly name = "ApiError"
  readonly status: number
  readonly reason: string

  constructor(method: string, path: string, status: number, body: unknown) {
    super(`${method} ${path}: ${status} ${textAt(body, "message") ?? JSON.stringify(body)}`)
    this.status = status
    this.reason = textAt(body, "reason") ?? ""
  }
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown
  readonly contentType?: string
}

export interface ListOptions {
  readonly apiVersion: string
  readonly kind: string
  /** Without it: the objects of all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/** How `apply` and `patch` reach a subresource, for example "status". */
export interface WriteOptions {
  readonly subresource?: string
  readonly fieldManager?: string
}

interface Resource {
  readonly plural: string
  readonly namespaced: boolean
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const expectObject = (body: unknown): KubeObject => {
  if (!isKubeObject(body)) throw new Error(`not a Kubernetes object: ${JSON.stringify(body)}`)
  return body
}

const groupPath = (apiVersion: string) => (apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`)

export class KubeApi {
  readonly #server: URL
  readonly #tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer }
  readonly #resources = new Map<string, Resource>()
  #agent: Agent

  constructor(options: { readonly serverUrl: string; readonly caFile: string; readonly client: Credential }) {
    this.#server = new URL(options.serverUrl)
    this.#tls = {
      ca: readFileSync(options.caFile),
      cert: readFileSync(options.client.certFile),
      key: readFileSync(options.client.keyFile)
    }
    this.#agent = this.#newAgent()
  }

  #newAgent(): Agent {
    return new Agent({ ...this.#tls, keepAlive: true, maxSockets: 32 })
  }

  /** Drops the idle connections: those to an API server that has gone would fail the next request. */
  disconnect(): void {
    this.#agent.destroy()
    this.#agent = this.#newAgent()
  }

  /** One request; resolves with the parsed body, or the text if it is not JSON. */
  request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const url = new URL(path, this.#server)
    for (const [key, value] of Object.entries(options.query ?? {})) url.searchParams.set(key, value)
    const { body } = options
    const payload = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body)
    // Node gives the body of a DELETE no length by itself, and the next request on the connection would be garbled.
    const content = {
      "content-type": options.contentType ?? "application/json",
      "content-length": Buffer.byteLength(payload ?? "")
    }
    const headers = { accept: "application/json", ...(payload === undefined ? {} : content) }
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(requestTimeoutMilliseconds)
      const outgoing = httpsRequest(url, { method, headers, agent: this.#agent, signal }, (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", reject)
        response.on("end", () => {
          const answer = parse(Buffer.concat(chunks).toString("utf8"))
          const status = response.statusCode ?? 0
          if (status >= 400) reject(new ApiError(method, path, status, answer))
          else resolve(answer)
        })
      })
      outgoing.on("error", (error) => reject(new Error(`${method} ${path}: ${error.message}`, { cause: error })))
      outgoing.end(payload)
    })
  }

  async #resource(apiVersion: string, kind: string): Promise<Resource> {
    const key = `${apiVersion} ${kind}`
    const known = this.#resources.get(key)
    if (known !== undefined) return known
    const listed = listAt(await this.request("GET", groupPath(apiVersion)), "resources")
    // Subresources carry the kind too; their names have a slash.
    const entry = listed.find((one) => textAt(one, "kind") === kind && !textAt(one, "name")?.includes("/"))
    const plural = textAt(entry, "name")
    if (entry === undefined || plural === undefined) throw new Error(`the API server has no ${kind} in ${apiVersion}`)
    const resource = { plural, namespaced: at(entry, "namespaced") === true }
    this.#resources.set(key, resource)
    return resource
  }

  /** The path of an object; of a whole collection without a name. */
  async pathOf(target: Omit<Reference, "name"> & { readonly name?: string }): Promise<string> {
    const resource = await this.#resource(target.apiVersion, target.kind)
    const scope = resource.namespaced && target.namespace !== undefined ? `/namespaces/${target.namespace}` : ""
    const name = target.name === undefined ? "" : `/${target.name}`
    return `${groupPath(target.apiVersion)}${scope}/${resource.plural}${name}`
  }

  /** Server-side apply, taking over fields from other managers. Resolves with the object as stored. */
  async apply(object: Manifest, options: WriteOptions = {}): Promise<KubeObject> {
    const path = await this.#writePath(referenceTo(object), options)
    const answer = await this.request("PATCH", path, {
      query: { fieldManager: options.fieldManager ?? "certlet-test", force: "true" },
      body: object,
      contentType: "application/apply-patch+yaml"
    })
    return expectObject(answer)
  }

  /** Creates an object, which must not exist; `metadata.generateName` is not supported. */
  async create(object: Manifest): Promise<KubeObject> {
    const { name: _, ...collection } = referenceTo(object)
    return expectObject(await this.request("POST", await this.pathOf(collection), { body: object }))
  }

  /** The object, or undefined if there is none. */
  async get(reference: Reference): Promise<KubeObject | undefined> {
    try {
      return expectObject(await this.request("GET", await this.pathOf(reference)))
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  async list(options: ListOptions): Promise<ReadonlyArray<KubeObject>> {
    const { labelSelector, fieldSelector, ...collection } = options
    const query = {
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector })
    }
    const answer = await this.request("GET", await this.pathOf(collection), { query })
    return listAt(answer, "items").map(expectObject)
  }

  /** Deletes an object; false if there was none. A pod goes only with a grace of 0, as no kubelet confirms its end. */
  async delete(reference: Reference, options: { readonly gracePeriodSeconds?: number } = {}): Promise<boolean> {
    try {
      await this.request("DELETE", await this.pathOf(reference), { body: options })
      return true
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false
      throw error
    }
  }

  /** A JSON merge patch (RFC 7386): null removes a field, a list is replaced as a whole. */
  async patch(reference: Reference, change: unknown, options: WriteOptions = {}): Promise<KubeObject> {
    const answer = await this.request("PATCH", await this.#writePath(reference, options), {
      query: { fieldManager: options.fieldManager ?? "certlet-test" },
      body: change,
      contentType: "application/merge-patch+json"
    })
    return expectObject(answer)
  }

  async #writePath(reference: Reference, options: WriteOptions): Promise<string> {
    const path = await this.pathOf(reference)
    return options.subresource === undefined ? path : `${path}/${options.subresource}`
  }
}
