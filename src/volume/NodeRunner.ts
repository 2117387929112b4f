/**
 * Runs mount(8) and umount(8). Starting a program costs a large process more than a small one, so xargs(1), started
 * once, starts them: it takes arguments ended by NUL, never a shell, and always adds them to the same command. Without
 * it a publish took a fifth more CPU (43 ms instead of 35), a publish 8 % and an unpublish a quarter more time (three
 * paired runs of 60 publishes on two busy cores). Targets that wait while the program runs share the next run, because
 * its start costs ten times what it does to one target. What xargs prints is only the sign to look: whether a run
 * succeeded is seen at the target. Where it is not seen, or there is no xargs, the program is started directly, and its
 * own exit code and words decide.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import * as fs from "node:fs"
import { Effect, Option, type Scope, Semaphore } from "effect"
import { identityOf, type Spot as OpenSpot } from "./NodeFolder.ts"
import { VolumeError } from "./VolumeFS.ts"

/** The target that a program is to change. */
type Spot = Pick<OpenSpot, "action" | "target" | "path">

/** A program that changes what stands at a target. */
export interface Runner {
  /** Runs it with these last arguments; succeeds when it has done its work. */
  readonly run: (spot: Spot, args: ReadonlyArray<string>) => Effect.Effect<void, VolumeError>
  /** The same, started directly. */
  readonly runDirectly: (spot: Spot, args: ReadonlyArray<string>) => Effect.Effect<void, VolumeError>
}

/** Where programs are looked for; not on PATH, so that nobody else decides what root runs. The last two are NixOS's. */
const folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/wrappers/bin", "/run/current-system/sw/bin"]

const locate = (program: string): string | undefined =>
  folders.map((folder) => `${folder}/${program}`).find((path) => fs.existsSync(path))

/** The texts that are read below are those of the C locale. */
const env = { LC_ALL: "C", PATH: "/usr/bin:/bin" }
/** No program waits for a device when it deals with a tmpfs; one that takes this long is stuck. */
const patienceMillis = 10_000
/** A helper that says nothing for so long is not to be waited for. */
const silenceMillis = 1_000
/** So often in a row a helper may be of no use; after that the program is always started directly. */
const strikes = 3

/** What a program is given. */
interface Command {
  readonly program: string
  /** Its first arguments. It has to know `-v`, which makes it say when it is done, and `-n`, which changes nothing. */
  readonly first: ReadonlyArray<string>
  /** How many arguments follow for each target. */
  readonly count: number
  /** How many targets it may be given in one run. It has to go on with the others after one has failed. */
  readonly together: number
}

/** A target that waits for its turn. */
interface Errand {
  readonly spot: Spot
  readonly args: ReadonlyArray<string>
  /** None until its turn has come; false where nothing has changed at the target. */
  changed: Option.Option<boolean>
}

/** Runs a program. */
export const makeRunner = Effect.fnUntraced(function* (command: Command): Effect.fn.Return<Runner, never, Scope.Scope> {
  const { count, first, program, together } = command
  const path = locate(program)
  if (path === undefined) {
    const missing = (spot: Spot) =>
      Effect.fail(failure("NotPermitted", spot, `there is no ${program}(8) in ${folders.join(", ")}`))
    return { run: missing, runDirectly: missing }
  }
  const runDirectly: Runner["runDirectly"] = (spot, args) => runOnce(spot, path, [...first, ...args])
  const xargs = locate("xargs")
  if (xargs === undefined) return { run: runDirectly, runDirectly }

  const runTogether = yield* makeHelped(xargs, ["-0", "-n", `${count * together}`, path, "-v", ...first])
  // Runs go one by one, so that what the helper prints belongs to the one that is under way.
  const turn = yield* Semaphore.make(1)
  let waiting: ReadonlyArray<Errand> = []
  // Turns come in the order in which errands began to wait: an errand that is still open at its turn is the first.
  const runNext = Effect.suspend(() => {
    const batch = batchOf(waiting, together)
    waiting = waiting.filter((errand) => !batch.includes(errand))
    return runTogether(batch, count * together)
  })
  const run: Runner["run"] = Effect.fnUntraced(function* (spot, args) {
    const errand: Errand = { spot, args, changed: Option.none() }
    waiting = [...waiting, errand]
    yield* turn.withPermit(Effect.suspend(() => (Option.isNone(errand.changed) ? runNext : Effect.void)))
    if (!Option.contains(errand.changed, true)) yield* runDirectly(spot, args)
  }, Effect.uninterruptible)
  return { run, runDirectly }
})

/** The first that wait. A target stands in it once: what a second run finds there is what the first has left. */
const batchOf = (waiting: ReadonlyArray<Errand>, together: number): ReadonlyArray<Errand> => {
  const targets = new Map<string, Errand>()
  for (const errand of waiting) {
    if (targets.size < together && !targets.has(errand.spot.target)) targets.set(errand.spot.target, errand)
  }
  return [...targets.values()]
}

/** Runs errands through a helper, as long as that is of use, and notes of each whether its target has changed. */
const makeHelped = Effect.fnUntraced(function* (xargs: string, args: ReadonlyArray<string>) {
  let helper: Helper | undefined
  let failures = 0
  const retire = Effect.suspend(() => {
    const leaving = helper
    helper = undefined
    return leaving === undefined ? Effect.void : dismiss(leaving)
  })
  yield* Effect.addFinalizer(() => retire)

  return Effect.fnUntraced(function* (errands: ReadonlyArray<Errand>, room: number) {
    const before = errands.map(({ spot }) => identityAt(spot))
    const look = () => {
      errands.forEach((errand, i) => {
        errand.changed = Option.some(differ(identityAt(errand.spot), before[i] ?? Option.none()))
      })
      return errands.every(({ changed }) => Option.contains(changed, true))
    }
    if (failures === strikes) return void look()
    if (helper === undefined || helper.ended) helper = engage(xargs, args)
    const given = errands.flatMap(({ args }) => args)
    const padding = Array.from({ length: room - given.length }, () => "-n")
    const spoke = yield* ask(helper, [...given, ...padding], errands.length)
    if (spoke && look()) {
      failures = 0
      return
    }
    // Only when the helper and whatever it started have ended is it certain that nothing more happens.
    yield* retire
    if (!spoke) failures++
    look()
  })
})

/** What stands at the spot now: a mount or an unmount changes it. None where that cannot be seen. */
const identityAt = (spot: Spot): Option.Option<string> =>
  Option.liftThrowable(() => {
    const stat = fs.lstatSync(spot.path, { bigint: true, throwIfNoEntry: false })
    return stat === undefined ? "" : identityOf(stat)
  })()

const differ = (one: Option.Option<string>, other: Option.Option<string>): boolean =>
  Option.isSome(one) && Option.isSome(other) && one.value !== other.value

interface Helper {
  readonly child: ChildProcessWithoutNullStreams
  /** Is called with what the helper has printed, and with nothing when it has ended with everything it started. */
  heard: (text: string) => void
  ended: boolean
}

const engage = (xargs: string, args: ReadonlyArray<string>): Helper => {
  const child = spawn(xargs, args, { env, stdio: "pipe" })
  const helper: Helper = { child, heard: () => {}, ended: false }
  const listen = (text: string) => helper.heard(text)
  child.stdout.setEncoding("utf8").on("data", listen)
  child.stderr.setEncoding("utf8").on("data", listen)
  // A helper that cannot start or whose pipe is broken also closes; what failed is seen at the target.
  child.on("error", () => {})
  child.stdin.on("error", () => {})
  child.on("close", () => {
    helper.ended = true
    helper.heard("")
  })
  return helper
}

/**
 * Hands the helper one run's arguments and waits until it has said as many lines as there are targets: each success is
 * one, which may come in pieces. True where it has; false where it is of no use.
 */
const ask = (helper: Helper, args: ReadonlyArray<string>, targets: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    if (helper.ended) return resume(Effect.succeed(false))
    const timer = setTimeout(() => resume(Effect.succeed(false)), silenceMillis)
    let lines = 0
    helper.heard = (text) => {
      lines += text.split("\n").length - 1
      timer.refresh()
      if (lines < targets && !helper.ended) return
      clearTimeout(timer)
      resume(Effect.succeed(!helper.ended))
    }
    helper.child.stdin.write(args.map((arg) => `${arg}\0`).join(""))
  })

const dismiss = (helper: Helper): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (helper.ended) return resume(Effect.void)
    // Waiting for ever here would hold up every other volume.
    const timer = setTimeout(() => resume(Effect.void), patienceMillis)
    helper.heard = () => {
      if (!helper.ended) return
      clearTimeout(timer)
      resume(Effect.void)
    }
    helper.child.stdin.end()
    helper.child.kill("SIGKILL")
  })

const runOnce = (spot: Spot, path: string, args: ReadonlyArray<string>) =>
  Effect.callback<void, VolumeError>((resume) => {
    const child = spawn(path, args, {
      env,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: patienceMillis,
      killSignal: "SIGKILL"
    })
    const said: Array<string> = []
    child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text))
    child.on("error", (cause) => resume(Effect.fail(refusal(spot, cause.message))))
    // A success needs no words, so it does not wait until the pipe is drained.
    child.on("exit", (code) => code === 0 && resume(Effect.void))
    child.on("close", (code, signal) =>
      resume(Effect.fail(refusal(spot, said.join("").split("\n")[0] || `${path} ended with ${signal ?? code}`)))
    )
  }).pipe(Effect.uninterruptible)

/** mount(8)'s exit codes tell too little, so that its words (from libc's strerror) have to be read. */
const refusal = (spot: Spot, said: string): VolumeError => {
  const reason = /busy/.test(said)
    ? "Busy"
    : /permission denied|not permitted|must be superuser|only root/i.test(said)
      ? "NotPermitted"
      : /no space|cannot allocate/i.test(said)
        ? "Full"
        : "Io"
  return failure(reason, spot, said)
}

/**
 * True where a mount was refused for an option that the kernel does not know; before util-linux 2.39 the words say no
 * more.
 */
export const isUnknownOption = ({ detail }: VolumeError): boolean =>
  /unknown parameter|bad option|invalid argument/i.test(detail)

const failure = (reason: VolumeError["reason"], { action, target }: Spot, detail: string): VolumeError =>
  new VolumeError({ reason, action, path: target, detail })
