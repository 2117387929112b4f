/**
 * Label and field selectors as the API server's query parameters carry them. Labels know `key`, `!key`, `key=value`,
 * `key==value`, `key!=value`, `key in (a,b)` and `key notin (a,b)`, joined by commas; fields know those that clients
 * ask for, with `=`, `==` and `!=`. Everything else is refused rather than misunderstood. Pure.
 */
import { Result } from "effect"
import { type Refusal, refusal } from "./ApiStatus.ts"
import { textAt } from "./valueAt.ts"

/** What a selector may look at. */
interface Selectable {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** True for the objects that are selected. */
export type Selector = (object: Selectable) => boolean

const labelTerm = (term: string): Result.Result<Selector, Refusal> => {
  const unequal = /^([^!=\s]+)!=([^=\s]*)$/.exec(term)
  if (unequal) return Result.succeed((object) => object.metadata.labels?.[unequal[1] ?? ""] !== unequal[2])
  const equal = /^([^!=\s]+)==?([^=\s]*)$/.exec(term)
  if (equal) return Result.succeed((object) => object.metadata.labels?.[equal[1] ?? ""] === equal[2])
  const set = /^([^!=\s]+) (in|notin) \(([^()]*)\)$/.exec(term)
  if (set) {
    const [, key = "", how, list = ""] = set
    const values = list.split(",").map((value) => value.trim())
    return Result.succeed((object) => {
      const value = object.metadata.labels?.[key]
      return (value !== undefined && values.includes(value)) === (how === "in")
    })
  }
  const presence = /^(!?)([^!=\s]+)$/.exec(term)
  if (presence)
    return Result.succeed(
      (object) => (object.metadata.labels?.[presence[2] ?? ""] === undefined) === (presence[1] === "!")
    )
  return Result.fail(refusal.badRequest(`unable to parse requirement: ${term}`))
}

const fields: ReadonlyArray<string> = [
  ...["metadata.name", "metadata.namespace", "spec.nodeName", "status.phase", "type", "reason", "source"],
  ...["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map(
    (name) => `involvedObject.${name}`
  )
]

const fieldTerm = (term: string): Result.Result<Selector, Refusal> => {
  const [, field = "", how, value] = /^([A-Za-z.]+)(!=|==?)([^=\s]*)$/.exec(term) ?? []
  if (!fields.includes(field)) return Result.fail(refusal.badRequest(`field label not supported: ${term}`))
  const path = field.split(".")
  return Result.succeed((object) => ((textAt(object, ...path) ?? "") === value) === (how !== "!="))
}

/** Commas join terms, but not within the parentheses of a set. */
const terms = (text = ""): ReadonlyArray<string> => {
  const found: Array<string> = []
  let [term, isInSet] = ["", false]
  for (const letter of text) {
    if (letter === "(" || letter === ")") isInSet = letter === "("
    if (letter === "," && !isInSet) {
      found.push(term)
      term = ""
    } else {
      term += letter
    }
  }
  return [...found, term].map((each) => each.trim()).filter((each) => each !== "")
}

/** The selector of a query; a selector that is not understood is a 400. */
export const selector = (labels?: string, fields?: string): Result.Result<Selector, Refusal> =>
  Result.map(
    Result.all([...terms(labels).map(labelTerm), ...terms(fields).map(fieldTerm)]),
    (all): Selector =>
      (object) =>
        all.every((one) => one(object))
  )
