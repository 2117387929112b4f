/**
 * What an operator of many nodes reads: the table with its nodes, the sentences below it, what counts as trouble and
 * what as ready. The transcript and the rules in k8s/README.md are what is printed and what is asked for.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { loadYaml } from "@kubernetes/client-node"
import { DateTime, Option, Result } from "effect"
import type { NodeStatus } from "../../../src/admin/AdminApi.ts"
import { describeText } from "../../../src/commands/kubectl/describeText.ts"
import type { FleetNode, NodeAnswer } from "../../../src/commands/kubectl/Fleet.ts"
import { fleetOf, fleetSummary, fleetTable, isTroubled, unready } from "../../../src/commands/kubectl/fleetText.ts"
import { rights } from "../../../src/commands/kubectl/rights.ts"
import type { VolumeState, VolumeStatus } from "../../../src/driver/VolumeStatus.ts"

const manual = readFileSync(join(import.meta.dirname, "../../../k8s/README.md"), "utf8")
const at = (hours: number) => DateTime.makeUnsafe(hours * 3_600_000)

const volume = (name: string, change: Partial<VolumeStatus> = {}): VolumeStatus => ({
  volumeId: `csi-${name}`,
  target: `/var/lib/kubelet/pods/uid-${name}/volumes/kubernetes.io~csi/tls/mount`,
  pod: { namespace: "apps", name, uid: `uid-${name}` },
  issuer: { name: "ca", kind: "ClusterIssuer", group: "cert-manager.io" },
  names: [`${name}.apps.svc`],
  state: "Ready",
  certificate: { requestName: `r-${name}`, serialNumber: "0A", notBefore: at(0), renewAt: at(16), notAfter: at(24) },
  ...change
})

const fleetNode = (node: string): FleetNode => ({
  node,
  namespace: "cert-manager",
  pod: `certlet-${node}`,
  container: "certlet",
  place: [],
  idle: Option.none()
})

const answered = (
  node: string,
  volumes: ReadonlyArray<VolumeStatus>,
  change: Partial<NodeStatus> = {}
): NodeAnswer => ({
  _tag: "Answered",
  node: fleetNode(node),
  status: { version: "0.1.0", node, driver: "csi.cert-manager.io", at: at(10), complaints: [], volumes, ...change }
})
const silent = (node: string, reason: string): NodeAnswer => ({ _tag: "Silent", node: fleetNode(node), reason })

const failure = {
  sentence: "CertificateRequest apps/r-mail-1: denied by policy",
  advice: "the request was denied; change the pod's request or the approver's policy",
  temper: "refused",
  failures: 3,
  at: at(9),
  nextTry: at(10.25)
} as const

const every = { namespace: Option.none(), states: Option.none() }
const fleet = fleetOf(
  [
    answered("node-1", [volume("web"), volume("mail", { state: "Failing", failure })]),
    answered("node-2", [volume("db")]),
    silent("node-3", "its container does not run: CrashLoopBackOff")
  ],
  every
)

describe("a fleet", () => {
  it("reads as the manual shows it", () => {
    const [, transcript = ""] = /\$ kubectl certlet status\n([\s\S]*?)\n```/.exec(manual) ?? []
    const shown = fleetTable(fleet, { layout: "plain", width: 120, paint: (_, text) => text }) + fleetSummary(fleet, 3)
    expect(`${transcript}\n`).toBe(shown)
  })

  it("asks for the rights that the manual grants, and for no others", () => {
    const [, role = ""] = /```yaml\n(apiVersion: rbac[\s\S]*?name: certlet-operator[\s\S]*?)```/.exec(manual) ?? []
    const { rules } = loadYaml<{ readonly rules: ReadonlyArray<Record<string, ReadonlyArray<string>>> }>(role)
    const pairs = (all: ReadonlyArray<Readonly<Record<string, ReadonlyArray<string>>>>) =>
      all
        .flatMap(({ resources = [], verbs = [] }) => resources.flatMap((one) => verbs.map((verb) => `${verb} ${one}`)))
        .sort()
    expect(pairs(rules)).toEqual(pairs(Object.values(rights)))
  })

  it("is in trouble where a node does not answer, or a volume needs somebody", () => {
    const of = (...answers: ReadonlyArray<NodeAnswer>) => fleetOf(answers, every)
    const inState = (state: VolumeState) => of(answered("n", [volume("web", { state })]))
    for (const state of ["Ready", "Renewing", "Issuing", "Inherited"] as const)
      expect(isTroubled(inState(state)), state).toBe(false)
    for (const state of ["Expired", "Failing", "Refused", "Lost", "Damaged"] as const)
      expect(isTroubled(inState(state)), state).toBe(true)
    expect(isTroubled(of(silent("n", "no")))).toBe(true)
    expect(unready(inState("Renewing"))).toBe("")
    expect(unready(inState("Issuing"))).toBe("1 volume is not Ready")
    expect(unready(fleet)).toBe("1 volume is not Ready, 1 node does not answer")
  })

  it("is narrowed on every node, and says which node complains of what", () => {
    const complaints = [{ check: "watch CertificateRequests", complaint: "broken for 31 s" }]
    const answers = [
      answered("node-1", [volume("web"), volume("mail", { state: "Refused" })]),
      answered("node-2", [], { complaints })
    ]
    const some = fleetOf(answers, { ...every, states: Option.some(["Refused"]) })
    expect(some.nodes.map(({ volumes }) => volumes.map(({ pod }) => pod.name))).toEqual([["mail"], []])
    expect(fleetSummary(some, 2)).toBe(
      "1 of 2 volumes on 2 nodes: 1 Refused; the first certificate ends in 14h\n" +
        "node node-2: certlet is not ready: watch CertificateRequests: broken for 31 s\n"
    )
  })
})

describe("a pod that is described", () => {
  it("has its node, its request's and its issuer's conditions, and what its owner was told, the oldest first", () => {
    const description = {
      node: fleetNode("node-1"),
      version: "0.1.0",
      at: at(10),
      volumes: [
        {
          volume: volume("web"),
          conditions: [
            {
              title: "CertificateRequest apps/r-web",
              found: Result.succeed([
                { type: "Ready", status: "False", reason: "Pending", message: "the order\nwaits" }
              ])
            },
            { title: "ClusterIssuer ca", found: Result.succeed([]) },
            { title: "Issuer apps/x", found: Result.fail("is no longer there") }
          ]
        }
      ],
      events: Result.succeed([
        { type: "Warning", reason: "VolumeDamaged", message: "files", count: 2, last: Option.some(at(9)) }
      ])
    }
    const text = describeText(description)
    expect(text).toMatch(/^Node node-1, served by certlet 0.1.0 in pod cert-manager\/certlet-node-1\n\nPod apps\/web, /)
    expect(text).toContain("  CertificateRequest apps/r-web\n    Ready:        False (Pending): the order waits\n")
    expect(text).toContain("  ClusterIssuer ca has no conditions yet\n  Issuer apps/x is no longer there\n")
    expect(text).toMatch(/\n\nEvents of certlet:\n {2}1h ago {2}Warning {2}VolumeDamaged \(2 times\): files\n$/)
    const none = describeText({ ...description, events: Result.succeed([]) })
    expect(none).toMatch(/\nEvents of certlet: none\n$/)
    expect(describeText({ ...description, events: Result.fail("no right") })).toContain(
      "Events cannot be read: no right"
    )
  })
})
