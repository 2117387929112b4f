/**
 * What a PromQL expression asks for: each metric with the labels that it is matched by, and the labels that results are
 * grouped by. Read off the syntax tree of Prometheus' own grammar, so that a query that does not parse is an error here
 * too.
 */
import { parser } from "@prometheus-io/lezer-promql"

/** A selector: `certlet_volumes{state="Failing"}`. */
interface Selected {
  readonly metric: string
  readonly matchers: ReadonlyArray<{ readonly label: string; readonly operator: string; readonly value: string }>
}

/** What one expression asks for. */
export interface Query {
  readonly selected: ReadonlyArray<Selected>
  /** From `by (...)` and `on (...)`. */
  readonly grouping: ReadonlyArray<string>
}

const unquoted = (text: string): string => text.slice(1, -1)

/** Grafana puts its own values in before Prometheus sees the query. */
const filledIn = (expression: string): string =>
  expression.replaceAll("$__rate_interval", "5m").replace(/\$(cluster|job|instance|namespace)\b/g, ".*")

/** Reads an expression; throws where it is not one. */
export const readQuery = (given: string): Query => {
  const expression = filledIn(given)
  const selected: Array<Selected> = []
  const grouping: Array<string> = []
  parser.parse(expression).iterate({
    enter: ({ from, name, node, to }) => {
      if (name === "⚠") throw new Error(`no PromQL at ${expression.slice(from, from + 20)}: ${expression}`)
      if (name === "GroupingLabels") {
        for (const label of node.getChildren("LabelName")) grouping.push(expression.slice(label.from, label.to))
      }
      if (name !== "VectorSelector") return
      const matchers = [...expression.slice(from, to).matchAll(/([A-Za-z_]\w*)(=~|!~|!=|=)("(?:[^"\\]|\\.)*")/g)]
      selected.push({
        metric: /^[A-Za-z_:][\w:]*/.exec(expression.slice(from, to))?.[0] ?? "",
        matchers: matchers.map(([, label = "", operator = "", value = ""]) => ({
          label,
          operator,
          value: unquoted(value)
        }))
      })
    }
  })
  return { selected, grouping }
}
