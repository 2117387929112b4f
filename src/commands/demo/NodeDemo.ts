/**
 * `certlet demo`: one pod's certificate from birth to death, on this machine, without a cluster and without root.
 * Everything is live except the cluster: certlet is a process of its own behind its own socket, the demo plays the
 * kubelet, and an embedded API server with an approver and a CA plays the rest. Every sentence that claims something
 * is checked, and the exit code is 0 only if each of them holds.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { Console, Duration, Effect, Exit, Option, Ref, Schedule, Schema, Scope } from "effect"
import { EmbeddedCluster } from "../../embedded/EmbeddedCluster.ts"
import { paintFor } from "../../observability/NodePaint.ts"
import { lifetimeFor } from "./lifetimeFor.ts"
import type { CertletProcess } from "./NodeCertletProcess.ts"
import { certificateLines, stepLines, treeLines } from "./NodeExhibits.ts"
import { type Witness, witnessHandshakes } from "./NodeHandshakes.ts"
import { milliseconds, say, serve, temporaryFolder } from "./NodeServing.ts"

/** A claim of the demo did not hold. */
class DemoError extends Schema.TaggedError<DemoError>()("DemoError", { failed: Schema.Array(Schema.String) }) {
  override get message(): string {
    return `the demo failed: ${this.failed.join("; ")}`
  }
}

const podUid = "5f3c4f0e-9d53-4d0b-a6a7-0d1f0c2b7a11"

/** The pod of the demo: a certificate for a server and a client. */
const attributesFor = (lifetime: Duration.Duration) => ({
  "csi.storage.k8s.io/ephemeral": "true",
  "csi.storage.k8s.io/pod.name": "web",
  "csi.storage.k8s.io/pod.namespace": "apps",
  "csi.storage.k8s.io/pod.uid": podUid,
  "csi.storage.k8s.io/serviceAccount.name": "default",
  "csi.cert-manager.io/issuer-name": "ca",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
  "csi.cert-manager.io/common-name": "${POD_NAME}.${POD_NAMESPACE}",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
  "csi.cert-manager.io/dns-names": "${POD_NAME}.${POD_NAMESPACE}.svc",
  "csi.cert-manager.io/key-algorithm": "ECDSA",
  "csi.cert-manager.io/key-usages": "digital signature,server auth,client auth",
  "csi.cert-manager.io/duration": `${Duration.toSeconds(lifetime)}s`
})
const servername = "web.apps.svc"

/** The longest that a renewal may take, in lifetimes: it is due after two thirds of one. */
const patience = 2.5

/** How much of that passes between two lines, where no terminal shows one that moves. */
const plainShare = 0.13

const paint = paintFor("stdout")

/** Says what is claimed and whether it holds. */
const makeJudge = Effect.gen(function* () {
  const failed = yield* Ref.make<ReadonlyArray<string>>([])
  return {
    claim: (sentence: string, holds: boolean) =>
      Effect.gen(function* () {
        yield* Console.log(`  ${holds ? paint("green", "ok    ") : paint("red", "FAILED")}  ${sentence}`)
        if (!holds) yield* Ref.update(failed, (before) => [...before, sentence])
      }),
    verdict: Effect.flatMap(Ref.get(failed), (failed) =>
      failed.length === 0 ? Effect.void : Effect.fail(new DemoError({ failed }))
    )
  }
})
type Judge = Effect.Success<typeof makeJudge>

/** Where everything of the demo lies. */
const layOut = (folder: string) => {
  const volumes = join(folder, "pods", podUid, "volumes", "kubernetes.io~csi", "tls")
  mkdirSync(volumes, { recursive: true })
  const at = (name: string) => join(folder, name)
  return {
    nodeId: "demo-node",
    target: join(volumes, "mount"),
    socket: at("csi.sock"),
    records: at("records"),
    kubeconfig: at("kubeconfig")
  }
}
type Layout = ReturnType<typeof layOut>

/**
 * Waits for something, with a line that shows that somebody is waiting: one that moves on a terminal, a few plain ones
 * else.
 */
const awaitWith = Effect.fnUntraced(function* <E>(
  line: Effect.Effect<string>,
  done: Effect.Effect<boolean, E>,
  longest: Duration.Duration
) {
  const terminal = process.stdout.isTTY === true
  const show = Effect.flatMap(line, (text) =>
    terminal ? Effect.sync(() => void process.stdout.write(`\r\u001b[2K${text}`)) : Console.log(text)
  )
  const showing = yield* show.pipe(
    Effect.repeat(Schedule.spaced(terminal ? Duration.millis(250) : Duration.times(longest, plainShare))),
    Effect.forkScoped
  )
  const arrived = yield* done.pipe(
    Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: (is) => is }),
    Effect.timeoutOption(longest)
  )
  showing.interruptUnsafe()
  if (terminal) process.stdout.write("\r\u001b[2K")
  return Option.isSome(arrived)
}, Effect.scoped)

const progress = (witness: Witness, wanted: number) =>
  `          waiting for renewal ${Math.min(witness.serials.length, wanted)} of ${wanted}: ` +
  `${witness.handshakes} handshakes, ${witness.failures.length} failed`

const awaitRenewals = Effect.fnUntraced(function* (
  witness: Effect.Effect<Witness>,
  judge: Judge,
  renewals: number,
  lifetime: Duration.Duration
) {
  const [took, arrived] = yield* Effect.timed(
    awaitWith(
      Effect.map(witness, (seen) => progress(seen, renewals)),
      Effect.map(witness, ({ serials }) => serials.length > renewals),
      Duration.times(lifetime, patience)
    )
  )
  yield* judge.claim(`renewal ${renewals} was seen by the TLS client, ${milliseconds(took)} later`, arrived)
})

const publishOnce = Effect.fnUntraced(function* (layout: Layout, judge: Judge) {
  const { kubelet, process, took: start } = yield* serve(layout)
  const lifetime = lifetimeFor(start)
  const context = attributesFor(lifetime)
  const info = yield* kubelet.pluginInfo
  yield* judge.claim(
    `the driver calls itself ${info.name}, version ${info.vendorVersion}`,
    info.name === "csi.cert-manager.io"
  )
  const [took] = yield* Effect.timed(kubelet.publish({ volumeId: "csi-demo", target: layout.target, context }))
  yield* say("publish", `pod apps/web has its volume after ${milliseconds(took)}`)
  yield* Effect.forEach(stepLines(yield* process.log), (line) => Console.log(line), { discard: true })
  yield* Effect.forEach([...treeLines(layout.target), ...certificateLines(layout.target)], (line) => Console.log(line))
  const [again] = yield* Effect.timed(kubelet.publish({ volumeId: "csi-demo", target: layout.target, context }))
  yield* judge.claim(
    `published again, it is left alone (${milliseconds(again)})`,
    existsSync(join(layout.target, "tls.crt"))
  )
  return { process, lifetime }
})

const restart = Effect.fnUntraced(function* (layout: Layout, before: CertletProcess, judge: Judge) {
  const code = yield* before.stop
  yield* judge.claim(
    "certlet ended in good order on SIGTERM and left the pod its files",
    code === 0 && existsSync(join(layout.target, "tls.crt"))
  )
  const after = yield* serve(layout)
  const log = yield* after.process.log
  yield* judge.claim(
    "the new process resumed the volume",
    log.some((line) => line.includes("resumed 1 volume"))
  )
  return after
})

/** Runs the demo; fails with the claims that did not hold. */
export const playDemo = Effect.gen(function* () {
  const judge = yield* makeJudge
  const layout = layOut(yield* temporaryFolder("certlet-demo-"))
  const cluster = yield* EmbeddedCluster.make()
  yield* cluster.writeKubeconfig(layout.kubeconfig, "certificate")
  yield* say("cluster", `embedded API server, approver and CA at ${cluster.url}`)
  const { lifetime, process: first } = yield* publishOnce(layout, judge)
  yield* say("tls", "a server and a client use the mounted files, ten handshakes a second")
  const tls = yield* Scope.fork(yield* Effect.scope)
  const witness = yield* Scope.provide(witnessHandshakes(layout.target, servername), tls)
  yield* awaitRenewals(witness, judge, 1, lifetime)
  const second = yield* restart(layout, first, judge)
  yield* awaitRenewals(witness, judge, 2, lifetime)
  const { failures, handshakes, serials } = yield* witness
  yield* Scope.close(tls, Exit.void)
  const failed = `${failures.length} failed${failures.length > 0 ? `: ${failures[0]}` : ""}`
  yield* judge.claim(
    `${handshakes} handshakes over ${serials.length} certificates, ${failed}`,
    handshakes > 50 && failures.length === 0
  )
  const [took] = yield* Effect.timed(second.kubelet.unpublish({ volumeId: "csi-demo", target: layout.target }))
  yield* say("unpublish", `after ${milliseconds(took)}`)
  yield* judge.claim("nothing is left of the volume", !existsSync(layout.target) && recordsLeft(layout) === 0)
  yield* judge.claim("certlet ended in good order", (yield* second.process.stop) === 0)
  yield* judge.verdict
  yield* Console.log(paint("green", "All of it held."))
}).pipe(Effect.scoped)

const recordsLeft = ({ records }: Layout): number =>
  readdirSync(records, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json")).length
