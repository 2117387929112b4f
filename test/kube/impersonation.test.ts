import { Option } from "effect"
import { describe, expect, it } from "vitest"
import { impersonationIn, impersonationOf, nobodyElse } from "../../src/kube/impersonation.ts"

const silent = { asGroup: [], asUid: Option.none(), asUserExtra: [] }
const written = impersonationIn({
  as: "jane",
  "as-groups": ["devs", 7],
  "as-uid": "u-1",
  "as-user-extra": { "example.com/Scopes": ["view", "edit"], odd: "text" }
})

describe("impersonation", () => {
  it("is what the kubeconfig says, in the headers of Kubernetes", () => {
    expect(impersonationOf(silent, written)).toEqual({
      "impersonate-group": ["devs"],
      "impersonate-uid": "u-1",
      "impersonate-extra-example.com%2Fscopes": ["view", "edit"]
    })
  })

  it("is what the flags say, where they say something of the same", () => {
    const flags = { asGroup: ["ops"], asUid: Option.some("u-2"), asUserExtra: [["reason", "drill"]] as const }
    expect(impersonationOf(flags, written)).toEqual({
      "impersonate-group": ["ops"],
      "impersonate-uid": "u-2",
      "impersonate-extra-reason": ["drill"]
    })
    expect(impersonationOf({ ...silent, asUid: flags.asUid }, written)["impersonate-group"]).toEqual(["devs"])
  })

  it("is nothing where nobody says anything", () => {
    expect(impersonationOf(silent, nobodyElse)).toEqual({})
    for (const user of [undefined, "text", {}, { "as-groups": "devs", "as-uid": 7, "as-user-extra": ["a"] }]) {
      expect(impersonationOf(silent, impersonationIn(user))).toEqual({})
    }
  })
})
