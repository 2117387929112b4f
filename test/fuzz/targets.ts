/**
 * What is fuzzed: each reader of what others write, with examples of what it reads. A reader may refuse anything, by a
 * value; it may not throw, hang, or take much time or memory. Where what was read can be written again, it must read
 * the same.
 */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { Cause, DateTime, Effect, Equal, Exit, Fiber, Layer, Option, References, Result, Schema } from "effect"
import { NodePublishVolumeRequestSchema } from "../../src/csi/generated/csi_pb.js"
import { readCall } from "../../src/csi/readCall.ts"
import { signingRequestIn } from "../../src/embedded/signingRequestIn.ts"
import { CertificateRequest, requestState } from "../../src/issuance/CertificateRequest.ts"
import { checkSigned } from "../../src/issuance/checkSigned.ts"
import * as ApiPods from "../../src/kube/ApiPods.ts"
import { ApiServer } from "../../src/kube/ApiServer.ts"
import { bundleFact } from "../../src/kube/BundleObject.ts"
import { makeCredentials } from "../../src/kube/KubeCredentials.ts"
import { Pods } from "../../src/kube/Pods.ts"
import { readPem, writePem } from "../../src/pki/Pem.ts"
import { Settings } from "../../src/Settings.ts"
import { attributeNames } from "../../src/spec/Attributes.ts"
import { formatDistinguishedName, parseDistinguishedName } from "../../src/spec/DistinguishedName.ts"
import { formatGoDuration, parseGoDuration } from "../../src/spec/GoDuration.ts"
import { limits } from "../../src/spec/Limits.ts"
import { bundleCertificates } from "../../src/spec/TrustBundle.ts"
import { serviceAccountToken } from "../../src/spec/VolumeSecrets.ts"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { VolumeRecord, volumeIdIn } from "../../src/volume/VolumeRecord.ts"
import { spec } from "../kit/LiveClient.ts"
import { kubeSettings, settings } from "../kit/settings.ts"

/** One reader; `read` throws, or its promise rejects, where a law is broken. */
export interface Target {
  readonly examples: ReadonlyArray<string | Uint8Array>
  readonly read: (bytes: Uint8Array) => void | Promise<void>
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const json = (bytes: Uint8Array): unknown =>
  Result.getOrElse(
    Result.try(() => JSON.parse(textOf(bytes))),
    () => undefined
  )

/** A failure is an answer; a defect is not. */
const answered = <A, E>(exit: Exit.Exit<A, E>): void => {
  if (Exit.isFailure(exit) && !Cause.hasFails(exit.cause)) throw new Error(Cause.pretty(exit.cause))
}
const run = <A, E>(program: Effect.Effect<A, E>): void => answered(Effect.runSyncExit(program))
const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const same = (one: unknown, other: unknown, law: string): void => {
  if (!Equal.equals(one, other)) throw new Error(law)
}

const pem = writePem("CERTIFICATE", new Uint8Array(300).fill(7))
const ours = "csi.cert-manager.io/"
const kubelets = "csi.storage.k8s.io/"
const podInfo = {
  [`${kubelets}ephemeral`]: "true",
  [`${kubelets}pod.name`]: "web-0",
  [`${kubelets}pod.namespace`]: "shop",
  [`${kubelets}pod.uid`]: "0000-1",
  [`${kubelets}serviceAccount.name`]: "clerk",
  [`${ours}issuer-name`]: "ca"
}

const attributes = {
  "literal-subject": "CN=web,O=Shop\\, Inc.+OU=a,2.5.4.5=#0c0131",
  organizations: 'One,"Two, ""Inc."""',
  "dns-names": "${POD_NAME}.shop.svc,*.example.com,${POD_ANNOTATION:x}",
  "ip-sans": "10.0.0.1,2001:db8::1,::ffff:1.2.3.4",
  "uri-sans": "spiffe://cluster.local/ns/${POD_NAMESPACE}/sa/a,urn:a",
  "email-sans": "web@example.com",
  "other-names": 'upn=web@example.com,"1.2.3=${POD_ANNOTATION:x}"',
  duration: "1h30m",
  "renew-before": "10m",
  "key-usages": "digital signature,server auth",
  "pod-readiness-gate": "pod-ip:any,pod-condition:Ready=True,pod-annotation:example.com/a",
  "trust-bundle": "ConfigMap/a/ca.crt",
  "permitted-ip-ranges": "10.0.0.0/8,fd00::/8",
  "pkcs12-password-from": "secret:a"
}

const values = Option.some({ "POD_ANNOTATION:x": "a.svc,b.svc" })
const decode = (context: Readonly<Record<string, string>>): void => {
  for (const followed of [Option.none(), values]) run(decodeVolumeSpec(context, settings, followed))
}

const contextOf = (bytes: Uint8Array): Readonly<Record<string, string>> => {
  const pairs = textOf(bytes)
    .split("\n")
    .map((line) => line.split("\t"))
  const written = pairs.map(([key = "", ...rest]) => [key.startsWith("/") ? key.slice(1) : ours + key, rest.join("\t")])
  return { ...podInfo, ...Object.fromEntries(written) }
}

const request = {
  metadata: { name: "a", namespace: "b", uid: "c", resourceVersion: "1", labels: { a: "b" }, creationTimestamp: null },
  status: { conditions: [{ type: "Ready", status: "True" }], certificate: btoa(pem), ca: btoa(pem.repeat(2)) }
}

const checked = (certificate: string, ca: string) =>
  checkSigned({
    request: "b/a",
    signed: { certificate, ca },
    spec: spec({ dnsNames: ["a.example"] }),
    spki: new Uint8Array(91),
    now: DateTime.makeUnsafe("2026-01-01T00:00:00Z"),
    requireAllNames: false,
    caHeld: Option.none()
  })

const pod = {
  metadata: { uid: "u", resourceVersion: "2", labels: { a: "b" }, annotations: { __proto__: null, x: "y" } },
  spec: { volumes: [{ csi: { driver: settings.driverName } }, { name: "a" }] },
  status: { podIP: "10.0.0.7", podIPs: [{ ip: "10.0.0.7" }], conditions: [{ type: "Ready", status: "True" }] }
}
const podList = { kind: "PodList", metadata: { resourceVersion: "7", continue: "" }, items: [pod] }
const podEvents = [
  { type: "ADDED", object: pod },
  { type: "BOOKMARK", object: pod },
  { type: "ERROR", object: { code: 410 } }
]

/** What a node has of its pods where the API server answers so: the list first, then a line for each event. */
const followPods = (list: unknown, events: ReadonlyArray<unknown>) => {
  const server = Layer.succeed(ApiServer, {
    call: () => Effect.succeed(list),
    follow: (_, reader) =>
      Effect.andThen(
        reader.opened,
        Effect.sync(() => void events.every((event) => reader.take(event) === "more"))
      )
  })
  const reference = { namespace: "shop", name: "web-0", uid: "u" }
  return Effect.gen(function* () {
    const pods = yield* Pods
    const waiting = yield* Effect.forkChild(pods.await(reference, () => Option.none()))
    for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
    yield* pods.state(reference)
    yield* Fiber.interrupt(waiting)
  }).pipe(Effect.provide(Layer.provide(ApiPods.layer, [server, Layer.succeed(Settings, settings)])), quiet)
}

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "https://127.0.0.1:6443", tls-server-name: a } }]
users: [{ name: u, user: { token: secret, as-groups: [a] } }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
current-context: x
`
const folder = mkdtempSync(join(tmpdir(), "certlet-fuzz-"))

const record = {
  version: 1,
  volumeId: "csi-1",
  target: "/var/lib/kubelet/pods/u/volumes/kubernetes.io~csi/tls/mount",
  context: podInfo,
  attributes: podInfo,
  mountFlags: ["ro"],
  volumeMountGroup: "1000",
  sealed: ["AAAA"],
  pending: { requestName: "r", signingRequest: pem, privateKey: "AAAA", since: "2026-01-01T00:00:00.000Z" }
}

const publish = toBinary(
  NodePublishVolumeRequestSchema,
  create(NodePublishVolumeRequestSchema, {
    volumeId: "csi-1",
    targetPath: "/var/lib/kubelet/pods/u/volumes/kubernetes.io~csi/tls/mount",
    volumeCapability: { accessType: { case: "mount", value: { mountFlags: ["ro"], volumeMountGroup: "1000" } } },
    readonly: true,
    secrets: { a: "b", constructor: "c" },
    volumeContext: podInfo
  })
)

/** The readers, by the names that `--target` takes. */
export const targets: Readonly<Record<string, Target>> = {
  pem: {
    examples: [pem, pem.repeat(3), `words\n${pem}`, writePem("PRIVATE KEY", new Uint8Array(48).fill(1))],
    read: (bytes) => {
      const blocks = readPem(textOf(bytes), limits.trustBundle)
      if (Result.isFailure(blocks)) return
      const written = blocks.success.map(({ der, label }) => writePem(label, der)).join("")
      const again = readPem(written, limits.ownFiles)
      same(
        Result.map(again, (found) => found.length),
        Result.succeed(blocks.success.length),
        "a block is lost"
      )
    }
  },
  bundle: {
    examples: [
      JSON.stringify({ data: { "ca.crt": pem, __proto__: pem } }),
      JSON.stringify({ spec: { trustBundle: pem } })
    ],
    read: (bytes) => {
      bundleCertificates(textOf(bytes))
      const [namespace, name] = ["shop", "a"]
      for (const key of ["ca.crt", "__proto__", "constructor"]) {
        bundleFact({ kind: "ConfigMap", name, namespace, key })(json(bytes))
      }
      bundleFact({ kind: "ClusterTrustBundle", name, namespace })(json(bytes))
    }
  },
  context: {
    examples: [
      Object.entries(attributes)
        .map((pair) => pair.join("\t"))
        .join("\n"),
      "/example.com/a\tb\nis-ca\ttrue"
    ],
    read: (bytes) => decode(contextOf(bytes))
  },
  attribute: {
    examples: Object.values(attributes),
    read: (bytes) => {
      for (const name of attributeNames) decode({ ...podInfo, [ours + name]: textOf(bytes) })
    }
  },
  name: {
    examples: [attributes["literal-subject"], "CN=\\C3\\A9,OID.2.5.4.3=a;DC=b", "CN=\\ a\\ "],
    read: (bytes) => {
      const name = parseDistinguishedName(textOf(bytes).slice(0, limits.attributeLength))
      if (Result.isFailure(name)) return
      same(
        parseDistinguishedName(formatDistinguishedName(name.success)),
        name,
        "a name reads otherwise than it was written"
      )
    }
  },
  duration: {
    examples: ["1h30m", "-1.5h", ".5s", "0", "1µs1ns"],
    read: (bytes) => {
      const duration = parseGoDuration(textOf(bytes))
      if (Option.isSome(duration))
        same(parseGoDuration(formatGoDuration(duration.value)), duration, "a duration changes")
    }
  },
  tokens: {
    examples: [
      JSON.stringify({ "": { token: "t", expirationTimestamp: "2026-01-01T00:00:00Z" }, vault: { token: "u" } })
    ],
    read: (bytes) => run(serviceAccountToken({ [`${kubelets}serviceAccount.tokens`]: textOf(bytes) }, {}))
  },
  request: {
    examples: [JSON.stringify(request), pem, `subject=a\n${pem}${pem}`],
    read: (bytes) => {
      const decoded = Schema.decodeUnknownResult(CertificateRequest)(json(bytes))
      const state = Result.isSuccess(decoded) ? requestState(decoded.success) : undefined
      if (state?._tag === "Ready") run(checked(state.signed.certificate, state.signed.ca))
      for (const [certificate, ca] of [
        [textOf(bytes), ""],
        [pem, textOf(bytes)]
      ] as const)
        run(checked(certificate, ca))
    }
  },
  watch: {
    examples: [[podList, ...podEvents].map((event) => JSON.stringify(event)).join("\n")],
    read: async (bytes) => {
      const [list, ...events] = textOf(bytes)
        .split("\n")
        .slice(0, 1000)
        .map((line) => json(new TextEncoder().encode(line)))
      answered(await Effect.runPromiseExit(followPods(list, events)))
    }
  },
  record: {
    examples: [JSON.stringify(record)],
    read: (bytes) => {
      run(Schema.decodeUnknownEffect(Schema.fromJsonString(VolumeRecord))(textOf(bytes)))
      volumeIdIn(textOf(bytes))
    }
  },
  signingRequest: {
    examples: [writePem("CERTIFICATE REQUEST", new Uint8Array([0x30, 3, 2, 1, 0])), pem],
    read: (bytes) => void signingRequestIn(textOf(bytes))
  },
  kubeconfig: {
    examples: [kubeconfig],
    read: async (bytes) => {
      // Examples name no program to run, and no word that damage puts in does.
      const file = join(folder, "kubeconfig")
      writeFileSync(file, bytes)
      const { current } = await Effect.runPromise(makeCredentials({ ...kubeSettings, kubeconfig: Option.some(file) }))
      answered(await Effect.runPromiseExit(current))
    }
  },
  call: {
    examples: [publish],
    read: (bytes) => {
      const message = Result.try(() => fromBinary(NodePublishVolumeRequestSchema, bytes))
      // What is no protobuf the gRPC library answers by itself.
      if (Result.isFailure(message)) return
      const read = Effect.runSyncExit(readCall.publish(message.success, Option.none()))
      answered(read)
      if (Exit.isSuccess(read)) decode(read.value.context)
    }
  }
}

/** The examples of a target as bytes. */
export const examplesOf = ({ examples }: Target): ReadonlyArray<Uint8Array> =>
  examples.map((example) => (typeof example === "string" ? new TextEncoder().encode(example) : example))
