/**
 * A cluster in this process: an API server on a real HTTPS socket, an approver and a CA issuer that sign for real. It
 * is what `certlet demo` shows certlet against, and what tests of the live client run against; the rest of certlet
 * never imports it. Its users have the rights that the real deployment gives certlet and no others. It ends with its
 * scope, and nothing of it is left but the files that somebody asked for.
 */
import { Clock, Duration, Effect, FiberSet, Option, Random, Schema, type Scope } from "effect"
import { type ApiUser, adminUser, certletUser, podUser } from "./ApiUser.ts"
import { makeAuthority, makeIssuer } from "./Authority.ts"
import { Controllers } from "./Controllers.ts"
import { EmbeddedApi, type Stores } from "./EmbeddedApi.ts"
import { type Claim, type NodeApiServer, type ServerEvent, startApiServer, type Trouble } from "./NodeApiServer.ts"
import { type Credential, clientCredential, nodeAuthority, serverCredential } from "./NodeAuthority.ts"
import { type KubeconfigError, kubeconfigText, replaceFile } from "./NodeKubeconfig.ts"
import type { NodeWatches } from "./NodeWatches.ts"
import type { ObjectStore } from "./ObjectStore.ts"
import type { ResourceName } from "./Resource.ts"

/** The cluster could not be started: most likely its port is taken. */
class EmbeddedClusterError extends Schema.TaggedError<EmbeddedClusterError>()("EmbeddedClusterError", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    return "the embedded cluster could not be started"
  }
}

/** How the cluster is to be; everything has a default. */
export interface EmbeddedClusterOptions {
  /** 0, the default, lets the system choose. */
  readonly port?: number
  /** The longest lifetime that the issuer grants; by default whatever is asked for. */
  readonly maxDuration?: Duration.Input
}

/** As whom a kubeconfig speaks. `certificate` and `token` are certlet's own user, `admin` may do everything. */
export type EmbeddedUser = "certificate" | "token" | "admin" | { readonly tokenFile: string }

/** Who watches what happens at the server; the answer ends it. Called synchronously. */
type Observe = (listener: (event: ServerEvent) => void) => () => void

/** The running cluster. */
export interface EmbeddedCluster
  extends Pick<Controllers, "approve" | "behave" | "deny" | "fail" | "invalidate" | "sign"> {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string
  /** PEM of the CA that signed the server's certificate. */
  readonly authority: string
  /** PEM of the CA that signs pods' certificates: what requests carry as `status.ca`. */
  readonly issuer: string
  /** All requests, to read and to change behind the clients' backs. */
  readonly store: ObjectStore
  /** The objects of every resource, requests included. */
  readonly stores: Stores
  /** The text of a kubeconfig; by default the administrator's. */
  readonly kubeconfig: (user?: EmbeddedUser) => string
  readonly writeKubeconfig: (path: string, user?: EmbeddedUser) => Effect.Effect<void, KubeconfigError>
  /** Writes the token that is accepted now, for a kubeconfig with a `tokenFile`. */
  readonly writeToken: (path: string) => Effect.Effect<void, KubeconfigError>
  /** Makes a new token for certlet's user; the old one is refused from now on. */
  readonly rotateToken: () => Effect.Effect<string>
  /** A token of a pod's ServiceAccount, which may create CertificateRequests in its own namespace. */
  readonly podToken: (namespace: string, serviceAccount: string) => Effect.Effect<string>
  /** Deletes what a pod owns: the garbage collector's part when a pod is gone. */
  readonly podGone: (uid: string) => Effect.Effect<void>
  readonly observe: Observe
  /** How many watches are open. */
  readonly watches: () => Effect.Effect<number>
  /** How many watches are open on a resource, at this moment. */
  readonly watchesOn: (resource: ResourceName) => number
  /** Cuts all connections that carry a watch. */
  readonly dropWatches: () => Effect.Effect<void>
  /** Ends all watches in an orderly way, as at their timeout. */
  readonly endWatches: () => Effect.Effect<void>
  readonly sendBookmarks: () => Effect.Effect<void>
  /** Writes a raw text into all watches. */
  readonly writeToWatches: (text: string) => Effect.Effect<void>
  /** Forgets history: a watch from any version seen so far is refused with 410, by an event or by the HTTP status. */
  readonly expire: (how: "event" | "status") => Effect.Effect<void>
  readonly trouble: (trouble: Trouble) => Effect.Effect<void>
  readonly latency: (latency: Duration.Input) => Effect.Effect<void>
  /** Goes away: no connection stays, none is taken. */
  readonly pause: () => Effect.Effect<void>
  /** Comes back on the same port. */
  readonly reopen: () => Effect.Effect<void, EmbeddedClusterError>
}

const listening = Effect.catchDefect((cause: unknown) => Effect.fail(new EmbeddedClusterError({ cause })))

/** Who may come in: two clients by certificate, any number by token. */
class Users {
  readonly #tokens = new Map<string, ApiUser>()
  token = ""

  grant(user: ApiUser): string {
    const token = `embedded-${crypto.randomUUID()}`
    this.#tokens.set(token, user)
    return token
  }

  rotate(): string {
    this.#tokens.delete(this.token)
    this.token = this.grant(certletUser)
    return this.token
  }

  of(claim: Claim): ApiUser | undefined {
    // As in a real server's chain of authenticators, the certificate is looked at first.
    if (claim.certificate !== undefined) return [certletUser, adminUser].find((user) => user.name === claim.certificate)
    return claim.token === undefined ? undefined : this.#tokens.get(claim.token)
  }
}

const onAll = (server: NodeApiServer, act: (watches: NodeWatches) => void) =>
  Effect.sync(() => Object.values(server.watches).forEach(act))

const knobs = (server: NodeApiServer, api: EmbeddedApi) => ({
  watches: () => Effect.sync(() => Object.values(server.watches).reduce((sum, { size }) => sum + size, 0)),
  watchesOn: (resource: ResourceName) => server.watches[resource].size,
  dropWatches: () => onAll(server, (watches) => watches.drop()),
  endWatches: () => onAll(server, (watches) => watches.end()),
  sendBookmarks: () => onAll(server, (watches) => watches.bookmark()),
  writeToWatches: (text: string) => onAll(server, (watches) => watches.raw(text)),
  expire: (how: "event" | "status") =>
    Effect.sync(() => {
      server.expiry = how
      api.forget()
    }),
  trouble: (trouble: Trouble) =>
    Effect.sync(() => {
      server.trouble = trouble
    }),
  latency: (latency: Duration.Input) =>
    Effect.sync(() => {
      server.latencyMillis = Duration.toMillis(latency)
    }),
  pause: () => Effect.promise(() => server.stop()),
  reopen: () => Effect.promise(() => server.listen()).pipe(listening)
})

/** What an object owns goes with it. */
const collectGarbage = ({ stores }: EmbeddedApi): void => {
  const all = Object.values(stores)
  for (const store of all) {
    store.subscribe(({ object, type }) => {
      if (type === "DELETED") for (const other of all) other.deleteOwnedBy(object.metadata.uid)
    })
  }
}

const make = Effect.fn("EmbeddedCluster.make")(function* (
  options: EmbeddedClusterOptions = {}
): Effect.fn.Return<EmbeddedCluster, EmbeddedClusterError, Scope.Scope> {
  const clock = yield* Clock.Clock
  const api = new EmbeddedApi({ now: () => clock.currentTimeMillisUnsafe(), uid: () => crypto.randomUUID() })
  for (const name of ["default", "kube-system"]) {
    const metadata = { name, namespace: "" }
    api.stores.namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata, status: { phase: "Active" } })
  }
  collectGarbage(api)
  const authority = yield* makeAuthority(nodeAuthority("embedded cluster"))
  const issuer = yield* makeIssuer(nodeAuthority("embedded issuer"))
  const clients: Readonly<Record<"certificate" | "admin", Credential>> = {
    certificate: yield* clientCredential(authority, certletUser.name, []),
    admin: yield* clientCredential(authority, adminUser.name, ["system:masters"])
  }
  const users = new Users()
  users.rotate()
  const listeners = new Set<(event: ServerEvent) => void>()
  const server = yield* startApiServer({
    api,
    credential: yield* serverCredential(authority),
    clientAuthority: authority.certificate,
    port: options.port ?? 0,
    userOf: (claim) => users.of(claim),
    now: () => clock.currentTimeMillisUnsafe(),
    observe: (event) => {
      for (const listener of [...listeners]) listener(event)
    }
  }).pipe(listening)
  const random = yield* Random.Random
  const run = yield* FiberSet.makeRuntime()
  const controllers = new Controllers({ api, issuer, run, draw: () => random.nextDoubleUnsafe() })
  const lifetime = Option.map(Option.fromUndefinedOr(options.maxDuration), Duration.fromInputUnsafe)
  yield* controllers.behave({ lifetime })

  const kubeconfig = (user: EmbeddedUser = "admin") =>
    kubeconfigText(
      server.url,
      authority.certificate,
      user === "token" ? { token: users.token } : typeof user === "string" ? { credential: clients[user] } : user
    )
  return {
    ...controllers,
    ...knobs(server, api),
    url: server.url,
    authority: authority.certificate,
    issuer: issuer.authority().certificate,
    store: api.stores.requests,
    stores: api.stores,
    kubeconfig,
    writeKubeconfig: (path, user) => Effect.suspend(() => replaceFile(path, kubeconfig(user))),
    writeToken: (path) => Effect.suspend(() => replaceFile(path, users.token)),
    rotateToken: () => Effect.sync(() => users.rotate()),
    podToken: (namespace, serviceAccount) => Effect.sync(() => users.grant(podUser(namespace, serviceAccount))),
    podGone: controllers.bury,
    observe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
})

/** Starts a cluster; the end of the scope ends it. */
export const EmbeddedCluster = { make }
