/**
 * Counts in a gauge how many runs of a program are under way, whatever way they end. Pure but for the gauge: the rooms
 * that have something to count there share it.
 */
import { Effect, Metric } from "effect"

/** Runs a program with the gauge one higher than before. */
export const gaugeDuring =
  (gauge: Metric.Gauge<number>) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Metric.modify(gauge, 1),
      () => program,
      () => Metric.modify(gauge, -1)
    )
