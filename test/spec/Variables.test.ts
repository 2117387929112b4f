// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how pods write variables
import { describe, expect, it } from "@effect/vitest"
import { Option, Result } from "effect"
import * as fc from "fast-check"
import type { PodState } from "../../src/spec/PodState.ts"
import { expand, followedIn, followedSentence, followedValue, variablesOf } from "../../src/spec/Variables.ts"

const variables = variablesOf(
  { name: "web-0", namespace: "shop", uid: "u-1", serviceAccount: "clerk" },
  { nodeId: "node-1", clusterDomain: "cluster.local" }
)

describe("variables", () => {
  it("stand for what the kubelet says of the pod", () => {
    expect(variables).toEqual({
      POD_NAME: "web-0",
      POD_NAMESPACE: "shop",
      POD_UID: "u-1",
      SERVICE_ACCOUNT_NAME: "clerk",
      NODE_NAME: "node-1",
      CLUSTER_DOMAIN: "cluster.local"
    })
  })

  it.each([
    ["", ""],
    ["no dollar", "no dollar"],
    ["$POD_NAME", "web-0"],
    ["${POD_NAME}", "web-0"],
    ["a${POD_NAME}b$POD_NAMESPACE.c", "aweb-0bshop.c"],
    ["$POD_NAME$POD_UID${SERVICE_ACCOUNT_NAME}", "web-0u-1clerk"],
    ["$POD_NAME-x", "web-0-x"],
    ["$$POD_NAME", "$web-0"],
    ["${POD_NAME}}", "web-0}"],
    ["} $POD_NAME", "} web-0"],
    ["$", "$"],
    ["5$", "5$"],
    ["$5", "$5"],
    ["${POD_NAME", "${POD_NAME"],
    ["${POD_UID}${ $POD_NAME", "u-1${ web-0"]
  ])("are put in: %s", (text, expected) => {
    expect(expand(text, variables)).toEqual(Result.succeed(expected))
  })

  it.each([
    ["$POD", '"POD"'],
    ["${POD_NAMES}", '"POD_NAMES"'],
    ["$POD_NAMEx", '"POD_NAMEx"'],
    ["${ POD_NAME }", '" POD_NAME "'],
    ["$pod_name", '"pod_name"'],
    ["$toString ${constructor} $__proto__", '"toString", "constructor", "__proto__"'],
    ["$A $B $A", '"A", "B"']
  ])("that nobody knows are named with the known ones: %s", (text, names) => {
    expect(expand(text, variables)).toEqual(
      Result.fail(
        `knows no variable ${names}; use POD_NAME, POD_NAMESPACE, POD_UID, SERVICE_ACCOUNT_NAME, NODE_NAME, CLUSTER_DOMAIN, POD_IP, POD_IPS, POD_LABEL:key, POD_ANNOTATION:key`
      )
    )
  })

  it("without a name stand for nothing, as in Go", () => {
    expect(expand("a${}b$", variables)).toEqual(Result.succeed("ab$"))
  })

  it("are not put in twice", () => {
    expect(expand("$A", { A: "${B}$B", B: "b" })).toEqual(Result.succeed("${B}$B"))
  })

  it("keep the sentence short, whatever is found", () => {
    const many = Array.from({ length: 100 }, (_, index) => `$V${index}${"x".repeat(200)}`).join(" ")
    const failure = Result.getFailure(expand(many, variables))
    expect(JSON.stringify(failure).length).toBeLessThan(700)
  })

  it("for every mixture of texts and variables: each in its place, and nothing else changed", () => {
    const piece = fc.oneof(
      fc
        .string()
        .map((text) => text.replaceAll("$", ""))
        .map((text) => [text, text] as const),
      fc
        .constantFrom("POD_NAME", "POD_NAMESPACE", "POD_UID", "SERVICE_ACCOUNT_NAME")
        .map((name) => [`\${${name}}`, variables[name] ?? ""] as const)
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        expect(expand(pieces.map(([text]) => text).join(""), variables)).toEqual(
          Result.succeed(pieces.map(([, value]) => value).join(""))
        )
      })
    )
  })

  it("for every text: an answer, and the text itself where it has no dollar sign", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("$", "{", "}", "POD_NAME", "_", "1", "é", "\n")), (parts) => {
        const text = parts.join("")
        const found = expand(text, variables)
        if (!text.includes("$")) expect(found).toEqual(Result.succeed(text))
        if (Result.isFailure(found)) expect(found.failure).toMatch(/^knows no variable "/)
      })
    )
  })
})

describe("followed variables", () => {
  it.each([
    ["$POD_IP", ["POD_IP"]],
    ["${POD_IP},${POD_IPS},$POD_IPS", ["POD_IP", "POD_IPS"]],
    ["${POD_LABEL:app.kubernetes.io/name}.svc", ["POD_LABEL:app.kubernetes.io/name"]],
    ["${POD_ANNOTATION:example.com/name} ${POD_LABEL:app}", ["POD_ANNOTATION:example.com/name", "POD_LABEL:app"]],
    ["$POD_NAME ${NODE_NAME} ${POD_IP", []],
    ["${POD_LABEL:} ${POD_LABEL} ${POD_LABEL:/x} $POD_LABEL:app", []]
  ])("are found in %s", (text, names) => {
    expect(followedIn(text)).toEqual(names)
  })

  const pod: PodState = {
    ips: ["10.0.0.7", "fd00::7"],
    labels: { app: "web", empty: "" },
    annotations: { "example.com/name": "shop" },
    conditions: {}
  }

  it.each([
    ["POD_IP", "10.0.0.7"],
    ["POD_IPS", "10.0.0.7,fd00::7"],
    ["POD_LABEL:app", "web"],
    ["POD_LABEL:empty", ""],
    ["POD_LABEL:example.com/name", undefined],
    ["POD_ANNOTATION:example.com/name", "shop"],
    ["POD_ANNOTATION:toString", undefined]
  ])("stand for what the API server shows of the pod: %s", (name, value) => {
    expect(Option.getOrUndefined(followedValue(name, pod))).toBe(value)
  })

  it("have no value before the pod has what they name, and say what that is", () => {
    const none: PodState = { ips: [], labels: {}, annotations: {}, conditions: {} }
    const names = ["POD_IP", "POD_IPS", "POD_LABEL:app", "POD_ANNOTATION:example.com/name"]
    expect(names.filter((name) => Option.isSome(followedValue(name, none)))).toEqual([])
    expect(names.map(followedSentence)).toEqual([
      "an IP address",
      "an IP address",
      "the label app",
      "the annotation example.com/name"
    ])
  })
})
