/**
 * Label and field selectors as the API server's query parameters carry them. Labels know `key`, `!key`, `key=value`,
 * `key==value` and `key!=value`, joined by commas; fields know `metadata.name`, `metadata.namespace`, `spec.nodeName`
 * and `involvedObject.uid`. Set-based selectors (`in`, `notin`) are refused rather than misunderstood. Pure.
 */
import { Predicate, Result } from "effect"
import { type Refusal, refusal } from "./ApiStatus.ts"

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
  const presence = /^(!?)([^!=\s]+)$/.exec(term)
  if (presence)
    return Result.succeed(
      (object) => (object.metadata.labels?.[presence[2] ?? ""] === undefined) === (presence[1] === "!")
    )
  return Result.fail(refusal.badRequest(`unable to parse requirement: ${term}`))
}

const fieldTerm = (term: string): Result.Result<Selector, Refusal> => {
  const [, field, value] =
    /^(metadata\.name|metadata\.namespace|spec\.nodeName|involvedObject\.uid)==?([^=\s]*)$/.exec(term) ?? []
  switch (field) {
    case "metadata.name":
      return Result.succeed((object) => object.metadata.name === value)
    case "metadata.namespace":
      return Result.succeed((object) => object.metadata.namespace === value)
    case "spec.nodeName":
      return Result.succeed(({ spec }) => Predicate.hasProperty(spec, "nodeName") && spec.nodeName === value)
    case "involvedObject.uid":
      return Result.succeed(
        ({ involvedObject }) => Predicate.hasProperty(involvedObject, "uid") && involvedObject.uid === value
      )
    default:
      return Result.fail(refusal.badRequest(`field label not supported: ${term}`))
  }
}

const terms = (text = "") => text.split(",").flatMap((term) => (term.trim() === "" ? [] : [term.trim()]))

/** The selector of a query; a selector that is not understood is a 400. */
export const selector = (labels?: string, fields?: string): Result.Result<Selector, Refusal> =>
  Result.map(
    Result.all([...terms(labels).map(labelTerm), ...terms(fields).map(fieldTerm)]),
    (all): Selector =>
      (object) =>
        all.every((one) => one(object))
  )
