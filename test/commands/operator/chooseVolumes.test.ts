import { describe, expect, it } from "@effect/vitest"
import { Option, Result } from "effect"
import { inNamespace, inStates, volumesOf, volumesOfOnePod } from "../../../src/commands/operator/chooseVolumes.ts"
import type { VolumeStatus } from "../../../src/driver/VolumeStatus.ts"

const volume = (namespace: string, name: string, of = "tls"): VolumeStatus => ({
  volumeId: `csi-${namespace}-${name}-${of}`,
  target: `/pods/uid/volumes/kubernetes.io~csi/${of}/mount`,
  pod: { namespace, name, uid: `uid-${name}` },
  issuer: { name: "ca", kind: "Issuer", group: "cert-manager.io" },
  names: [],
  state: "Issuing"
})

const volumes = [
  volume("shop", "web"),
  volume("apps", "web", "tls"),
  volume("apps", "web", "client"),
  volume("apps", "mail-7f9c")
]
const ids = (found: Result.Result<ReadonlyArray<VolumeStatus>, string>) =>
  Result.map(found, (volumes) => volumes.map(({ volumeId }) => volumeId))

describe("which volumes are meant", () => {
  it("are those of a pod by its name, in any namespace or in one, or one by its id", () => {
    expect(ids(volumesOf("web", volumes))).toEqual(
      Result.succeed(["csi-apps-web-client", "csi-apps-web-tls", "csi-shop-web-tls"])
    )
    expect(ids(volumesOf("shop/web", volumes))).toEqual(Result.succeed(["csi-shop-web-tls"]))
    expect(ids(volumesOfOnePod("csi-apps-web-tls", volumes))).toEqual(Result.succeed(["csi-apps-web-tls"]))
  })

  it("has to be said where a renewal would hit pods of several namespaces", () => {
    expect(volumesOfOnePod("web", volumes)).toEqual(
      Result.fail("web is a pod in several namespaces; say which one: apps/web, shop/web")
    )
    expect(ids(volumesOfOnePod("apps/web", volumes))).toEqual(
      Result.succeed(["csi-apps-web-client", "csi-apps-web-tls"])
    )
  })

  it("is narrowed by a namespace and by states", () => {
    const none = { namespace: Option.none(), states: Option.none() }
    const shop = { ...none, namespace: Option.some("shop") }
    expect(inNamespace(volumes, none)).toEqual(volumes)
    expect(inNamespace(volumes, shop).map(({ pod }) => pod.namespace)).toEqual(["shop"])
    const mixed = volumes.map((one, at): VolumeStatus => ({ ...one, state: at === 0 ? "Refused" : "Ready" }))
    expect(inStates(mixed, { ...none, states: Option.some(["Failing", "Refused"]) })).toEqual(mixed.slice(0, 1))
    expect(inStates(mixed, none)).toEqual(mixed)
  })

  it("is answered with the nearest names where nothing fits", () => {
    expect(volumesOf("mail", volumes)).toEqual(
      Result.fail(
        "no pod mail with a volume of certlet on this node; nearest on this node: apps/web, shop/web, apps/mail-7f9c"
      )
    )
    expect(volumesOf("mail-7f9d", volumes)).toEqual(
      Result.fail(
        "no pod mail-7f9d with a volume of certlet on this node; nearest on this node: apps/mail-7f9c, apps/web, shop/web"
      )
    )
    expect(volumesOf("apps/wbe", [volume("apps", "web")])).toEqual(
      Result.fail("no pod apps/wbe with a volume of certlet on this node; nearest on this node: apps/web")
    )
    expect(volumesOf("web", [])).toEqual(
      Result.fail("no pod web with a volume of certlet on this node; this node has no volume of certlet")
    )
  })
})
