/**
 * The command `certlet wait`: it blocks until the volume that is mounted at a folder holds a complete set of files,
 * and says why it gives up. It runs in an init container, as the pod's own user and without a driver: all it looks at
 * is `..data`, which is moved only when a set is whole. What no patience can mend (no such folder, no right to read,
 * no such file in the set) ends it at once.
 */
import * as fs from "node:fs"
import { Duration, Effect, Predicate, Schema } from "effect"
import { errnoOf } from "../../spec/errnoOf.ts"

/** What to wait for. */
export interface FilesOrder {
  /** Where the volume is mounted. */
  readonly folder: string
  /** Names that the set must hold; none asks for whatever there is. */
  readonly files: ReadonlyArray<string>
  readonly timeout: Duration.Duration
}

/** The files did not come, or cannot be used; the sentence is for whoever reads the init container's log. */
class FilesMissing extends Schema.TaggedError<FilesMissing>()("FilesMissing", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

/** A look is cheap, and works in every kind of container, where a notification might not. */
const pause = Duration.millis(200)

const hint = '"kubectl describe pod" and the CertificateRequests of the namespace say what the certificate waits for'

/** A right that is missing looks like files that are missing, to whoever only asks whether they exist. */
const unreadable = (folder: string): string =>
  `user ${process.geteuid?.()} may not read what is in ${folder}; set fsGroup in the pod's securityContext, ` +
  "or the volume's attribute fs-group or file-owner"

/** The names of a whole set; undefined where there is none yet. */
const look = ({ files, folder }: FilesOrder): ReadonlyArray<string> | FilesMissing | undefined => {
  try {
    if (!fs.statSync(folder).isDirectory()) return new FilesMissing({ detail: `${folder} is no folder` })
    const names = fs.readdirSync(`${folder}/..data`)
    const missing = files.find((name) => !names.includes(name))
    if (missing !== undefined) {
      return new FilesMissing({
        detail: `${folder} holds ${names.join(", ")} and no ${missing}; look at the file names`
      })
    }
    for (const name of files.length > 0 ? files : names) fs.accessSync(`${folder}/..data/${name}`, fs.constants.R_OK)
    return names
  } catch (cause) {
    const detail = Predicate.isError(cause) ? cause.message : "cannot be read"
    if (errnoOf(cause) === "ENOENT") {
      // A swap between two looks takes a name away for a moment; a folder that is not there stays away.
      return fs.existsSync(folder)
        ? undefined
        : new FilesMissing({ detail: `${folder} is not there; mount the volume with the certificate at this path` })
    }
    return new FilesMissing({ detail: errnoOf(cause) === "EACCES" ? `${detail}: ${unreadable(folder)}` : detail })
  }
}

const untilComplete = Effect.fnUntraced(function* (order: FilesOrder) {
  while (true) {
    const found = yield* Effect.sync(() => look(order))
    if (found instanceof FilesMissing) return yield* found
    if (found !== undefined) return found
    yield* Effect.sleep(pause)
  }
})

/** Waits for the files; succeeds with their names. */
export const waitForFiles = Effect.fn("certlet.wait")(function* (order: FilesOrder) {
  const { folder, timeout } = order
  yield* Effect.logInfo(`waiting for the files in ${folder}, at most ${Duration.format(timeout)}`)
  const [took, names] = yield* untilComplete(order).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => new FilesMissing({ detail: `${folder} holds no files after ${Duration.format(timeout)}; ${hint}` })
    }),
    Effect.timed
  )
  yield* Effect.logInfo(
    `${folder} holds ${names.join(", ")} after ${Duration.format(Duration.millis(Math.round(Duration.toMillis(took))))}`
  )
  return names
})
