/**
 * What the embedded API server serves: CertificateRequests, what certlet looks at besides, the Events that it writes,
 * and what kubectl, controllers and cert-manager look for in a cluster. A resource says where its collection is, how
 * its objects are called, and what an object must be to be taken in. Pure: the objects themselves are in an
 * `ObjectStore`, one for each resource.
 */
import { Predicate, Result, Schema } from "effect"
import { type Refusal, refusal } from "./ApiStatus.ts"
import type { NewObject } from "./ObjectStore.ts"
import { newRequest } from "./RequestRules.ts"

/** One resource of the API. */
export interface Resource {
  /** Empty for the core. */
  readonly group: string
  readonly version: string
  /** The path of its group and version: "/apis/cert-manager.io/v1". */
  readonly root: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: ReadonlyArray<string>
  /** As RBAC and refusals write it: "certificaterequests.cert-manager.io". */
  readonly qualified: string
  readonly apiVersion: string
  readonly kind: string
  readonly namespaced: boolean
  /** False where a write may change nothing but labels, annotations and, as its subresource, the status. */
  readonly editable: boolean
  /** Whether the status is a subresource, which is written apart. */
  readonly hasStatus: boolean
  /** The object that a POST brings, if it may be created there by this user. */
  readonly admit: (body: unknown, namespace: string, user: string) => Result.Result<NewObject, Refusal>
}

const decode = Schema.decodeUnknownResult(
  Schema.Struct({
    metadata: Schema.Struct({
      name: Schema.NonEmptyString,
      labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
      annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
      ownerReferences: Schema.optionalKey(
        Schema.Array(
          Schema.StructWithRest(Schema.Struct({ uid: Schema.String }), [Schema.Record(Schema.String, Schema.Unknown)])
        )
      ),
      finalizers: Schema.optionalKey(Schema.Array(Schema.String))
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

type Kind = Omit<Resource, "root" | "qualified" | "apiVersion" | "singular" | "admit"> &
  Partial<Pick<Resource, "admit">>

const resource = (kind: Kind): Resource => {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`
  return {
    root: kind.group === "" ? `/api/${apiVersion}` : `/apis/${apiVersion}`,
    qualified: kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`,
    apiVersion,
    singular: kind.kind.toLowerCase(),
    admit: anyOf(apiVersion, kind.kind),
    ...kind
  }
}

const core = (plural: string, kind: string, shortNames: ReadonlyArray<string>, more: Partial<Kind> = {}) =>
  resource({ ...plain, group: "", version: "v1", plural, kind, shortNames, ...more })

const certManager = (plural: string, kind: string, shortNames: ReadonlyArray<string>, more: Partial<Kind> = {}) =>
  resource({ ...plain, group: "cert-manager.io", version: "v1", plural, kind, shortNames, hasStatus: true, ...more })

const plain = { namespaced: true, editable: true, hasStatus: false } as const

/** The resources by what they are to certlet, and what others look for in a cluster. */
export const resources = {
  requests: certManager("certificaterequests", "CertificateRequest", ["cr", "crs"], {
    editable: false,
    admit: newRequest
  }),
  pods: core("pods", "Pod", ["po"], { hasStatus: true }),
  configMaps: core("configmaps", "ConfigMap", ["cm"]),
  clusterTrustBundles: resource({
    ...plain,
    group: "certificates.k8s.io",
    version: "v1beta1",
    plural: "clustertrustbundles",
    kind: "ClusterTrustBundle",
    shortNames: [],
    namespaced: false
  }),
  events: core("events", "Event", ["ev"]),
  namespaces: core("namespaces", "Namespace", ["ns"], { namespaced: false, hasStatus: true }),
  nodes: core("nodes", "Node", ["no"], { namespaced: false, hasStatus: true }),
  secrets: core("secrets", "Secret", []),
  serviceAccounts: core("serviceaccounts", "ServiceAccount", ["sa"]),
  issuers: certManager("issuers", "Issuer", ["iss"]),
  clusterIssuers: certManager("clusterissuers", "ClusterIssuer", ["ciss"], { namespaced: false }),
  certificates: certManager("certificates", "Certificate", ["cert", "certs"]),
  leases: resource({
    ...plain,
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    kind: "Lease",
    shortNames: []
  })
}

/** A resource's name here. */
export type ResourceName = keyof typeof resources

const isName = (name: string): name is ResourceName => Object.hasOwn(resources, name)

/** Every resource's name. */
export const resourceNames: ReadonlyArray<ResourceName> = Object.keys(resources).filter(isName)

/** One of these for each resource. */
export const each = <A>(make: (name: ResourceName) => A): Readonly<Record<ResourceName, A>> => ({
  requests: make("requests"),
  pods: make("pods"),
  configMaps: make("configMaps"),
  clusterTrustBundles: make("clusterTrustBundles"),
  events: make("events"),
  namespaces: make("namespaces"),
  nodes: make("nodes"),
  secrets: make("secrets"),
  serviceAccounts: make("serviceAccounts"),
  issuers: make("issuers"),
  clusterIssuers: make("clusterIssuers"),
  certificates: make("certificates"),
  leases: make("leases")
})
