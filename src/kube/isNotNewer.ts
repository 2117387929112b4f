/**
 * The order of two versions of one collection, as far as a client may know it. Stores that are written from two sides,
 * by a watch and by the answers to calls, need it to tell an old answer from a young one. Pure.
 */

/**
 * True where version `a` is not newer than `b`. Versions are opaque to clients before Kubernetes 1.35, so this may only
 * break a tie: what is no decimal number counts as newer.
 */
export const isNotNewer = (a: string, b: string): boolean =>
  /^\d+$/.test(a) && /^\d+$/.test(b) && (a.length < b.length || (a.length === b.length && a <= b))
