/**
 * The ServiceAccount tokens of a simulated cluster: the kubelets ask for them, the API server reads them. A token lives
 * for an hour, and a kubelet keeps one until four fifths of that have passed, as its token manager does. Each token
 * carries a mark that no other text has, so that a judge finds it wherever it should not be.
 */
import { DateTime } from "effect"
import { type ApiUser, podUser } from "../../embedded/ApiUser.ts"
import type { SimPod, SimPodVolume } from "./SimPod.ts"

/** What every simulated token begins with. */
export const tokenMark = "sim-token."

const lifetime = 3_600_000
const refreshAfter = lifetime * 0.8

interface Minted {
  readonly token: string
  readonly user: ApiUser
  readonly at: number
}

/** The account of a pod, as the API server knows it. */
export const accountOf = ({ namespace, serviceAccount }: Pick<SimPod, "namespace" | "serviceAccount">): ApiUser =>
  podUser(namespace, serviceAccount)

/** The cluster's tokens. `now` gives milliseconds since 1970. */
export class SimAccounts {
  readonly #now: () => number
  readonly #tokens = new Map<string, Minted>()
  /** The token that a pod's kubelet keeps, by the pod's uid. */
  readonly #kept = new Map<string, Minted>()
  #minted = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** The volume context's entry for a pod: what the kubelet sends where the CSIDriver object asks for tokens. */
  readonly contextOf = ({ pod }: SimPodVolume): Readonly<Record<string, string>> => {
    const { at, token } = this.#tokenOf(pod)
    const expirationTimestamp = DateTime.formatIso(DateTime.makeUnsafe(at + lifetime))
    return { "csi.storage.k8s.io/serviceAccount.tokens": JSON.stringify({ "": { token, expirationTimestamp } }) }
  }

  /** Whose token this is; undefined where the API server takes it for nobody's. */
  readonly userOf = (token: string): ApiUser | undefined => {
    const minted = this.#tokens.get(token)
    return minted !== undefined && this.#now() < minted.at + lifetime ? minted.user : undefined
  }

  /** No token that was handed out so far is good any more; kubelets fetch new ones for their next publish. */
  readonly revoke = (): void => {
    this.#tokens.clear()
    this.#kept.clear()
  }

  #tokenOf(pod: SimPod): Minted {
    const now = this.#now()
    const kept = this.#kept.get(pod.uid)
    if (kept !== undefined && now < kept.at + refreshAfter) return kept
    this.#minted += 1
    const minted = { token: `${tokenMark}${pod.uid}.${this.#minted}`, user: accountOf(pod), at: now }
    this.#tokens.set(minted.token, minted)
    this.#kept.set(pod.uid, minted)
    return minted
  }
}
