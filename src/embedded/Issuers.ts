/**
 * The issuers of a cluster in memory: which one a request names, whether it exists, who signs for it and how it acts.
 * cert-manager's own are objects of the API, and whoever applies or deletes one makes it exist or not; `ca` exists
 * without an object, as an Issuer of every namespace and as a ClusterIssuer, so that nobody has to begin with one.
 * Issuers of another group are those that were added here: the API server knows nothing of their kinds.
 */

import { namespacedName } from "../spec/NamespacedName.ts"
import type { Stores } from "./EmbeddedApi.ts"
import { calmIssuance, type IssuanceBehaviour } from "./IssuanceBehaviour.ts"
import type { Issuer } from "./Issuer.ts"
import type { RequestSpec } from "./RequestRules.ts"

/** Who an issuer is. */
export interface IssuerName {
  readonly name: string
  readonly kind: string
  readonly group: string
  /** Empty where it serves every namespace. */
  readonly namespace: string
}

/** cert-manager's own group. */
export const certManagerGroup = "cert-manager.io"

/** The name of the issuer that every cluster has. */
export const builtInName = "ca"

/** The issuer that every cluster has: whatever is said of it holds for both kinds and every namespace. */
export const builtIn: IssuerName = { name: builtInName, kind: "", group: certManagerGroup, namespace: "" }

/** What stands behind the name that a request gives. */
export interface Found {
  /** `foreign`: its kind is nobody's whom cert-manager's controllers know. */
  readonly state: "present" | "missing" | "foreign"
  readonly kind: string
  readonly name: string
  readonly behaviour: IssuanceBehaviour
  /** Who signs; the built-in one where there is no such issuer, for somebody who wants it signed all the same. */
  readonly signer: Issuer["Service"]
}

/** "ClusterIssuer corp", "Issuer apps/web". */
export const issuerText = ({ kind, name, namespace }: IssuerName): string =>
  `${kind} ${namespace === "" ? name : namespacedName({ namespace, name })}`

const keyOf = ({ group, kind, name, namespace }: IssuerName): string => [group, kind, namespace, name].join("/")

/** cert-manager's defaults for what a request leaves out. */
const defaultsOf = ({ group, kind }: RequestSpec["issuerRef"]) => ({
  group: group || certManagerGroup,
  kind: kind || "Issuer"
})

/** As cert-manager writes it of a CA issuer. */
const ready = { type: "Ready", status: "True", reason: "KeyPairVerified", message: "Signing CA verified" } as const

/** The issuers of one cluster. */
export class Issuers {
  readonly #stores: Stores
  readonly #builtIn: Issuer["Service"]
  /** How an issuer acts of which nothing else was said. */
  #usual = calmIssuance
  readonly #behaviours = new Map<string, IssuanceBehaviour>()
  readonly #signers = new Map<string, Issuer["Service"]>()

  constructor(stores: Stores, builtIn: Issuer["Service"]) {
    this.#stores = stores
    this.#builtIn = builtIn
  }

  /** Adds an issuer; one of cert-manager's kinds becomes an object that is ready. */
  readonly add = (issuer: IssuerName, signer: Issuer["Service"]): void => {
    this.#signers.set(keyOf(issuer), signer)
    const { group, kind, name, namespace } = issuer
    this.#storeOf(issuer)?.put({
      apiVersion: `${group}/v1`,
      kind,
      metadata: { name, namespace },
      spec: { ca: { secretName: name } },
      status: { conditions: [ready] }
    })
  }

  /** True where requests can name this one already. */
  readonly has = (issuer: IssuerName): boolean => {
    const store = this.#storeOf(issuer)
    if (store === undefined) return this.#signers.has(keyOf(issuer))
    return issuer.name === builtInName || store.get(issuer.namespace, issuer.name) !== undefined
  }

  /** Changes how every issuer acts from now on, or how one of them does. */
  readonly behave = (change: Partial<IssuanceBehaviour>, issuer?: IssuerName): void => {
    if (issuer !== undefined) {
      this.#behaviours.set(keyOf(issuer), { ...this.#behaviourOf(issuer), ...change })
      return
    }
    this.#usual = { ...this.#usual, ...change }
    for (const [key, behaviour] of this.#behaviours) this.#behaviours.set(key, { ...behaviour, ...change })
  }

  /** Who stands behind the name that a request of this namespace gives. */
  readonly find = (issuerRef: RequestSpec["issuerRef"], namespace: string): Found => {
    const { group, kind } = defaultsOf(issuerRef)
    const { name } = issuerRef
    const issuer = this.#meant({ group, kind, name, namespace })
    const behaviour = this.#behaviourOf(issuer)
    const signer = this.#signers.get(keyOf(issuer))
    const isThere = issuer === builtIn || this.has(issuer)
    const isForeign = issuer !== builtIn && this.#storeOf(issuer) === undefined && signer === undefined
    const state = isForeign ? "foreign" : isThere && behaviour.issuer !== "missing" ? "present" : "missing"
    return { state, kind, name, behaviour, signer: signer ?? this.#builtIn }
  }

  /** The one that is meant: cluster-wide ones have no namespace, and `ca` is one, whatever its kind. */
  #meant(issuer: IssuerName): IssuerName {
    if (issuer.group === certManagerGroup) {
      if (this.#storeOf(issuer) !== undefined && issuer.name === builtInName) return builtIn
      return issuer.kind === "ClusterIssuer" ? { ...issuer, namespace: "" } : issuer
    }
    return this.#signers.has(keyOf(issuer)) ? issuer : { ...issuer, namespace: "" }
  }

  #behaviourOf(issuer: IssuerName): IssuanceBehaviour {
    return this.#behaviours.get(keyOf(issuer)) ?? this.#usual
  }

  /** Where the objects of its kind are. */
  #storeOf({ group, kind }: IssuerName) {
    if (group !== certManagerGroup) return undefined
    return { Issuer: this.#stores.issuers, ClusterIssuer: this.#stores.clusterIssuers }[kind]
  }
}
