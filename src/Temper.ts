/**
 * The temper of a failure: what the failed thing asks of whoever holds it. A leaf error carries its temper as a field,
 * decided where the failure is understood, and never guessed later from a text. Every schedule in the house is chosen
 * by temper and by nothing else. It stands at the bottom of the house, so that every room may name it.
 */

/**
 * - `refused`: the spec or a policy says no. Trying again by ourselves cannot help; somebody must change something.
 * - `waiting`: nothing is wrong yet, somebody has not decided. Not counted as a failure.
 * - `transient`: the world failed. Try again, with backoff, jitter and a cap.
 * - `defect`: certlet itself is wrong. Say so loudly.
 */
export type Temper = "refused" | "waiting" | "transient" | "defect"
