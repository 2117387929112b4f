/**
 * The pod that a volume belongs to, as the kubelet names it. Pure, and at the bottom of the house: what the API server
 * shows of the same pod is `PodState`.
 */

/** The pod of a volume (`podInfoOnMount`). */
export interface Pod {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly serviceAccount: string
}
