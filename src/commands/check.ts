/**
 * The command `certlet check`, for a developer's machine and for CI: it reads manifests as they are applied, finds the
 * driver's volumes in them, and says everything that the driver would refuse or remark on, each at its line. It asks no
 * cluster. It ends with 1 where a volume would be refused, and with 64 where the command line is wrong.
 */
import { Effect, Option, Result } from "effect"
import { Argument, type Command, Flag } from "effect/cli"
import { paintFor } from "../observability/NodePaint.ts"
import { checkVolume } from "./check/checkVolume.ts"
import { explanation } from "./check/explanation.ts"
import { CheckReport, findingLines, hasFailed, reportOf, summaryText } from "./check/findingText.ts"
import { readManifests } from "./check/Manifest.ts"
import { readManifestFile } from "./check/NodeManifestFiles.ts"
import { podVolumes } from "./check/podVolumes.ts"
import { command } from "./command.ts"
import { ExitCode } from "./ExitCode.ts"
import * as Rules from "./FlagRules.ts"
import { onOff, ruled, ruledMany } from "./Flags.ts"
import { jsonText, print, remark } from "./operator/NodeOutput.ts"
import { spoken } from "./report.ts"

const flags = {
  files: Argument.String("file").pipe(
    Argument.withMetavar("file"),
    Argument.withDescription("a file of YAML or JSON with Kubernetes objects; - is the standard input"),
    Argument.atLeast(1)
  ),
  output: ruled(
    "output",
    Rules.oneOf(["text", "json", "github"]),
    "text: a line for each finding (default); json: for programs; github: annotations of a pull request"
  ).pipe(Flag.withAlias("o"), Flag.optional),
  explain: onOff("explain", "also say what a pod would find: names, files, when the certificate is renewed"),
  namespace: ruled("namespace", Rules.nonEmpty, "the namespace of objects that name none (default default)").pipe(
    Flag.withAlias("n"),
    Flag.withDefault("default")
  ),
  driverName: ruled("driver-name", Rules.driverName, "whose volumes (default csi.cert-manager.io)").pipe(
    Flag.withDefault("csi.cert-manager.io")
  ),
  clusterDomain: ruled(
    "cluster-domain",
    Rules.domain,
    "what the variable CLUSTER_DOMAIN stands for (default cluster.local)"
  ).pipe(Flag.withDefault("cluster.local")),
  continueOnNotReady: onOff("continue-on-not-ready", "the nodes run with this flag"),
  defaultAttributes: ruledMany(
    "default-attribute",
    Rules.attribute,
    "an attribute that the nodes add to every volume that does not write it; repeatable"
  ).pipe(Flag.map((pairs) => Object.fromEntries(pairs))),
  strictAttributes: onOff(
    "strict-attributes",
    "what looks like a mistake is an error, as on nodes that run with this flag"
  )
}

const checkFiles = Effect.fnUntraced(function* (order: Command.Command.Config.Infer<typeof flags>) {
  const { driverName, explain, files, namespace, output, strictAttributes } = order
  const { clusterDomain, continueOnNotReady, defaultAttributes } = order
  const site = { nodeId: "node", clusterDomain, continueOnNotReady, podReadinessGates: [], defaultAttributes }
  const read = yield* Effect.forEach(files, (file) =>
    Effect.flatMap(readManifestFile(file), (text) => readManifests(file, text))
  )
  const unreadable = read.flat().flatMap((one) => (Result.isFailure(one) ? [one.failure] : []))
  const manifests = read.flat().flatMap((one) => (Result.isSuccess(one) ? [one.success] : []))
  const volumes = yield* Effect.forEach(
    manifests.flatMap((manifest) => podVolumes(manifest, driverName, namespace)),
    (volume) => checkVolume(volume, { site, strict: strictAttributes })
  )
  const checked = { unreadable, volumes }
  const form = Option.getOrElse(output, () => "text" as const)
  yield* print(
    form === "json" ? yield* jsonText(CheckReport, reportOf(checked)) : findingLines(checked, form, paintFor("stdout"))
  )
  if (explain && form === "text") yield* print(volumes.map(explanation).join(""))
  const summary = paintFor("stderr")(hasFailed(checked) ? "red" : "green", summaryText(checked))
  if (form === "text") yield* remark(`${summary}\n`)
  if (hasFailed(checked)) yield* new ExitCode({ code: 1 })
})

/** `certlet check`. */
export const check = command("check", {
  description: "Checks manifests before they reach a cluster: what the driver would refuse, line by line",
  examples: [
    { description: "Check files, and say what a pod would find", command: "certlet check deploy/*.yaml --explain" },
    { description: "Annotate a pull request", command: "helm template . | certlet check - -o github" },
    {
      description: "Find what of a cluster's pods would be refused, before a migration",
      command: "kubectl get pods -A -o json | certlet check -"
    }
  ],
  flags,
  does: (order) => spoken(checkFiles(order))
})
