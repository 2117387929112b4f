/**
 * What is counted of certlet's dealings with the API server: its calls by what they were about and how they ended,
 * those that are under way or held back by a limit of our own, and how often each watch had to be taken up again.
 * Labels are methods, resources and reasons, and never a namespace or a name, so that there are as few series as there
 * are kinds of calls. The log's line about a call has them, where somebody asks for such lines.
 */
import { Clock, Effect, Metric } from "effect"
import type { ApiError, ApiReason } from "./ApiError.ts"
import { gaugeDuring } from "./gaugeDuring.ts"

const calls = Metric.counter("certlet_api_calls_total", {
  description: "Calls to the API server, by how they ended: success, or the reason of the failure",
  incremental: true
})

const underWay = Metric.gauge("certlet_api_calls_in_flight", {
  description: "Calls to the API server that have not been answered yet, watches left out"
})

const heldBack = Metric.gauge("certlet_api_calls_waiting", {
  description: "Calls to the API server that wait for --kube-api-qps to let them pass"
})

const restarts = Metric.counter("certlet_watch_restarts_total", {
  description:
    "How often a watch was taken up again: its time was over (ended), it failed (broken), or its place was no longer known (expired)",
  incremental: true
})

/** `/api/v1/namespaces/apps/pods/web` is about pods. */
const resourceOf = (path: string): string => {
  const [, group = "", ...rest] = path.split("/")
  const [first = "", , third] = group === "api" ? rest.slice(1) : rest.slice(2)
  return (first === "namespaces" ? third : first) || "other"
}

const countCall = (method: string, path: string, outcome: "success" | "interrupted" | ApiReason) =>
  Metric.update(Metric.withAttributes(calls, { method, resource: resourceOf(path), outcome }), 1)

const logCall = (method: string, path: string, began: number, ending: string) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.annotateLogs(Effect.logDebug(`${method} ${path}: ${ending}`), { millis: Math.round(now - began) })
  )

/** Counts a call, and that it is under way, and logs it for whoever wants to know of each. */
export const observeCall =
  ({ method, path }: { readonly method: string; readonly path: string }) =>
  <A, R>(call: Effect.Effect<A, ApiError, R>): Effect.Effect<A, ApiError, R> =>
    Effect.flatMap(Clock.currentTimeMillis, (began) => {
      const note = (outcome: "success" | "interrupted" | ApiReason, ending: string) =>
        Effect.andThen(countCall(method, path, outcome), logCall(method, path, began, ending))
      return call.pipe(
        Effect.tap(() => note("success", "answered")),
        Effect.tapError((error) => note(error.reason, error.message)),
        Effect.onInterrupt(() => note("interrupted", "taken back")),
        gaugeDuring(underWay)
      )
    })

/** Counts who waits here. */
export const observeWait: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = gaugeDuring(heldBack)

/** Says of both gauges that there is nothing yet, so that they are there from the start. */
export const observeNothing: Effect.Effect<void> = Effect.andThen(
  Metric.modify(underWay, 0),
  Metric.modify(heldBack, 0)
)

/** Why a watch was taken up again. */
export type RestartReason = "ended" | "broken" | "expired"

/** Counts that a watch was taken up again; `by` is 0 to say that it has not been yet. */
export const countRestart = (kind: string, reason: RestartReason, by: 0 | 1 = 1): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(restarts, { kind, reason }), by)
