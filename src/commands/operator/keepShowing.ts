/**
 * What `--watch` does: an answer is shown again and again. A terminal shows the latest one and nothing else; a pipe or
 * a file gets another one only where something has changed. It goes on until somebody interrupts it. A question that
 * gets no answer meanwhile is told, and asked again.
 */
import { type Duration, Effect, Ref } from "effect"
import { isTerminal, print, redraw, remark } from "./NodeOutput.ts"

/** What is shown at one moment. */
export interface Picture {
  /** For standard output. */
  readonly text: string
  /** What is said about it, for standard error. */
  readonly summary: string
  /** The same for two pictures that show the same, though time has passed. */
  readonly essence: string
}

/** Shows what `take` finds until a signal comes. It fails only where the first question gets no answer. */
export const keepShowing = <E extends Error, R>(take: Effect.Effect<Picture, E, R>, pause: Duration.Duration) =>
  Effect.gen(function* () {
    const shown = yield* Ref.make("")
    const onTerminal = yield* isTerminal
    const show = Effect.fnUntraced(function* ({ essence, summary, text }: Picture) {
      if (onTerminal) return yield* redraw(text + summary)
      if ((yield* Ref.getAndSet(shown, essence)) === essence) return
      yield* print(text)
      yield* remark(summary)
    })
    const again = Effect.catch(Effect.flatMap(take, show), ({ message }) =>
      onTerminal ? redraw(`certlet: ${message}\n`) : remark(`certlet: ${message}\n`)
    )
    yield* Effect.flatMap(take, show)
    yield* Effect.forever(Effect.andThen(Effect.sleep(pause), again))
  })
