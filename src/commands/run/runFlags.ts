/**
 * The command line of `certlet run`, which is also its environment. Names, defaults and meanings are those of
 * cert-manager's csi-driver, and a few are our own. What comes out is one `Settings`. A flag that has no meaning
 * here is accepted where the driver that certlet replaces has it, and told once at the start.
 */
import { Duration, Effect, Option, Record } from "effect"
import { CliError, type Command, Flag } from "effect/cli"
import type { BindAddress, Settings } from "../../Settings.ts"
import { brokenDefaults } from "../../spec/brokenDefaults.ts"
import { gateForms } from "../../spec/ReadinessGate.ts"
import { prefix } from "../../spec/VolumeContext.ts"
import type { Site } from "../../spec/VolumeSpec.ts"
import { adminSocketOf, placeFlags } from "../AdminPlace.ts"
import * as Rules from "../FlagRules.ts"
import { many, setting, settingOr, socket, toggle } from "../Flags.ts"
import { kubeFlags, withoutEffect } from "./kubeFlags.ts"

const driverFlags = {
  nodeId: setting("node-id", Rules.nonEmpty, "this node's name in the cluster"),
  endpoint: socket("endpoint", "the CSI socket, as unix:///absolute/path"),
  driverName: settingOr(
    "driver-name",
    Rules.driverName,
    "the driver's name, as in the CSIDriver object",
    "csi.cert-manager.io",
    "csi.cert-manager.io"
  ),
  kubeletRootDir: setting(
    "kubelet-root-dir",
    Rules.absolutePath,
    "the kubelet's root folder: certlet registers itself there; without it somebody else has to"
  ).pipe(Flag.optional),
  kubeletRegistrationPath: socket(
    "kubelet-registration-path",
    "the CSI socket's path as the kubelet sees it, where that is not the endpoint itself"
  ).pipe(Flag.optional),
  ...placeFlags,
  volumeMedium: settingOr(
    "volume-medium",
    Rules.oneOf(["tmpfs", "directory"]),
    "tmpfs: a mount per pod; directory: plain folders, where mounting is not permitted",
    "tmpfs",
    "tmpfs"
  ),
  volumeSizeLimit: settingOr("volume-size-limit", Rules.size, "the size of a pod's tmpfs", "4Mi", 4 * 1024 * 1024),
  publishTimeout: settingOr(
    "publish-timeout",
    Rules.durationWithin(Duration.seconds(1), Duration.seconds(115)),
    "how long a publish waits for its certificate before it answers; at most 115s",
    "60s",
    Duration.seconds(60)
  ),
  shutdownTimeout: settingOr(
    "shutdown-timeout",
    Rules.durationWithin(Duration.zero, Duration.minutes(10)),
    "how long calls in flight may take to finish after SIGTERM",
    "15s",
    Duration.seconds(15)
  ),
  continueOnNotReady: toggle("continue-on-not-ready", "answer a publish before its certificate is there"),
  defaultAttributes: many(
    "default-attribute",
    Rules.attribute,
    "an attribute of every volume that does not write it itself; repeatable"
  ).pipe(Flag.map((pairs) => Object.fromEntries(pairs))),
  strictAttributes: toggle(
    "strict-attributes",
    "refuse a volume whose attributes hold what looks like a mistake; without it an Event on the pod tells of it"
  ),
  requireAllNames: toggle(
    "require-all-names",
    "refuse a certificate that lacks a name that was requested; without it an Event on the pod tells of it"
  ),
  rsaKeyPool: settingOr(
    "rsa-key-pool",
    Rules.wholeNumber(0, 100),
    "how many RSA-2048 keys, the default, are made ahead of time while nothing is under way",
    "4",
    4
  ),
  clusterDomain: settingOr(
    "cluster-domain",
    Rules.domain,
    "the DNS domain of the cluster's services, which the variable CLUSTER_DOMAIN stands for",
    "cluster.local",
    "cluster.local"
  ),
  useTokenRequest: toggle("use-token-request", "create requests as the pod's own ServiceAccount"),
  healthBindAddress: settingOr(
    "health-bind-address",
    Rules.bindAddress,
    "where /livez and /readyz are served: host:port, :port, or 0 for nowhere",
    "0",
    Option.none<BindAddress>()
  ),
  metricsBindAddress: settingOr(
    "metrics-bind-address",
    Rules.bindAddress,
    "where /metrics is served: host:port, :port, or 0 for nowhere",
    "0",
    Option.none<BindAddress>()
  )
}

const gates = many(
  "pod-readiness-gate",
  Rules.gate,
  `hold a pod's first certificate back until this is there; repeatable, needs --continue-on-not-ready: ${gateForms}`
)

/** They paced the polling of the driver that certlet replaces; they have to be right all the same. */
const gateBackoff = "accepted without effect: certlet does not poll, it has a watch"

const gateFlags = {
  "gate-backoff-duration": setting(
    "gate-backoff-duration",
    Rules.durationWithin(Duration.zero, Duration.hours(1)),
    gateBackoff
  ).pipe(Flag.optional, Flag.map(Option.isSome)),
  "gate-backoff-factor": setting("gate-backoff-factor", Rules.decimal(1, 100), gateBackoff).pipe(
    Flag.optional,
    Flag.map(Option.isSome)
  ),
  "gate-backoff-jitter": setting("gate-backoff-jitter", Rules.decimal(0, 1), gateBackoff).pipe(
    Flag.optional,
    Flag.map(Option.isSome)
  ),
  "gate-backoff-cap": setting(
    "gate-backoff-cap",
    Rules.durationWithin(Duration.zero, Duration.hours(1)),
    gateBackoff
  ).pipe(Flag.optional, Flag.map(Option.isSome))
}

/** The flags of `certlet run`. */
export const runFlags = {
  ...driverFlags,
  podReadinessGates: gates,
  kube: kubeFlags,
  withoutEffect: { ...withoutEffect, ...gateFlags },
  log: {
    level: settingOr(
      "log-level",
      Rules.wholeNumber(1, 5),
      "1 and 2: what changes; 3 and 4: also every call, with its end and its time; 5: also what is decided",
      "1",
      1
    ).pipe(Flag.withAlias("v")),
    format: setting("log-format", Rules.oneOf(["json", "pretty"]), "pretty on a terminal, json elsewhere").pipe(
      Flag.optional
    )
  }
}

type Given = Command.Command.Config.Infer<typeof runFlags>

/** Gates open only after the publish, so with them a publish must not wait. */
const gatesThatStayShut = ({ continueOnNotReady, podReadinessGates }: Given) =>
  podReadinessGates.length === 0 || continueOnNotReady
    ? []
    : [
        new CliError.InvalidValue({
          option: "continue-on-not-ready",
          value: "false",
          expected: "true with --pod-readiness-gate, as gates open only after a pod's volumes are published",
          kind: "flag"
        })
      ]

/** The flags that were given and have no effect. */
export const ignoredIn = ({ withoutEffect }: Given): ReadonlyArray<string> =>
  Record.toEntries(withoutEffect).flatMap(([name, given]) => (given ? [`--${name}`] : []))

/** What is wrong with a default attribute is wrong with every pod, so it is found before the first. */
const wrongDefaults = (site: Site) =>
  Effect.map(brokenDefaults(site), (broken) =>
    broken.map(({ field, rule }) => {
      const name = field.replace(prefix, "")
      const value = `${name}=${site.defaultAttributes[name] ?? ""}`
      const expected = `an attribute that volumes can have; ${field} ${rule}`
      return new CliError.InvalidValue({ option: "default-attribute", value, expected, kind: "flag" })
    })
  )

/** What is wrong with flags that are right one by one. */
export const mistakesAmong = (given: Given): Effect.Effect<ReadonlyArray<CliError.InvalidValue>> =>
  Effect.map(wrongDefaults(given), (wrong) => [...gatesThatStayShut(given), ...wrong])

/** The settings that the flags make. */
export const settingsOf = (given: Given): Settings["Service"] => {
  const { log, withoutEffect, ...flags } = given
  return { ...flags, adminSocket: adminSocketOf(flags) }
}
