/**
 * The threads that stories run on. Each is busy with one question at a time; a question waits for a thread that is
 * free. A thread that dies, out of memory for instance, takes the answer to its question with it and is replaced. All
 * of them end with the scope, at once. Effect's RPC over workers (4.1) does neither: one death fails the questions of
 * every thread, and at the end a busy thread is waited for.
 */
import { Worker } from "node:worker_threads"
import { Effect, Queue, Schema, type Scope } from "effect"
import type { Answer, Assignment, Question } from "./NodeSeedWorker.ts"

/** A thread has died over a question. */
export class ThreadError extends Schema.TaggedError<ThreadError>()("ThreadError", { detail: Schema.String }) {
  override get message(): string {
    return `the thread that ran it has died: ${this.detail}`
  }
}

/** Asks some thread; `onShare` gets how far it is. */
export type Ask = (
  question: Question,
  onShare: (share: number) => void
) => Effect.Effect<Exclude<Answer, { readonly _tag: "Share" }>, ThreadError>

interface Slot {
  worker: Worker | undefined
}

const question = (slot: Slot, start: () => Worker, question: Question, onShare: (share: number) => void) =>
  Effect.callback<Exclude<Answer, { readonly _tag: "Share" }>, ThreadError>((resume) => {
    const worker = slot.worker ?? start()
    slot.worker = worker
    const clear = () => worker.removeAllListeners("message").removeAllListeners("error").removeAllListeners("exit")
    const die = (detail: string) => {
      clear()
      slot.worker = undefined
      resume(Effect.fail(new ThreadError({ detail })))
    }
    worker.on("message", (answer: Answer) => {
      if (answer._tag === "Share") return onShare(answer.share)
      clear()
      resume(Effect.succeed(answer))
    })
    worker.on("error", (cause) => die(cause instanceof Error ? cause.message : String(cause)))
    worker.on("exit", (code) => die(`it ended with ${code}`))
    worker.postMessage(question)
  })

/** `jobs` threads that run this file. */
export const makeSeedPool = Effect.fnUntraced(function* (
  entry: string,
  jobs: number,
  assignment: Assignment
): Effect.fn.Return<Ask, never, Scope.Scope> {
  const slots = Array.from({ length: jobs }, (): Slot => ({ worker: undefined }))
  const idle = yield* Queue.unbounded<Slot>()
  yield* Queue.offerAll(idle, slots)
  yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(slots.map(({ worker }) => worker?.terminate()))))
  const start = () => new Worker(new URL(entry), { workerData: assignment })
  return (asked, onShare) =>
    Effect.acquireUseRelease(
      Queue.take(idle),
      (slot) => question(slot, start, asked, onShare),
      (slot) => Queue.offer(idle, slot)
    )
})
