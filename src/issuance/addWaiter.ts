/**
 * Waiters in a table: many may wait under one key, and each can be taken away again. A key that nobody waits under is
 * not kept. Whoever holds the table wakes them. Pure but for the table.
 */

/** Adds a waiter under a key; what comes back takes it away again. */
export const addWaiter = <Waiter>(table: Map<string, Set<Waiter>>, key: string, waiter: Waiter): (() => void) => {
  const waiters = table.get(key) ?? new Set()
  table.set(key, waiters.add(waiter))
  return () => {
    waiters.delete(waiter)
    if (waiters.size === 0 && table.get(key) === waiters) table.delete(key)
  }
}
