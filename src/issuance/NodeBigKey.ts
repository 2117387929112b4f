/**
 * RSA keys larger than 2048 bits, each made in a process of its own: RSA-8192 takes a core for ten seconds and more,
 * and neither Node's thread pool nor a worker thread can be stopped in the middle of a key. The process is this Node
 * with one line to run; the key comes through a pipe and lies nowhere else. It is killed as soon as nobody wants the
 * key. It has the lowest claim on the processors, because whoever asks for such a key has time, and the others do not.
 */
import { spawn } from "node:child_process"
import { createPrivateKey, type KeyObject } from "node:crypto"
import { constants, setPriority } from "node:os"
import { Effect } from "effect"

/** What the process runs: it writes the private key's PKCS#8 DER. */
const script = `
const { generateKeyPairSync } = require("node:crypto")
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: Number(process.argv[1]),
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs8", format: "der" }
})
process.stdout.write(privateKey)
`

/** A key that is not there after so long never comes: the process is stuck. */
const patienceMillis = 15 * 60_000

const giveWay = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended already, or the node does not permit it: the key is made all the same.
  }
}

/** Reads the key, and leaves nothing of it in the pipe's buffers. */
const take = (pieces: ReadonlyArray<Buffer>): KeyObject => {
  const der = Buffer.concat(pieces)
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  } finally {
    for (const piece of [der, ...pieces]) piece.fill(0)
  }
}

/** Makes an RSA key of so many bits. */
export const makeBigKey = (bits: number): Effect.Effect<KeyObject, unknown> =>
  Effect.callback<KeyObject, unknown>((resume) => {
    const child = spawn(process.execPath, ["-e", script, `${bits}`], {
      stdio: ["ignore", "pipe", "ignore"],
      timeout: patienceMillis,
      killSignal: "SIGKILL"
    })
    const pieces: Array<Buffer> = []
    // First of all: a process that cannot be started has no pipe either, and says why only here.
    child.on("error", (cause) => resume(Effect.fail(cause)))
    giveWay(child.pid)
    child.stdout.on("data", (piece: Buffer) => pieces.push(piece))
    child.on("close", (code, signal) => {
      const made = code === 0 ? Effect.try(() => take(pieces)) : Effect.fail(ending(code, signal))
      resume(made)
    })
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

const ending = (code: number | null, signal: string | null): Error =>
  new Error(`the process that makes the key ended with ${signal ?? code}`)
