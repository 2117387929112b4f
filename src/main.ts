/**
 * The process's front door: a command line over layers. `certlet run`, or `certlet` with the same flags, serves the kubelet of
 * its node until it is told to end; `certlet demo` shows the whole of it without a cluster. There is no logic here: what is
 * written down is which live layer stands behind which contract, and in which order they end.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer, Option, type Runtime } from "effect"
import { CliConfig, Command, Flag, GlobalFlag } from "effect/cli"
import * as NodeAdmin from "./admin/NodeAdmin.ts"
import { renewNow, showStatus } from "./admin/NodeOperator.ts"
import * as CommandErrors from "./commands/CommandErrors.ts"
import { demo } from "./commands/demo/NodeDemo.ts"
import { waitForFiles } from "./commands/NodeFilesWait.ts"
import { adminSocketOf, renewFlags, runFlags, settingsOf, statusFlags, waitFlags } from "./commands/NodeFlags.ts"
import { orderOf, simulateFlags, usageCode } from "./commands/simulate/NodeSimulateFlags.ts"
import type { Order } from "./commands/simulate/Order.ts"
import * as GrpcKubelet from "./csi/GrpcKubelet.ts"
import * as GrpcRegistration from "./csi/GrpcRegistration.ts"
import { serve } from "./csi/serve.ts"
import { Driver } from "./driver/Driver.ts"
import * as Health from "./Health.ts"
import * as ApiCertificateRequests from "./issuance/ApiCertificateRequests.ts"
import * as NodeKeyGenerator from "./issuance/NodeKeyGenerator.ts"
import * as ApiPodEvents from "./kube/ApiPodEvents.ts"
import * as ApiPods from "./kube/ApiPods.ts"
import * as ApiTrustBundles from "./kube/ApiTrustBundles.ts"
import * as KubeApiServer from "./kube/KubeApiServer.ts"
import * as NodeHealth from "./observability/NodeHealth.ts"
import { loggingLayer } from "./observability/NodeLogging.ts"
import * as NodeMetrics from "./observability/NodeMetrics.ts"
import * as NodeTelemetry from "./observability/NodeTelemetry.ts"
import { Settings } from "./Settings.ts"
import { version } from "./Version.ts"
import * as NodeEntropy from "./volume/NodeEntropy.ts"
import * as NodeVolumeFS from "./volume/NodeVolumeFS.ts"
import * as NodeVolumeRecords from "./volume/NodeVolumeRecords.ts"

const liveDriver = Driver.layer.pipe(
  Layer.provide([
    NodeKeyGenerator.layer,
    ApiCertificateRequests.layer,
    ApiPodEvents.layer,
    ApiPods.layer,
    ApiTrustBundles.layer,
    NodeVolumeFS.layer,
    NodeVolumeRecords.layer,
    NodeEntropy.layer
  ]),
  Layer.provide(KubeApiServer.layer)
)

/** The kubelet forgets certlet before the door closes, and the door closes before the driver ends: calls in flight find it alive. */
const door = GrpcRegistration.layer.pipe(Layer.provide(Layer.effectDiscard(serve)), Layer.provide(GrpcKubelet.layer))

/** The operator's socket comes after the kubelet's, which only one process of a node can have. */
const doors = Layer.provideMerge(NodeAdmin.layer, door)

/** What is said of certlet's health outlives all that it speaks of, and first of all it says that certlet is ending. */
const server = Health.endsFirst.pipe(
  Layer.provide(Layer.mergeAll(doors, NodeMetrics.layer, NodeTelemetry.metricsLayer)),
  Layer.provide(liveDriver),
  Layer.provide(NodeHealth.layer),
  Layer.provide(NodeTelemetry.layer),
  Layer.provide(Health.layer)
)

const endWith = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })

/** An operator reads what was wrong as one line of the log, not as a trace. */
const failed = (cause: Cause.Cause<{ readonly message: string }>) =>
  Effect.gen(function* () {
    const error = Cause.squash(cause)
    yield* Effect.logFatal(error instanceof Error ? error.message : String(error))
    yield* endWith(1)
  })

const run = ({ log, ...flags }: Command.Command.Config.Infer<typeof runFlags>) =>
  Effect.andThen(endWith(0), settingsOf(flags)).pipe(
    Effect.flatMap((settings) => Effect.provideService(Layer.launch(server), Settings, settings)),
    Effect.catchCauseIf((cause) => !Cause.hasInterruptsOnly(cause), failed),
    Effect.provide(loggingLayer(log))
  )

const describe = "Gives every pod of this node its own certificate from cert-manager, in a volume"
const runCommand = Command.make("run", runFlags, run).pipe(Command.withDescription(`${describe} (the default)`))
const demoCommand = Command.make("demo", {}, () =>
  demo.pipe(Effect.catchCauseIf((cause) => !Cause.hasInterruptsOnly(cause), failed))
).pipe(Command.withDescription("Shows a certificate from birth to death on this machine: no cluster, no root"))
/** A node's process does not load the simulations: they are a file of their own. */
const simulation = (order: Order) =>
  Effect.tryPromise({
    try: (signal) => import("./commands/simulate/NodeSimulate.ts").then(({ simulate }) => simulate(order, signal)),
    catch: (cause) => new Error(`cannot simulate (certlet-simulate.mjs must lie beside certlet.mjs): ${cause}`)
  }).pipe(
    Effect.flatMap(endWith),
    Effect.catchCauseIf((cause) => !Cause.hasInterruptsOnly(cause), failed),
    Effect.provide(loggingLayer({ level: 1, format: Option.none() }))
  )
const simulateCommand = Command.make("simulate", simulateFlags, (given) =>
  Effect.flatMap(orderOf(given), simulation)
).pipe(Command.withDescription("Simulates clusters: stories under faults, judged; with --report a fleet over months"))
const waitCommand = Command.make("wait", waitFlags, (order) =>
  waitForFiles(order).pipe(
    Effect.catchCauseIf((cause) => !Cause.hasInterruptsOnly(cause), failed),
    Effect.provide(loggingLayer({ level: 1, format: Option.none() }))
  )
).pipe(Command.withDescription("Waits until a volume holds its files: for init containers"))
/** What is said to an operator who has asked is said as it is, and not as a line of a log. */
const refused = ({ message }: { readonly message: string }) =>
  Effect.andThen(
    endWith(1),
    Effect.sync(() => void process.stderr.write(`certlet: ${message}\n`))
  )
const statusCommand = Command.make("status", statusFlags, ({ output, pod, ...places }) =>
  Effect.catch(showStatus({ socket: adminSocketOf(places), output, pod }), refused)
).pipe(Command.withDescription("Shows this node's volumes, or one pod's in detail: for kubectl exec"))
const renewCommand = Command.make("renew", renewFlags, ({ pod, timeout, ...places }) =>
  renewNow({ socket: adminSocketOf(places), pod, timeout }).pipe(
    Effect.flatMap((renewed) => endWith(renewed ? 0 : 1)),
    Effect.catch(refused)
  )
).pipe(Command.withDescription("Renews a pod's certificates now, and says what came of it: for kubectl exec"))
const certlet = Command.make("certlet", runFlags, run).pipe(
  Command.withDescription(describe),
  Command.withSubcommands([runCommand, statusCommand, renewCommand, waitCommand, demoCommand, simulateCommand])
)

/** `-v` and `--log-level` are verbosity here, as with the driver that certlet replaces, so the built-in flags make room. */
const versionFlag = Flag.Boolean("version").pipe(Flag.withDescription("Print the version"), Flag.withDefault(false))
const Version = GlobalFlag.Action({ flag: versionFlag, run: GlobalFlag.Version.run })
const builtIns = [GlobalFlag.Help, Version, GlobalFlag.Completions]

/** To be told to end is no failure of a server; it is one of a demo, which has not shown what it claims. */
const teardown: Runtime.Teardown = (exit, onExit) => {
  const refused = (cause: Cause.Cause<unknown>): number => usageCode(Cause.squash(cause)) ?? 2
  const otherwise = Exit.isSuccess(exit) ? 0 : Cause.hasInterruptsOnly(exit.cause) ? 130 : refused(exit.cause)
  onExit(Number(process.exitCode ?? otherwise))
}

/** Who sends a second signal does not want to wait for calls in flight. */
let signals = 0
const countSignals = () => {
  signals += 1
  if (signals > 1) process.exit(1)
}
process.on("SIGINT", countSignals).on("SIGTERM", countSignals)

Command.run(certlet, { version }).pipe(
  Effect.provide(Layer.mergeAll(NodeServices.layer, CliConfig.layer({ builtIns }), CommandErrors.layer)),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
