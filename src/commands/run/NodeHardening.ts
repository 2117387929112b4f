/**
 * What keeps the keys of this node's pods inside a process that runs as root. SIGUSR1 would open Node's debugger,
 * through which whoever reaches its port reads the whole memory; certlet listens for the signal itself and does
 * nothing. A core dump would write the whole memory to a disk; the process asks the kernel to leave every kind of
 * memory out of it. That holds for dumps that are piped into a collector too, which a limit of 0 on their size
 * (RLIMIT_CORE) does not stop, see core(5).
 */
import { writeFileSync } from "node:fs"
import { Effect, Layer } from "effect"

/**
 * A set of bits, one for each kind of memory that a core dump holds; it is inherited by the programs that certlet
 * starts.
 */
const coreDumpFilter = "/proc/self/coredump_filter"

const closeDebugger = Effect.sync(() => void process.on("SIGUSR1", () => undefined))

const emptyCoreDumps = Effect.try(() => writeFileSync(coreDumpFilter, "0")).pipe(
  Effect.catch((error) => Effect.logDebug(`core dumps may hold keys: ${coreDumpFilter} cannot be written`, error))
)

/** Hardens the process before it holds a key. */
export const layer = Layer.effectDiscard(Effect.andThen(closeDebugger, emptyCoreDumps))
