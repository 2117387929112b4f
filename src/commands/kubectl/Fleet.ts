/**
 * Every certlet of a cluster, as an operator reaches it from outside: the pods of the DaemonSet by their label, and
 * what each node's certlet says of its volumes, asked by a command in its container. A node that does not answer is
 * named with the reason and keeps nobody from the others' answers. Few are asked at a time, and none for ever.
 */
import { type Duration, Effect, Option, Result, Schema } from "effect"
import { NodeStatus } from "../../admin/AdminApi.ts"
import type { ApiError } from "../../kube/ApiError.ts"
import { ApiServer } from "../../kube/ApiServer.ts"
import { type Executed, PodExec } from "../../kube/PodExec.ts"
import { oneLine } from "../../spec/oneLine.ts"
import { spokenDuration } from "../../spec/spokenDuration.ts"
import { type rights, withRight } from "./rights.ts"

/** The operator's question has no answer. */
export class FleetError extends Schema.TaggedError<FleetError>()("FleetError", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

/** Which pods are certlet's. */
export interface FleetPlace {
  readonly selector: string
  /** Where they are looked for; none looks in all namespaces. */
  readonly certletNamespace: Option.Option<string>
}

/** One node's certlet. */
export interface FleetNode {
  readonly node: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** The flags of its process that say where its admin socket is. */
  readonly place: ReadonlyArray<string>
  /** Why it cannot be asked; none where its container runs. */
  readonly idle: Option.Option<string>
}

const ContainerState = Schema.Struct({
  running: Schema.optionalKey(Schema.NullOr(Schema.Unknown)),
  waiting: Schema.optionalKey(Schema.NullOr(Schema.Struct({ reason: Schema.optionalKey(Schema.String) })))
})

const CertletPod = Schema.Struct({
  metadata: Schema.Struct({
    name: Schema.String,
    namespace: Schema.String,
    annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    deletionTimestamp: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  spec: Schema.Struct({
    nodeName: Schema.optionalKey(Schema.String),
    containers: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        command: Schema.optionalKey(Schema.Array(Schema.String)),
        args: Schema.optionalKey(Schema.Array(Schema.String))
      })
    )
  }),
  status: Schema.optionalKey(
    Schema.Struct({
      phase: Schema.optionalKey(Schema.String),
      containerStatuses: Schema.optionalKey(
        Schema.Array(Schema.Struct({ name: Schema.String, state: Schema.optionalKey(ContainerState) }))
      )
    })
  )
})
type CertletPod = typeof CertletPod.Type

const decodePage = Schema.decodeUnknownOption(
  Schema.Struct({
    metadata: Schema.optionalKey(Schema.Struct({ continue: Schema.optionalKey(Schema.String) })),
    items: Schema.Array(CertletPod)
  })
)

/** Flags of certlet's that its other commands have to be told too. */
const placeFlag = /^--(?:data-root|admin-socket)(=|$)/

const placeIn = (words: ReadonlyArray<string>): ReadonlyArray<string> =>
  words.flatMap((word, at) => {
    const [, joined] = placeFlag.exec(word) ?? []
    const value = words[at + 1]
    if (joined === undefined) return []
    return joined === "=" || value === undefined ? [word] : [word, value]
  })

const idleOf = ({ spec, status }: CertletPod, container: string): Option.Option<string> => {
  if (spec.nodeName === undefined) return Option.some("its pod has no node yet")
  const state = status?.containerStatuses?.find(({ name }) => name === container)?.state
  if (state?.running) return Option.none()
  const reason = state?.waiting?.reason
  return Option.some(
    reason === undefined ? `its pod is ${status?.phase ?? "Pending"}` : `its container does not run: ${reason}`
  )
}

const nodeOf = (pod: CertletPod): FleetNode => {
  const { containers, nodeName = "(no node)" } = pod.spec
  const named = pod.metadata.annotations?.["kubectl.kubernetes.io/default-container"] ?? "certlet"
  const chosen = containers.find(({ name }) => name === named) ?? containers[0]
  const container = chosen?.name ?? named
  return {
    node: nodeName,
    namespace: pod.metadata.namespace,
    pod: pod.metadata.name,
    container,
    place: placeIn([...(chosen?.command ?? []), ...(chosen?.args ?? [])]),
    idle: idleOf(pod, container)
  }
}

const byNode = (one: FleetNode, other: FleetNode): number =>
  one.node < other.node ? -1 : one.node > other.node ? 1 : 0

/** Turns an API server's refusal into the operator's error, with the right that is missing. */
export const asFleetError = (right: keyof typeof rights) =>
  Effect.mapError((error: ApiError) => new FleetError({ detail: withRight(error, right) }))

/** The certlets of these nodes' pods, or the pods' page of the list. */
const pageOf = Effect.fnUntraced(function* ({ certletNamespace, selector }: FleetPlace, from: string) {
  const server = yield* ApiServer
  const scope = Option.match(certletNamespace, {
    onNone: () => "",
    onSome: (namespace) => `/namespaces/${encodeURIComponent(namespace)}`
  })
  const query = { labelSelector: selector, limit: "500", ...(from === "" ? {} : { continue: from }) }
  const action = "list certlet's pods"
  const body = yield* asFleetError("listPods")(
    server.call({ action, method: "GET", path: `/api/v1${scope}/pods`, query })
  )
  return yield* Option.match(decodePage(body), {
    onNone: () => Effect.fail(new FleetError({ detail: `${action}: the answer is no list of pods` })),
    onSome: Effect.succeed
  })
})

/** Every node's certlet, by the names of the nodes. Pods that are about to end are left out. */
export const findFleet = Effect.fnUntraced(function* (place: FleetPlace) {
  const found: Array<CertletPod> = []
  let from = ""
  do {
    const { items, metadata } = yield* pageOf(place, from)
    found.push(...items)
    from = metadata?.continue ?? ""
  } while (from !== "")
  const nodes = found.filter(({ metadata }) => !metadata.deletionTimestamp).map(nodeOf)
  if (nodes.length > 0) return [...nodes].sort(byNode)
  const where = Option.match(place.certletNamespace, { onNone: () => "", onSome: (name) => ` in namespace ${name}` })
  const detail = `no pod${where} has the label ${place.selector}: is certlet installed? --selector and --certlet-namespace say where to look`
  return yield* new FleetError({ detail })
})

/** What a node's certlet said, or why it said nothing. */
export type NodeAnswer =
  | { readonly _tag: "Answered"; readonly node: FleetNode; readonly status: NodeStatus }
  | { readonly _tag: "Silent"; readonly node: FleetNode; readonly reason: string }

/** Runs one of certlet's commands on a node. */
export const runOn = Effect.fnUntraced(function* (
  { container, idle, namespace, place, pod }: FleetNode,
  command: ReadonlyArray<string>,
  timeout: Duration.Duration
): Effect.fn.Return<Executed, FleetError, PodExec> {
  if (Option.isSome(idle)) return yield* new FleetError({ detail: idle.value })
  const exec = yield* PodExec
  return yield* exec.run({ namespace, pod, container, command: ["certlet", ...command, ...place] }).pipe(
    asFleetError("exec"),
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new FleetError({ detail: `no answer within ${spokenDuration(timeout)}` }))
    })
  )
})

const decodeStatus = Schema.decodeUnknownResult(Schema.fromJsonString(NodeStatus))

/** What a command that has failed says, without the program's name. */
const complaintOf = ({ exitCode, stderr }: Executed): string =>
  oneLine(stderr).replace(/^certlet: /, "") || `certlet ended with code ${exitCode}`

/** How a node's volumes are, of one pod where it is named. */
export const askNode = Effect.fnUntraced(function* (
  node: FleetNode,
  pod: Option.Option<string>,
  timeout: Duration.Duration
) {
  const answer = yield* runOn(node, ["status", "-o", "json", ...Option.toArray(pod)], timeout)
  if (answer.exitCode !== 0) return yield* new FleetError({ detail: complaintOf(answer) })
  return yield* Result.match(decodeStatus(answer.stdout), {
    onFailure: () => Effect.fail(new FleetError({ detail: "what it answers is not of this version of certlet" })),
    onSuccess: Effect.succeed
  })
})

/** How many nodes are asked at a time. */
const atOnce = 8

/** Asks every node; `heard` is told of each that has answered, or will not. */
export const askFleet = (
  nodes: ReadonlyArray<FleetNode>,
  timeout: Duration.Duration,
  heard: Effect.Effect<void>
): Effect.Effect<ReadonlyArray<NodeAnswer>, never, PodExec> =>
  Effect.forEach(
    nodes,
    (node) =>
      askNode(node, Option.none(), timeout).pipe(
        Effect.match({
          onFailure: ({ detail }): NodeAnswer => ({ _tag: "Silent", node, reason: detail }),
          onSuccess: (status): NodeAnswer => ({ _tag: "Answered", node, status })
        }),
        Effect.tap(() => heard)
      ),
    { concurrency: atOnce }
  )
