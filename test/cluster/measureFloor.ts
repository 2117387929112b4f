// Runs the floor program (tools/certmanager/floor) against a control plane: the least time in which this API server,
// etcd and cert-manager deliver a certificate to anybody on this machine. A driver's numbers are judged as ratios to
// it, and so must be taken in the same run. For a fair ratio both should reach the API server as the same kind of
// user: the administrator's certificate is exempt from priority and fairness, a ServiceAccount's token is not.
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import type { IssuerRef } from "./issuers.ts"
import { at, listAt } from "./objects.ts"

export interface FloorOptions {
  readonly kubeconfig: string
  readonly namespace: string
  /** Must be approved automatically. */
  readonly issuer: IssuerRef
  readonly count: number
  readonly concurrency: number
  /** Leave the requests in the cluster; by default each iteration deletes its own, outside of its own time. */
  readonly keep?: boolean
}

export interface Floor {
  /** Per certificate: from before the key is made to the Ready request on the watch. */
  readonly milliseconds: ReadonlyArray<number>
  /** Whole iterations by the wall clock. */
  readonly perSecond: number
  /** The program's own processor time for an iteration. */
  readonly cpuMilliseconds: number
}

const limitMilliseconds = 10 * 60_000

/** `program` is `Tools.floor`; rejects with the program's own sentence when a certificate does not come. */
export const measureFloor = async (program: string, options: FloorOptions): Promise<Floor> => {
  const { stdout } = await promisify(execFile)(
    program,
    [
      `--kubeconfig=${options.kubeconfig}`,
      `--namespace=${options.namespace}`,
      `--issuer=${options.issuer.name}`,
      `--issuer-kind=${options.issuer.kind}`,
      `--n=${options.count}`,
      `--concurrency=${options.concurrency}`,
      `--keep=${options.keep ?? false}`
    ],
    { timeout: limitMilliseconds, maxBuffer: 64 * 1024 * 1024 }
  )
  const answer: unknown = JSON.parse(stdout)
  const perSecond = at(answer, "perSecond")
  const cpuMilliseconds = at(answer, "cpuMilliseconds")
  const milliseconds = listAt(answer, "milliseconds").filter((one) => typeof one === "number")
  const isComplete = milliseconds.length === options.count
  if (typeof perSecond !== "number" || typeof cpuMilliseconds !== "number" || !isComplete) {
    throw new Error(`the floor program wrote ${stdout.slice(0, 500)}`)
  }
  return { milliseconds, perSecond, cpuMilliseconds }
}
