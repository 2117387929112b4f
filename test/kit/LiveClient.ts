/**
 * What tests of the live client need: an embedded cluster on a real socket, the client against it with a kubeconfig in
 * a folder of its own, drafts with real signing requests, and a way to wait for something to happen at the server
 * instead of waiting for time to pass.
 */
import "reflect-metadata"
import { join } from "node:path"
import * as x509 from "@peculiar/x509"
import { Context, Duration, Effect, Layer, Option, type Redacted } from "effect"
import { EmbeddedCluster, type EmbeddedUser } from "../../src/embedded/EmbeddedCluster.ts"
import type { ServerEvent } from "../../src/embedded/NodeApiServer.ts"
import { layer } from "../../src/issuance/ApiCertificateRequests.ts"
import { CertificateRequests, type RequestDraft } from "../../src/issuance/CertificateRequests.ts"
import * as KubeApiServer from "../../src/kube/KubeApiServer.ts"
import { type KubeSettings, Settings } from "../../src/Settings.ts"
import type { VolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { temporaryFolder } from "./folders.ts"
import { kubeSettings, settings } from "./settings.ts"

export const nodeId = "node-1"

export const settingsLayer = (kube: KubeSettings) => Layer.succeed(Settings, { ...settings, nodeId, kube })

/** A client with these settings, in its own scope. */
export const connect = (kube: Partial<KubeSettings>) =>
  Effect.map(
    Layer.build(
      layer.pipe(Layer.provide(KubeApiServer.layer), Layer.provide(settingsLayer({ ...kubeSettings, ...kube })))
    ),
    (context) => Context.get(context, CertificateRequests)
  )

/** A cluster and a client that is connected to it and watching. */
export const liveClient = Effect.fnUntraced(function* (
  user: EmbeddedUser = "certificate",
  kube: Partial<KubeSettings> = {}
) {
  const folder = yield* temporaryFolder
  const cluster = yield* EmbeddedCluster.make()
  const kubeconfig = join(folder, "kubeconfig")
  yield* cluster.writeKubeconfig(kubeconfig, user)
  const watching = yield* expectEvent(cluster, (event) => event._tag === "WatchOpened")
  const requests = yield* connect({ kubeconfig: Option.some(kubeconfig), ...kube })
  yield* watching
  return { cluster, folder, kubeconfig, requests }
})

/** Begins to listen at once; the inner effect waits for the next such event, or finds that it has already happened. */
export const expectEvent = (
  cluster: EmbeddedCluster,
  matches: (event: ServerEvent) => boolean
): Effect.Effect<Effect.Effect<ServerEvent>> =>
  Effect.sync(() => {
    let happened: ServerEvent | undefined
    const waiting = new Set<(event: ServerEvent) => void>()
    const stop = cluster.observe((event) => {
      if (happened !== undefined || !matches(event)) return
      happened = event
      for (const tell of waiting) tell(event)
      queueMicrotask(() => stop())
    })
    return Effect.callback<ServerEvent>((resume) => {
      const tell = (event: ServerEvent) => resume(Effect.succeed(event))
      if (happened !== undefined) return void tell(happened)
      waiting.add(tell)
      return Effect.sync(() => waiting.delete(tell))
    })
  })

/** Everything that happens at the server from now on. */
export const record = (cluster: EmbeddedCluster): Array<ServerEvent> => {
  const events: Array<ServerEvent> = []
  cluster.observe((event) => events.push(event))
  return events
}

export const spec = (change: Partial<VolumeSpec> = {}): VolumeSpec => ({
  pod: { name: "web", namespace: "shop", uid: "11111111-2222-4333-8444-555555555555", serviceAccount: "web" },
  issuer: { name: "ca", kind: "Issuer", group: "cert-manager.io" },
  subject: [],
  dnsNames: ["web.shop.example"],
  ipAddresses: [],
  uris: [],
  emails: [],
  otherNames: [],
  spiffe: false,
  follows: [],
  continueOnNotReady: false,
  gates: [],
  trustBundle: Option.none(),
  duration: Duration.hours(1),
  isCA: false,
  nameConstraints: [],
  usages: ["digital signature", "key encipherment"],
  key: { algorithm: "ECDSA", size: 256 },
  keyEncoding: "PKCS8",
  remarks: [],
  reusePrivateKey: false,
  renewBefore: Option.none(),
  files: { ca: "ca.crt", certificate: "tls.crt", privateKey: "tls.key" },
  fileMode: 0o440,
  fileOwner: Option.none(),
  keystores: [],
  fsGroup: Option.none(),
  annotations: {},
  ...change
})

const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const

/** A real signing request, PEM. */
export const signingRequest: Effect.Effect<string> = Effect.promise(async () => {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      keys,
      signingAlgorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "web.shop.example" }])]
    },
    crypto
  )
  return request.toString("pem")
})

/** A draft with a signing request of its own. */
export const draft = (
  change: {
    readonly name?: string
    readonly volumeId?: string
    readonly spec?: VolumeSpec
    readonly token?: Redacted.Redacted<string>
  } = {}
): Effect.Effect<RequestDraft> =>
  Effect.map(signingRequest, (signingRequest) => ({
    name: change.name ?? crypto.randomUUID(),
    volumeId: change.volumeId ?? "csi-volume-1",
    spec: change.spec ?? spec(),
    signingRequest,
    token: Option.fromUndefinedOr(change.token),
    resubmitted: false
  }))
