/**
 * A JSON merge patch (RFC 7386): null removes a field, an object is merged field by field, anything else replaces what
 * was there. Pure; the patched value is a new one and shares what was not touched.
 */
import { Predicate } from "effect"

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && !Array.isArray(value)

/** `target` with `patch` applied. */
export const mergePatch = (target: unknown, patch: unknown): unknown => {
  if (!isPlain(patch)) return patch
  const merged = new Map<string, unknown>(isPlain(target) ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergePatch(merged.get(key), value))
  }
  return Object.fromEntries(merged)
}
