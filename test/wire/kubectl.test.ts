/**
 * `kubectl certlet` as an operator uses it: a process under that name, a kubeconfig, and two nodes' certlets, each a
 * process of its own, which are entered through the API server. It finds them by their pods' label.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { FleetStatus } from "../../src/commands/kubectl/fleetText.ts"
import { EmbeddedCluster } from "../../src/embedded/EmbeddedCluster.ts"
import { kubectlCertlet } from "../kit/certlet.ts"
import { type Enter, openExecDoor } from "../kit/ExecDoor.ts"
import { temporaryFolder } from "../kit/folders.ts"
import { eventually } from "../kit/until.ts"
import { startNodeOn } from "./LiveNode.ts"

const readFleet = Schema.decodeUnknownEffect(Schema.fromJsonString(FleetStatus))

const pod = (name: string, namespace: string, node: string, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace, labels },
  spec: { nodeName: node, containers: [{ name: "certlet", args: ["run", `--node-id=${node}`] }] },
  status: { phase: "Running", containerStatuses: [{ name: "certlet", state: { running: {} } }] }
})

const certletPod = (node: string) =>
  pod(`certlet-${node}`, "cert-manager", node, { "app.kubernetes.io/name": "certlet" })

/** Two nodes, each with a pod, the API server's door to them, and an operator; `troubles` are of the door. */
const startFleet = Effect.gen(function* () {
  const cluster = yield* EmbeddedCluster.make()
  const [one, two] = yield* Effect.all([startNodeOn(cluster, "node-1"), startNodeOn(cluster, "node-2")], {
    concurrency: 2
  })
  const nodes = { "certlet-node-1": one, "certlet-node-2": two }
  const troubles: { enter?: Enter } = {}
  const entered: Array<string> = []
  const door = yield* openExecDoor(cluster, (call) =>
    Effect.gen(function* () {
      entered.push(`${call.namespace}/${call.pod} ${call.container}: ${call.command.join(" ")}`)
      const trouble = call.pod === "certlet-node-2" ? troubles.enter : undefined
      if (trouble !== undefined) return yield* trouble(call)
      const node = call.pod === "certlet-node-1" ? one : two
      const [program, ...args] = call.command
      if (program !== "certlet") return { unable: `exec: "${program}": executable file not found in $PATH` }
      const { code, stderr, stdout } = yield* node.ask(...args)
      return { exitCode: code ?? 1, stderr, stdout }
    })
  )
  for (const node of ["node-1", "node-2"]) cluster.stores.pods.put(certletPod(node))
  cluster.stores.pods.put(pod("web", "apps", "node-1"), "uid-web")
  cluster.stores.pods.put(pod("mail", "apps", "node-2"), "uid-mail")
  const folder = yield* temporaryFolder
  const kubeconfig = join(folder, "config")
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: door, "insecure-skip-tls-verify": true } }],
      users: [{ name: "operator", user: { token: "an operator's" } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "operator", namespace: "apps" } }],
      "current-context": "c"
    })
  )
  const plugin = (...args: ReadonlyArray<string>) => kubectlCertlet(folder, args, { KUBECONFIG: kubeconfig })
  return { cluster, nodes, one, two, troubles, entered, plugin }
})

describe("kubectl certlet", () => {
  it.live("shows the volumes of all nodes in one table, those that are asked for, and everything as JSON", () =>
    Effect.gen(function* () {
      const { entered, one, plugin, two } = yield* startFleet
      yield* one.publish("web")
      yield* two.publish("mail")
      const all = yield* plugin("status")
      expect(all.stderr).toMatch(/^2 volumes on 2 nodes: 2 Ready; the first certificate ends in (1d|23h)[^\n]*\n/)
      expect(all.code).toBe(0)
      expect(all.stdout).toMatch(/^NODE +POD .*\nnode-1 +apps\/web .*Ready.*\nnode-2 +apps\/mail .*Ready.*\n$/)
      expect(entered).toContain("cert-manager/certlet-node-1 certlet: certlet status -o json")
      const some = yield* plugin("status", "--node", "node-2", "-o", "json")
      const { nodes, unanswered } = yield* readFleet(some.stdout)
      expect(nodes.map(({ node, volumes }) => [node, volumes.map(({ pod }) => pod.name)])).toEqual([
        ["node-2", ["mail"]]
      ])
      expect(unanswered).toEqual([])
      const none = yield* plugin("status", "-n", "shop", "--state", "failing")
      expect(none).toMatchObject({ code: 0, stdout: "" })
      expect(none.stderr).toMatch(/^none of 2 volumes on 2 nodes is shown\n/)
      const mistyped = yield* plugin("status", "--node", "node-3")
      expect(mistyped).toMatchObject({ code: 1, stdout: "" })
      expect(mistyped.stderr).toBe("certlet: no certlet runs on a node node-3; nearest: node-1, node-2\n")
    })
  )

  it.live("names a node that does not answer with the reason and the right that is missing, and ends with 1", () =>
    Effect.gen(function* () {
      const { one, plugin, troubles } = yield* startFleet
      yield* one.publish("web")
      troubles.enter = () => Effect.succeed({ refused: 403, message: 'pods "certlet-node-2" is forbidden' })
      const forbidden = yield* plugin("status")
      expect(forbidden.code).toBe(1)
      expect(forbidden.stdout).toContain("apps/web")
      expect(forbidden.stderr).toContain(
        'node node-2 does not answer (pod cert-manager/certlet-node-2): exec into pod cert-manager/certlet-node-2: pods "certlet-node-2" is forbidden; this needs a Role or ClusterRole with the rule {"apiGroups":[""],"resources":["pods/exec"],"verbs":["create","get"]}\n'
      )
      troubles.enter = () => Effect.never
      const silent = yield* plugin("status", "--node", "node-2", "--node-timeout", "1s", "-o", "json")
      expect(silent.code).toBe(1)
      const { nodes, unanswered } = yield* readFleet(silent.stdout)
      expect(nodes).toEqual([])
      expect(unanswered).toMatchObject([{ node: "node-2", pod: "certlet-node-2", reason: "no answer within 1s" }])
    })
  )

  it.live("waits until every volume is Ready, and says what is missing where the time is up", () =>
    Effect.gen(function* () {
      const { cluster, one, plugin } = yield* startFleet
      yield* cluster.behave({ issuer: "hold" })
      yield* Effect.forkChild(
        Effect.ignore(one.publish("web", { "csi.cert-manager.io/continue-on-not-ready": "true" }))
      )
      const isIssuing = Effect.map(one.ask("status", "-o", "json"), ({ stdout }) => stdout.includes('"signature"'))
      yield* eventually("a request that waits", isIssuing)
      const late = yield* plugin("status", "--wait", "100ms")
      expect(late.code).toBe(1)
      expect(late.stdout).toContain("waits for signature")
      expect(late.stdout).toContain(": held back; if this lasts, look at the issuer's status")
      expect(late.stderr).toContain("the time is up: 1 volume is not Ready\n")
      yield* cluster.behave({ issuer: "sign" })
      const ready = yield* plugin("status", "--wait", "90s")
      expect(ready).toMatchObject({ code: 0, stdout: expect.stringMatching(/apps\/web .*Ready/) })
    })
  )

  it.live("renews a pod wherever it is, and describes it with its request, its issuer and its Events", () =>
    Effect.gen(function* () {
      const { cluster, plugin, two } = yield* startFleet
      yield* two.publish("mail", { "csi.cert-manager.io/duratoin": "24h" })
      const renewed = yield* plugin("renew", "mail")
      expect(renewed).toMatchObject({ code: 0, stderr: "" })
      expect(renewed.stdout).toMatch(/^pod apps\/mail, volume tls: renewed; the new certificate ends in /)
      const isTold = Effect.sync(() => cluster.stores.events.all().length > 0)
      yield* eventually("an Event", isTold)
      const described = yield* plugin("describe", "apps/mail")
      expect(described.stderr).toBe("")
      expect(described.stdout).toMatch(/^Node node-2, served by certlet \d[^ ]* in pod cert-manager\/certlet-node-2\n/)
      expect(described.stdout).toContain("  State:        Ready\n")
      expect(described.stdout).toMatch(/\n {2}CertificateRequest apps\/\S+\n {4}Approved: +True .*\n {4}Ready: +True /)
      expect(described.stdout).toContain("Issuer apps/ca is no longer there\n")
      expect(described.stdout).toMatch(
        /Events of certlet:\n {2}.* ago {2}Warning {2}VolumeAttributeIgnored: .*duratoin/
      )
      const missing = yield* plugin("describe", "-n", "shop", "mail")
      expect(missing.code).toBe(1)
      expect(missing.stderr).toMatch(/^certlet: look for pod shop\/mail: .*not found/)
    })
  )
})
