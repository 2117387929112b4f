/**
 * Whether the issuer that somebody adds to a cluster makes sense, asked at the door: its names are texts, an Issuer is
 * one of a namespace and a ClusterIssuer is not. What is left out is what cert-manager takes for it; an Issuer without
 * a namespace is one of the namespace that pods are in by default.
 */
import { Predicate } from "effect"
import { certManagerGroup, type IssuerName } from "../../embedded/Issuers.ts"
import { defaultNamespace } from "../parts/SimPod.ts"
import { known, Misuse } from "./misuse.ts"

/** An issuer that is to be there. */
export interface IssuerWish {
  readonly name: string
  /** `Issuer` by default, or `ClusterIssuer`; of another group, any kind. */
  readonly kind?: string
  /** By default `cert-manager.io`. */
  readonly group?: string
  /** An Issuer is one of `apps` by default; one of another group serves every namespace where none is named. */
  readonly namespace?: string
}

const names: Readonly<Record<keyof IssuerWish, true>> = { name: true, kind: true, group: true, namespace: true }

/** The issuer that is meant, if the wish makes sense. */
export const soundIssuer = (wish: IssuerWish): IssuerName => {
  for (const [name, text] of Object.entries(known("an issuer", wish, names))) {
    if (!Predicate.isString(text) || text === "") throw new Misuse(`an issuer's ${name} is a text`)
  }
  const { group = certManagerGroup, kind = "Issuer", name, namespace } = wish
  if (name === undefined) throw new Misuse("an issuer has a name")
  if (group !== certManagerGroup) return { name, kind, group, namespace: namespace ?? "" }
  if (kind === "Issuer") return { name, kind, group, namespace: namespace ?? defaultNamespace }
  if (kind !== "ClusterIssuer") throw new Misuse(`${group} has the kinds Issuer and ClusterIssuer, and not ${kind}`)
  if (namespace !== undefined) throw new Misuse("a ClusterIssuer serves every namespace, and is in none")
  return { name, kind, group, namespace: "" }
}
