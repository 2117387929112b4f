/**
 * The command line of `certlet run`, which is also its environment: every flag `--some-flag` can be given as
 * `CERTLET_SOME_FLAG`. Names, defaults and meanings are those of cert-manager's csi-driver, and a few are our own. Each value
 * is read by a rule whose sentence names the flag; what comes out is one `Settings`. A flag that this version cannot honour
 * is refused and never ignored.
 */
import { Config, Duration, Effect, Option, Redacted, Result } from "effect"
import { Argument, CliError, Flag } from "effect/cli"
import { gateForms, type ReadinessGate } from "../spec/ReadinessGate.ts"
import * as Rules from "./FlagRules.ts"

const variable = (name: string): string => `CERTLET_${name.toUpperCase().replaceAll("-", "_")}`

/** A flag of text, with its environment variable. */
const text = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withDescription(`${description} [${variable(name)}]`),
    Flag.withFallbackConfig(Config.String(variable(name)))
  )

/** A flag whose text is read by a rule. */
const ruled = <A>(name: string, rule: Rules.FlagRule<A>, description: string) =>
  text(name, description).pipe(Flag.mapEffect((value) => accept(name, value, rule(value))))

const accept = <A>(option: string, value: string, read: Result.Result<A, string>) =>
  Effect.fromResult(
    Result.mapError(read, (expected) => new CliError.InvalidValue({ option, value, expected, kind: "flag" }))
  )

const optional = (name: string, description: string) => text(name, description).pipe(Flag.optional)

const secret = (name: string, description: string) =>
  text(name, description).pipe(Flag.map(Redacted.make), Flag.optional)

const boolean = (name: string, description: string) =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(`${description} [${variable(name)}]`),
    Flag.withFallbackConfig(Config.Boolean(variable(name))),
    Flag.withDefault(false)
  )

/** A flag that can be given again and again; its environment variable separates values by commas. */
const many = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withDescription(`${description} [${variable(name)}, comma-separated]`),
    Flag.between(1, 100),
    Flag.withFallbackConfig(Config.map(Config.String(variable(name)), (values) => values.split(","))),
    Flag.withDefault([])
  )

/** A rule's flag with a default that the help shows. */
const withDefault = <A>(name: string, rule: Rules.FlagRule<A>, description: string, shown: string, value: A) =>
  ruled(name, rule, `${description} (default ${shown})`).pipe(Flag.withDefault(value))

/** Where certlet keeps what is its own: the process and whoever asks it have to agree on this. */
const placeFlags = {
  dataRoot: withDefault(
    "data-root",
    Rules.absolutePath,
    "where the records of volumes are kept; memory-backed",
    "/run/certlet",
    "/run/certlet"
  ),
  adminSocket: ruled(
    "admin-socket",
    Rules.endpoint,
    "the socket of certlet status and certlet renew, for root only (default admin/certlet.sock below the data root)"
  ).pipe(Flag.optional)
}

/** The operator's socket: where the flag says, else below the data root. */
export const adminSocketOf = (places: {
  readonly adminSocket: Option.Option<string>
  readonly dataRoot: string
}): string => Option.getOrElse(places.adminSocket, () => `${places.dataRoot}/admin/certlet.sock`)

const driverFlags = {
  nodeId: ruled("node-id", Rules.given, "this node's name in the cluster"),
  endpoint: ruled("endpoint", Rules.endpoint, "the CSI socket: unix:///absolute/path"),
  driverName: withDefault(
    "driver-name",
    Rules.driverName,
    "the driver's name, as in the CSIDriver object",
    "csi.cert-manager.io",
    "csi.cert-manager.io"
  ),
  kubeletRootDir: ruled(
    "kubelet-root-dir",
    Rules.absolutePath,
    "the kubelet's root folder: certlet registers itself there; without it somebody else has to"
  ).pipe(Flag.optional),
  kubeletRegistrationPath: ruled(
    "kubelet-registration-path",
    Rules.endpoint,
    "the CSI socket's path as the kubelet sees it, where that is not the endpoint itself"
  ).pipe(Flag.optional),
  ...placeFlags,
  volumeMedium: withDefault(
    "volume-medium",
    Rules.oneOf(["tmpfs", "directory"]),
    "tmpfs: a mount per pod; directory: plain folders, where mounting is not permitted",
    "tmpfs",
    "tmpfs"
  ),
  volumeSizeLimit: withDefault("volume-size-limit", Rules.size, "the size of a pod's tmpfs", "4Mi", 4 * 1024 * 1024),
  publishTimeout: withDefault(
    "publish-timeout",
    Rules.durationWithin(Duration.seconds(1), Duration.seconds(115)),
    "how long a publish waits for its certificate before it answers; at most 115s",
    "60s",
    Duration.seconds(60)
  ),
  shutdownTimeout: withDefault(
    "shutdown-timeout",
    Rules.durationWithin(Duration.zero, Duration.minutes(10)),
    "how long calls in flight may take to finish after SIGTERM",
    "15s",
    Duration.seconds(15)
  ),
  continueOnNotReady: boolean("continue-on-not-ready", "answer a publish before its certificate is there"),
  clusterDomain: withDefault(
    "cluster-domain",
    Rules.domain,
    "the DNS domain of the cluster's services, which the variable CLUSTER_DOMAIN stands for",
    "cluster.local",
    "cluster.local"
  ),
  useTokenRequest: boolean("use-token-request", "create requests as the pod's own ServiceAccount"),
  healthBindAddress: withDefault(
    "health-bind-address",
    Rules.bindAddress,
    "where /livez and /readyz are served: host:port, :port, or 0 for nowhere",
    "0",
    Option.none<Rules.BindAddress>()
  ),
  metricsBindAddress: withDefault(
    "metrics-bind-address",
    Rules.bindAddress,
    "where /metrics is served: host:port, :port, or 0 for nowhere",
    "0",
    Option.none<Rules.BindAddress>()
  )
}

/** Understood, so that a DaemonSet that gives them starts: they paced a polling that certlet does not do. */
const gateBackoff = "accepted from the driver that polls; certlet is told by a watch"

const gateFlags = {
  podReadinessGates: many(
    "pod-readiness-gate",
    `hold a pod's first certificate back until this is there; repeatable, needs --continue-on-not-ready: ${gateForms}`
  ).pipe(
    Flag.mapEffect((gates) => Effect.forEach(gates, (gate) => accept("pod-readiness-gate", gate, Rules.gate(gate))))
  ),
  gateBackoffDuration: ruled(
    "gate-backoff-duration",
    Rules.durationWithin(Duration.zero, Duration.hours(1)),
    gateBackoff
  ).pipe(Flag.optional),
  gateBackoffFactor: ruled("gate-backoff-factor", Rules.decimal(1, 100), gateBackoff).pipe(Flag.optional),
  gateBackoffJitter: ruled("gate-backoff-jitter", Rules.decimal(0, 1), gateBackoff).pipe(Flag.optional),
  gateBackoffCap: ruled("gate-backoff-cap", Rules.durationWithin(Duration.zero, Duration.hours(1)), gateBackoff).pipe(
    Flag.optional
  )
}

const kubeFlags = {
  kubeconfig: optional("kubeconfig", "a kubeconfig file; without one the pod's own ServiceAccount is used"),
  context: optional("context", "the kubeconfig's context"),
  cluster: optional("cluster", "the kubeconfig's cluster"),
  user: optional("user", "the kubeconfig's user"),
  server: optional("server", "the API server's address"),
  token: secret("token", "a bearer token"),
  certificateAuthority: optional("certificate-authority", "a file with the API server's CA"),
  clientCertificate: optional("client-certificate", "a file with a client certificate"),
  clientKey: optional("client-key", "a file with its key"),
  insecureSkipTlsVerify: boolean("insecure-skip-tls-verify", "do not verify the API server: for experiments only"),
  tlsServerName: optional("tls-server-name", "the name that the API server's certificate must have"),
  as: optional("as", "impersonate this user"),
  asGroup: many("as-group", "impersonate this group; repeatable"),
  requestTimeout: withDefault(
    "request-timeout",
    Rules.durationWithin(Duration.millis(100), Duration.minutes(10)),
    "how long one call to the API server may take",
    "30s",
    Duration.seconds(30)
  ),
  qps: withDefault("kube-api-qps", Rules.decimal(0, 1e6), "calls per second; 0 leaves it to the server", "0", 0),
  burst: withDefault("kube-api-burst", Rules.wholeNumber(0, 1_000_000), "calls at once above the rate", "0", 0)
}

/** The flags of `certlet run`. */
export const runFlags = {
  ...driverFlags,
  ...gateFlags,
  kube: kubeFlags,
  log: {
    level: withDefault(
      "log-level",
      Rules.wholeNumber(1, 5),
      "1 and 2: what changes; 3 and 4: every call; 5: everything",
      "1",
      1
    ).pipe(Flag.withAlias("v")),
    format: ruled("log-format", Rules.oneOf(["json", "pretty"]), "pretty on a terminal, json elsewhere").pipe(
      Flag.optional
    )
  }
}

const timeout = (description: string, otherwise: Duration.Duration) =>
  Flag.String("timeout").pipe(
    Flag.withDescription(description),
    Flag.mapEffect((value) =>
      accept("timeout", value, Rules.durationWithin(Duration.millis(1), Duration.days(1))(value))
    ),
    Flag.withDefault(otherwise)
  )

/** What `certlet status` takes. */
export const statusFlags = {
  ...placeFlags,
  pod: Argument.String("pod").pipe(
    Argument.withDescription(
      "NAME or NAMESPACE/NAME of a pod on this node, or a volume's id: everything about its volumes"
    ),
    Argument.optional
  ),
  output: Flag.String("output").pipe(
    Flag.withAlias("o"),
    Flag.withDescription("wide: more columns, absolute times; json: everything, for programs"),
    Flag.mapEffect((value) => accept("output", value, Rules.oneOf(["wide", "json"])(value))),
    Flag.optional
  )
}

/** What `certlet renew` takes. */
export const renewFlags = {
  ...placeFlags,
  pod: Argument.String("pod").pipe(
    Argument.withDescription("NAME or NAMESPACE/NAME of a pod on this node, or a volume's id")
  ),
  timeout: timeout("how long to wait for the new certificate (default 1m)", Duration.minutes(1))
}

/** What `certlet wait` takes. */
export const waitFlags = {
  folder: Argument.String("dir").pipe(
    Argument.withDescription("where the volume is mounted"),
    Argument.mapEffect((value) =>
      Effect.fromResult(
        Result.mapError(
          Rules.absolutePath(value),
          (expected) => new CliError.InvalidValue({ option: "dir", value, expected, kind: "argument" })
        )
      )
    )
  ),
  files: Flag.String("file").pipe(
    Flag.withDescription("a file that the volume must hold; repeatable; without it whatever it holds"),
    Flag.between(0, 100)
  ),
  timeout: timeout("how long to wait (default 5m)", Duration.minutes(5))
}

/** The settings that the flags make, by the rules between them: gates open after the publish, so publishes must not wait. */
export const settingsOf = <
  Flags extends {
    readonly podReadinessGates: ReadonlyArray<ReadinessGate>
    readonly continueOnNotReady: boolean
    readonly adminSocket: Option.Option<string>
    readonly dataRoot: string
  }
>(
  flags: Flags
) =>
  flags.podReadinessGates.length === 0 || flags.continueOnNotReady
    ? Effect.succeed({ ...flags, adminSocket: adminSocketOf(flags) })
    : Effect.fail(
        new CliError.InvalidValue({
          option: "continue-on-not-ready",
          value: "false",
          expected: "true beside --pod-readiness-gate, as gates open only after a pod's volumes are published",
          kind: "flag"
        })
      )
