/**
 * The settings of one certlet process, decoded once at the front door from flags and environment and then carried as
 * one service. Every room reads its settings here and nowhere else. A setting that cannot be right is refused at the
 * door, in a sentence that names the flag.
 */
import { Context, type Duration, type Option, type Redacted } from "effect"
import type { ReadinessGate } from "./spec/ReadinessGate.ts"

/**
 * How to reach and address the API server; what is left out comes from the kubeconfig or the pod's own ServiceAccount.
 */
export interface KubeSettings {
  readonly kubeconfig: Option.Option<string>
  readonly context: Option.Option<string>
  readonly cluster: Option.Option<string>
  readonly user: Option.Option<string>
  readonly server: Option.Option<string>
  readonly token: Option.Option<Redacted.Redacted<string>>
  readonly certificateAuthority: Option.Option<string>
  readonly clientCertificate: Option.Option<string>
  readonly clientKey: Option.Option<string>
  readonly insecureSkipTlsVerify: boolean
  readonly tlsServerName: Option.Option<string>
  readonly as: Option.Option<string>
  readonly asGroup: ReadonlyArray<string>
  readonly asUid: Option.Option<string>
  readonly asUserExtra: ReadonlyArray<readonly [key: string, value: string]>
  /** Infinite where there is no limit. */
  readonly requestTimeout: Duration.Duration
  /** Requests per second of our own making; 0 leaves the limiting to the server's priority and fairness. */
  readonly qps: number
  readonly burst: number
}

/** Where a door over HTTP is; without a host at every address that the machine has, of IPv6 where it knows that. */
export interface BindAddress {
  readonly host: Option.Option<string>
  readonly port: number
}

/** Every setting, in effect. */
export class Settings extends Context.Service<
  Settings,
  {
    readonly nodeId: string
    readonly driverName: string
    /** The CSI socket's path, without `unix://`. */
    readonly endpoint: string
    /** The kubelet's root folder, where certlet is to register itself; none where somebody else registers it. */
    readonly kubeletRootDir: Option.Option<string>
    /** The CSI socket's path as the kubelet sees it; none where that is the endpoint itself. */
    readonly kubeletRegistrationPath: Option.Option<string>
    /** Where the records live: an absolute path, memory-backed. */
    readonly dataRoot: string
    /** The path of the operator's socket. */
    readonly adminSocket: string
    readonly volumeMedium: "tmpfs" | "directory"
    /** The size of a pod's tmpfs, in bytes. */
    readonly volumeSizeLimit: number
    /** How long one publish call may wait for its certificate before it answers; the issuance goes on. */
    readonly publishTimeout: Duration.Duration
    /** How long calls in flight may take to finish after SIGTERM. */
    readonly shutdownTimeout: Duration.Duration
    readonly continueOnNotReady: boolean
    /** Attributes of volumes that pods do not write themselves, by their names without the prefix. */
    readonly defaultAttributes: Readonly<Record<string, string>>
    /** Refuse a volume whose attributes hold what looks like a mistake, instead of telling its pod's owner. */
    readonly strictAttributes: boolean
    /** Refuse a certificate that lacks a name that was requested, instead of telling its pod's owner. */
    readonly requireAllNames: boolean
    /** How many keys of RSA-2048 are made ahead of time. */
    readonly rsaKeyPool: number
    /** What every pod of this node must have come to before its first certificate is asked for. */
    readonly podReadinessGates: ReadonlyArray<ReadinessGate>
    /** The DNS domain of the cluster's services. */
    readonly clusterDomain: string
    readonly useTokenRequest: boolean
    readonly healthBindAddress: Option.Option<BindAddress>
    readonly metricsBindAddress: Option.Option<BindAddress>
    readonly kube: KubeSettings
  }
>()("certlet/Settings") {}
