/**
 * Objects as kubectl prints them: the API server's `Table` (`meta.k8s.io/v1`), with the columns that the real server
 * and cert-manager's CRDs have. A client asks for it with `as=Table`; a list becomes rows, and so does one object.
 * Pure.
 */
import { DateTime, Option, Predicate } from "effect"
import type { StoredObject } from "./ObjectStore.ts"
import type { Resource } from "./Resource.ts"
import { condition, textAt, valueAt } from "./valueAt.ts"

interface Column {
  readonly name: string
  /** 1 for columns that only `-o wide` shows. */
  readonly priority?: number
  readonly cell: (object: StoredObject, now: number) => unknown
}

const column = (name: string, ...path: ReadonlyArray<string>): Column => ({
  name,
  cell: (object) => textAt(object, ...path) ?? ""
})

const wide = (column: Column): Column => ({ ...column, priority: 1 })

/** How many entries there are at a place. */
const count = (name: string, field: string): Column => ({
  name,
  cell: (object) => Object.keys(Object(object[field])).length
})

const status = (name: string, type: string): Column => ({
  name,
  cell: (object) => textAt(condition(object, type), "status") ?? ""
})

/** A time that has passed, as kubectl writes one. */
const spoken = (seconds: number): string => {
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)]
  if (seconds < 120) return `${Math.max(0, Math.floor(seconds))}s`
  if (minutes < 10) return `${minutes}m${Math.floor(seconds % 60)}s`
  if (hours < 3) return `${minutes}m`
  if (hours < 8) return `${hours}h${minutes % 60}m`
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`
}

const since = (text: string | undefined, now: number): string =>
  Option.match(DateTime.make(text ?? ""), {
    onNone: () => "<unknown>",
    onSome: (time) => spoken((now - DateTime.toEpochMillis(time)) / 1000)
  })

const name = column("Name", "metadata", "name")
const age: Column = { name: "Age", cell: (object, now) => since(object.metadata.creationTimestamp, now) }

const statuses = (pod: StoredObject): ReadonlyArray<unknown> => {
  const found = valueAt(pod, "status", "containerStatuses")
  return Array.isArray(found) ? found : []
}

const containers = (pod: StoredObject): number => {
  const found = valueAt(pod, "spec", "containers")
  return Array.isArray(found) ? found.length : 0
}

const phase = (pod: StoredObject): string => {
  if (pod.metadata.deletionTimestamp !== undefined) return "Terminating"
  const waiting = statuses(pod).map((one) => textAt(one, "state", "waiting", "reason"))
  return waiting.find(Predicate.isNotUndefined) ?? textAt(pod, "status", "phase") ?? "Pending"
}

const podColumns: ReadonlyArray<Column> = [
  name,
  {
    name: "Ready",
    cell: (pod) => `${statuses(pod).filter((one) => valueAt(one, "ready") === true).length}/${containers(pod)}`
  },
  { name: "Status", cell: phase },
  { name: "Restarts", cell: () => 0 },
  age,
  wide(column("IP", "status", "podIP")),
  wide(column("Node", "spec", "nodeName"))
]

const eventColumns: ReadonlyArray<Column> = [
  {
    name: "Last Seen",
    cell: (event, now) => since(textAt(event, "lastTimestamp") ?? event.metadata.creationTimestamp, now)
  },
  column("Type", "type"),
  column("Reason", "reason"),
  {
    name: "Object",
    cell: (event) =>
      `${textAt(event, "involvedObject", "kind")?.toLowerCase() ?? ""}/${textAt(event, "involvedObject", "name") ?? ""}`
  },
  column("Message", "message")
]

const issuerColumns = [name, status("Ready", "Ready"), wide(column("Status", "status", "message")), age]

const columns: Readonly<Record<string, ReadonlyArray<Column>>> = {
  Pod: podColumns,
  Event: eventColumns,
  Issuer: issuerColumns,
  ClusterIssuer: issuerColumns,
  CertificateRequest: [
    name,
    status("Approved", "Approved"),
    status("Denied", "Denied"),
    status("Ready", "Ready"),
    column("Issuer", "spec", "issuerRef", "name"),
    column("Requester", "spec", "username"),
    age
  ],
  Certificate: [name, status("Ready", "Ready"), column("Secret", "spec", "secretName"), age],
  Secret: [name, column("Type", "type"), count("Data", "data"), age],
  ConfigMap: [name, count("Data", "data"), age],
  Namespace: [name, column("Status", "status", "phase"), age],
  Node: [name, status("Ready", "Ready"), age],
  Lease: [name, column("Holder", "spec", "holderIdentity"), age]
}

/** True where a client wants a table, by its header Accept. */
export const wantsTable = (accept: string): boolean => /;\s*as=Table(?:[;,\s]|$)/.test(accept)

const isStored = (value: unknown): value is StoredObject =>
  Predicate.hasProperty(value, "metadata") && Predicate.hasProperty(value.metadata, "name")

/** A list, or one object, as a table; `whole` rows carry their whole objects. */
export const tableOf = ({ kind }: Resource, body: unknown, now: number, whole: boolean): unknown => {
  const items = valueAt(body, "items")
  const objects = (Array.isArray(items) ? items : [body]).filter(isStored)
  const shown = columns[kind] ?? [name, age]
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: textAt(body, "metadata", "resourceVersion") ?? "" },
    columnDefinitions: shown.map(({ name, priority = 0 }) => ({
      name,
      type: "string",
      format: name === "Name" ? "name" : "",
      description: "",
      priority
    })),
    rows: objects.map((object) => ({
      cells: shown.map(({ cell }) => cell(object, now)),
      object: whole
        ? object
        : { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata }
    }))
  }
}
