/**
 * The flags that say how `certlet run` reaches the API server: by a kubeconfig, by single values, or, with none of
 * them, by the pod's own ServiceAccount. Their names are those of kubectl.
 */
import { Duration, Result } from "effect"
import { Flag } from "effect/cli"
import * as Rules from "../FlagRules.ts"
import { ignored, many, optional, secret, settingOr, toggle } from "../Flags.ts"

const file = Rules.typed("file", Result.succeed)
const name = Rules.typed("name", Result.succeed)
const url = Rules.typed("url", Result.succeed)

/** What `Settings.kube` holds. */
export const kubeFlags = {
  kubeconfig: optional("kubeconfig", file, "a kubeconfig file; without one the pod's own ServiceAccount is used"),
  context: optional("context", name, "the kubeconfig's context"),
  cluster: optional("cluster", name, "the kubeconfig's cluster"),
  user: optional("user", name, "the kubeconfig's user"),
  server: optional("server", url, "the API server's address").pipe(Flag.withAlias("s")),
  token: secret("token", "a bearer token"),
  certificateAuthority: optional("certificate-authority", file, "a file with the API server's CA"),
  clientCertificate: optional("client-certificate", file, "a file with a client certificate"),
  clientKey: optional("client-key", file, "a file with its key"),
  insecureSkipTlsVerify: toggle("insecure-skip-tls-verify", "do not verify the API server: for experiments only"),
  tlsServerName: optional("tls-server-name", name, "the name that the API server's certificate must have"),
  as: optional("as", name, "impersonate this user"),
  asGroup: many("as-group", name, "impersonate this group; repeatable"),
  asUid: optional("as-uid", Rules.anyText, "impersonate the user with this uid"),
  asUserExtra: many(
    "as-user-extra",
    Rules.pair,
    "impersonate a user with this further attribute, key=value; repeatable"
  ),
  requestTimeout: settingOr(
    "request-timeout",
    Rules.requestTimeout,
    "how long one call to the API server may take; 0 for no limit",
    "30s",
    Duration.seconds(30)
  ),
  qps: settingOr("kube-api-qps", Rules.decimal(0, 1e6), "calls per second; 0 leaves it to the server", "0", 0),
  burst: settingOr("kube-api-burst", Rules.wholeNumber(0, 1_000_000), "calls at once above the rate", "0", 0)
}

/** Flags of kubectl, and of the driver that certlet replaces, that say nothing to a program like this one. */
export const withoutEffect = {
  "cache-dir": ignored("cache-dir"),
  "disable-compression": ignored("disable-compression", "toggle"),
  kuberc: ignored("kuberc"),
  "log-flush-frequency": ignored("log-flush-frequency"),
  "match-server-version": ignored("match-server-version", "toggle"),
  namespace: ignored("namespace").pipe(Flag.withAlias("n")),
  profile: ignored("profile"),
  "profile-output": ignored("profile-output"),
  vmodule: ignored("vmodule"),
  "warnings-as-errors": ignored("warnings-as-errors", "toggle")
}
