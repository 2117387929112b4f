/**
 * A lock among the processes of one machine: a socket name in Linux's abstract namespace. It leaves no file behind, and
 * the kernel frees it however its holder ends, so there is never a stale lock.
 */
import { createHash } from "node:crypto"
import { createServer, type Server } from "node:net"
import { until } from "./until.ts"

const listen = (name: string): Promise<Server | undefined> =>
  new Promise((settle, fail) => {
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? settle(undefined) : fail(error)
    )
    server.listen(name, () => settle(server))
  })

/** Runs `body` while no other process does that builds into this folder; waits so long for one (in milliseconds). */
export const exclusively = async <Result>(
  folder: string,
  deadlineMilliseconds: number,
  body: () => Promise<Result>
): Promise<Result> => {
  const name = `\0certlet-build-${createHash("sha256").update(folder).digest("hex").slice(0, 32)}`
  let lock = await listen(name)
  if (lock === undefined) {
    console.log("waiting for another build to end ...")
    lock = await until("the end of another build", { deadlineMilliseconds }, () => listen(name))
  }
  try {
    return await body()
  } finally {
    lock.close()
  }
}
