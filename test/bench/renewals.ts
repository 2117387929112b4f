// Pods that renew, as far as the API server is concerned: requests in certlet's own shape, so many a second, each
// deleted some seconds after it was made, as the predecessor of a renewal is. The clock decides when one is created,
// not the answers, so that a slow server is not spared.
import { setTimeout as pause } from "node:timers/promises"
import type { KubeApi } from "../cluster/KubeApi.ts"
import { type KubeObject, type Manifest, referenceTo } from "../cluster/objects.ts"

/** How long a request stays: long enough to be signed. */
export const staysMilliseconds = 10_000

export interface Renewals {
  /** How many requests were created so far; throws where a call has failed. */
  readonly created: () => number
  /** Creates no more, and waits until all are deleted. */
  readonly stop: () => Promise<void>
}

/** A copy of a request for another node: what the server has written into it is left out. */
export const copyOf = (request: KubeObject, index: number, labels: Readonly<Record<string, string>>): Manifest => {
  const { annotations = {}, name, namespace = "", ownerReferences } = request.metadata
  return {
    ...{ apiVersion: "cert-manager.io/v1", kind: "CertificateRequest" },
    metadata: { name: `${name}-${index}`, namespace, labels, annotations, ownerReferences },
    spec: request.spec
  }
}

/** Starts at once. */
export const startRenewals = (api: KubeApi, perSecond: number, requestAt: (index: number) => Manifest): Renewals => {
  const lives: Array<Promise<void>> = []
  let created = 0
  let failure: unknown
  let running = true
  const live = async (index: number) => {
    const manifest = requestAt(index)
    await api.create(manifest)
    created += 1
    await pause(staysMilliseconds)
    await api.delete(referenceTo(manifest))
  }
  const fail = (error: unknown) => {
    failure ??= error
  }
  const begun = performance.now()
  const clock = (async () => {
    for (let index = 0; running; index++) {
      await pause(Math.max(0, begun + (index * 1000) / perSecond - performance.now()))
      lives.push(live(index).catch(fail))
    }
  })()
  const sound = () => {
    if (failure !== undefined) throw new Error("a request could not be created or deleted", { cause: failure })
  }
  return {
    created: () => {
      sound()
      return created
    },
    stop: async () => {
      running = false
      await clock
      await Promise.all(lives)
      sound()
    }
  }
}
