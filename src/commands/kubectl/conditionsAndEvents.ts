/**
 * What the API server knows of a volume's certificate besides its node: the CertificateRequest with its conditions, the
 * issuer with its own, and the Events that certlet has written on the pod. What may not be read, or is gone, is said in
 * its place and keeps nobody from the rest.
 */
import { DateTime, Effect, Option, Predicate, type Result, Schema } from "effect"
import type { VolumeStatus } from "../../driver/VolumeStatus.ts"
import { Condition } from "../../issuance/CertificateRequest.ts"
import { ApiServer } from "../../kube/ApiServer.ts"
import { type NamespacedName, namespacedName } from "../../spec/NamespacedName.ts"
import { type rights, withRight } from "./rights.ts"

/** An object's conditions, or why they cannot be shown. */
export interface Conditions {
  /** `CertificateRequest apps/web-1`. */
  readonly title: string
  readonly found: Result.Result<ReadonlyArray<typeof Condition.Type>, string>
}

/** One Event. */
export interface ToldEvent {
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly count: number
  readonly last: Option.Option<DateTime.Utc>
}

const decodeConditions = Schema.decodeUnknownOption(
  Schema.Struct({
    status: Schema.optionalKey(
      Schema.NullOr(Schema.Struct({ conditions: Schema.optionalKey(Schema.NullOr(Schema.Array(Condition))) }))
    )
  })
)

const conditionsAt = Effect.fnUntraced(function* (title: string, path: string, right: keyof typeof rights) {
  const server = yield* ApiServer
  const read = server.call({ action: `get ${title}`, method: "GET", path }).pipe(
    Effect.mapError((error) =>
      error.reason === "Missing" ? "is no longer there" : `cannot be read: ${withRight(error, right)}`
    ),
    Effect.map((object) => Option.getOrUndefined(decodeConditions(object))?.status?.conditions ?? [])
  )
  return { title, found: yield* Effect.result(read) } satisfies Conditions
})

const group = "/apis/cert-manager.io/v1"
const inside = (namespace: string) => `${group}/namespaces/${encodeURIComponent(namespace)}`

/** A request of a volume. */
const requestAt = (namespace: string, name: string) =>
  conditionsAt(
    `CertificateRequest ${namespacedName({ namespace, name })}`,
    `${inside(namespace)}/certificaterequests/${encodeURIComponent(name)}`,
    "request"
  )

/** A volume's issuer; none where it is not one of cert-manager's own, whose objects are known. */
const issuerOf = ({ issuer, pod }: VolumeStatus) => {
  const name = encodeURIComponent(issuer.name)
  if (issuer.group !== "cert-manager.io" || !["Issuer", "ClusterIssuer"].includes(issuer.kind)) return []
  return issuer.kind === "ClusterIssuer"
    ? [conditionsAt(`ClusterIssuer ${issuer.name}`, `${group}/clusterissuers/${name}`, "issuer")]
    : [conditionsAt(`Issuer ${pod.namespace}/${issuer.name}`, `${inside(pod.namespace)}/issuers/${name}`, "issuer")]
}

/** The conditions of a volume's requests, the open one first, and of its issuer. */
export const conditionsOf = (volume: VolumeStatus) => {
  const names = [volume.pending?.requestName, volume.certificate?.requestName].filter((name) => name !== undefined)
  return Effect.all([...names.map((name) => requestAt(volume.pod.namespace, name)), ...issuerOf(volume)], {
    concurrency: "unbounded"
  })
}

const decodeEvents = Schema.decodeUnknownOption(
  Schema.Struct({
    items: Schema.Array(
      Schema.Struct({
        type: Schema.optionalKey(Schema.String),
        reason: Schema.optionalKey(Schema.String),
        message: Schema.optionalKey(Schema.String),
        count: Schema.optionalKey(Schema.NullOr(Schema.Number)),
        lastTimestamp: Schema.optionalKey(Schema.NullOr(Schema.String)),
        source: Schema.optionalKey(Schema.NullOr(Schema.Unknown))
      })
    )
  })
)

const isOurs = (source: unknown): boolean =>
  Predicate.hasProperty(source, "component") && source.component === "certlet"

const inMillis = ({ last }: ToldEvent): number =>
  Option.match(last, { onNone: () => 0, onSome: DateTime.toEpochMillis })

/** The Events that certlet has written on a pod, the oldest first, or why they cannot be shown. */
export const eventsOn = Effect.fnUntraced(function* (pod: NamespacedName, uid: string) {
  const server = yield* ApiServer
  const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/events`
  const query = { fieldSelector: `involvedObject.uid=${uid}` }
  const action = `list the Events of pod ${namespacedName(pod)}`
  return yield* server.call({ action, method: "GET", path, query }).pipe(
    Effect.mapError((error) => withRight(error, "events")),
    Effect.map((body) =>
      (Option.getOrUndefined(decodeEvents(body))?.items ?? [])
        .filter(({ source }) => isOurs(source))
        .map(
          ({ count, lastTimestamp, message = "", reason = "", type = "Normal" }): ToldEvent => ({
            type,
            reason,
            message,
            count: count ?? 1,
            last: Option.flatMap(Option.fromNullishOr(lastTimestamp), DateTime.make)
          })
        )
        .sort((one, other) => inMillis(one) - inMillis(other))
    ),
    Effect.result
  )
})
