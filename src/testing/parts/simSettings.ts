/**
 * The settings of a simulated node: what the command line would make of a node's name and nothing else. How the API
 * server is reached does not matter here, because the simulation stands in its place. Pure.
 */
import { Duration, Option } from "effect"
import type { KubeSettings, Settings } from "../../Settings.ts"
import { known, Misuse, timeOf } from "../levers/misuse.ts"

/** How the API server is reached: by whatever a test puts in its place. */
export const kubeSettings: KubeSettings = {
  kubeconfig: Option.none(),
  context: Option.none(),
  cluster: Option.none(),
  user: Option.none(),
  server: Option.none(),
  token: Option.none(),
  certificateAuthority: Option.none(),
  clientCertificate: Option.none(),
  clientKey: Option.none(),
  insecureSkipTlsVerify: false,
  tlsServerName: Option.none(),
  as: Option.none(),
  asGroup: [],
  asUid: Option.none(),
  asUserExtra: [],
  requestTimeout: Duration.seconds(30),
  qps: 0,
  burst: 0
}

/** Settings as the command line would make them, of a simulated node. */
export const simSettings: Settings["Service"] = {
  nodeId: "node-1",
  driverName: "csi.cert-manager.io",
  endpoint: "/csi/csi.sock",
  kubeletRootDir: Option.none(),
  kubeletRegistrationPath: Option.none(),
  dataRoot: "/run/certlet",
  adminSocket: "/run/certlet/admin/certlet.sock",
  volumeMedium: "tmpfs",
  volumeSizeLimit: 1_048_576,
  publishTimeout: Duration.seconds(60),
  shutdownTimeout: Duration.seconds(15),
  continueOnNotReady: false,
  defaultAttributes: {},
  strictAttributes: false,
  requireAllNames: false,
  rsaKeyPool: 0,
  podReadinessGates: [],
  clusterDomain: "cluster.local",
  useTokenRequest: false,
  healthBindAddress: Option.none(),
  metricsBindAddress: Option.none(),
  kube: kubeSettings
}

type Service = Settings["Service"]

/** Some of the settings; each that is a duration is written as Effect takes one. */
export type SettingsWish = {
  readonly [K in keyof Service]?: Service[K] extends Duration.Duration ? Duration.Input : Service[K]
}

const kindOf = (value: unknown): string =>
  Option.isOption(value) ? "an Option" : Array.isArray(value) ? "an array" : `a value of type ${typeof value}`

/** A simulated node's settings with these among them. */
export const settingsOf = (wish: SettingsWish): Service => {
  const { publishTimeout = simSettings.publishTimeout, shutdownTimeout = simSettings.shutdownTimeout, ...others } = wish
  const usual = new Map<string, unknown>(Object.entries(simSettings))
  known("a node's settings", wish, simSettings)
  for (const [name, value] of Object.entries(others)) {
    const kind = kindOf(usual.get(name))
    if (kindOf(value) !== kind) throw new Misuse(`the setting ${name} is ${kind}, and not ${kindOf(value)}`)
  }
  const times = { publishTimeout: timeOf(publishTimeout), shutdownTimeout: timeOf(shutdownTimeout) }
  return { ...simSettings, ...others, ...times }
}
