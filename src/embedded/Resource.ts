/**
 * What the embedded API server serves: CertificateRequests, what certlet looks at besides, and the Events that it
 * writes. A resource says where its collection is, how its objects are called, and what an object must be to be taken
 * in. Pure: the objects themselves are in an `ObjectStore`, one for each resource.
 */
import { Predicate, Result, Schema } from "effect"
import { type Refusal, refusal } from "./ApiStatus.ts"
import type { NewObject } from "./ObjectStore.ts"
import { newRequest } from "./RequestRules.ts"

/** One resource of the API. */
export interface Resource {
  /** The path of its group and version: "/apis/cert-manager.io/v1". */
  readonly root: string
  readonly plural: string
  /** As RBAC and refusals write it: "certificaterequests.cert-manager.io". */
  readonly qualified: string
  readonly apiVersion: string
  readonly kind: string
  readonly namespaced: boolean
  /** False where a write may change nothing but labels, annotations and, as its subresource, the status. */
  readonly editable: boolean
  /** The object that a POST brings, if it may be created there by this user. */
  readonly admit: (body: unknown, namespace: string, user: string) => Result.Result<NewObject, Refusal>
}

/** One of these for each resource. */
export const each = <A>(make: (name: ResourceName) => A): Readonly<Record<ResourceName, A>> => ({
  requests: make("requests"),
  pods: make("pods"),
  configMaps: make("configMaps"),
  clusterTrustBundles: make("clusterTrustBundles"),
  events: make("events")
})

const decode = Schema.decodeUnknownResult(
  Schema.Struct({
    metadata: Schema.Struct({
      name: Schema.NonEmptyString,
      labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
      annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
    })
  })
)

/** Takes any object of the kind that has a name. */
const anyOf =
  (apiVersion: string, kind: string): Resource["admit"] =>
  (body, namespace) => {
    const decoded = decode(body)
    if (Result.isFailure(decoded) || !Predicate.isObject(body)) {
      return Result.fail(refusal.badRequest(`the object provided is unrecognized as a ${kind}`))
    }
    const { metadata } = decoded.success
    return Result.succeed({ ...body, apiVersion, kind, metadata: { ...metadata, namespace } })
  }

/** The resources by what they are to certlet. */
export const resources = {
  requests: {
    root: "/apis/cert-manager.io/v1",
    plural: "certificaterequests",
    qualified: "certificaterequests.cert-manager.io",
    apiVersion: "cert-manager.io/v1",
    kind: "CertificateRequest",
    namespaced: true,
    editable: false,
    admit: newRequest
  },
  pods: {
    root: "/api/v1",
    plural: "pods",
    qualified: "pods",
    apiVersion: "v1",
    kind: "Pod",
    namespaced: true,
    editable: true,
    admit: anyOf("v1", "Pod")
  },
  configMaps: {
    root: "/api/v1",
    plural: "configmaps",
    qualified: "configmaps",
    apiVersion: "v1",
    kind: "ConfigMap",
    namespaced: true,
    editable: true,
    admit: anyOf("v1", "ConfigMap")
  },
  clusterTrustBundles: {
    root: "/apis/certificates.k8s.io/v1beta1",
    plural: "clustertrustbundles",
    qualified: "clustertrustbundles.certificates.k8s.io",
    apiVersion: "certificates.k8s.io/v1beta1",
    kind: "ClusterTrustBundle",
    namespaced: false,
    editable: true,
    admit: anyOf("certificates.k8s.io/v1beta1", "ClusterTrustBundle")
  },
  events: {
    root: "/api/v1",
    plural: "events",
    qualified: "events",
    apiVersion: "v1",
    kind: "Event",
    namespaced: true,
    editable: true,
    admit: anyOf("v1", "Event")
  }
} as const satisfies Record<string, Resource>

/** A resource's name here. */
export type ResourceName = keyof typeof resources

/** Every resource's name. */
export const resourceNames: ReadonlyArray<ResourceName> = Object.values(each((name) => name))
