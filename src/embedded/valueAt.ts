/**
 * What stands at a place of an object that anybody may have written: fields are looked up one by one, and what is not
 * there is nothing. Pure.
 */
import { Predicate } from "effect"

/** The value at a path; undefined if nothing is there. */
export const valueAt = (value: unknown, ...path: ReadonlyArray<string>): unknown => {
  let at = value
  for (const key of path) at = Predicate.hasProperty(at, key) ? at[key] : undefined
  return at
}

/** The text at a path; undefined if no text is there. */
export const textAt = (value: unknown, ...path: ReadonlyArray<string>): string | undefined => {
  const found = valueAt(value, ...path)
  return Predicate.isString(found) ? found : undefined
}

/** A condition in an object's status. */
export const condition = (object: unknown, type: string): unknown => {
  const all = valueAt(object, "status", "conditions")
  return Array.isArray(all) ? all.find((one) => textAt(one, "type") === type) : undefined
}
