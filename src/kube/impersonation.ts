/**
 * As whom certlet asks to be taken, besides the user's name, which client-node knows by itself: groups, a uid and
 * further attributes, from flags or from a kubeconfig, as the headers of Kubernetes' impersonation. A flag wins over
 * what the kubeconfig says of the same. Pure.
 */
import { Option, Predicate } from "effect"
import type { KubeSettings } from "../Settings.ts"

/** Groups, uid and further attributes of the user that is impersonated. */
export interface Impersonation {
  readonly groups: ReadonlyArray<string>
  readonly uid: Option.Option<string>
  readonly extra: ReadonlyArray<readonly [key: string, value: string]>
}

/** Nothing besides the user's name. */
export const nobodyElse: Impersonation = { groups: [], uid: Option.none(), extra: [] }

const textsIn = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter(Predicate.isString) : []

const part = (value: unknown, key: string): unknown => (Predicate.hasProperty(value, key) ? value[key] : undefined)

/** What the user of a kubeconfig says of it. */
export const impersonationIn = (user: unknown): Impersonation => {
  const extra = part(user, "as-user-extra")
  return {
    groups: textsIn(part(user, "as-groups")),
    uid: Option.liftPredicate(part(user, "as-uid"), Predicate.isString),
    extra: Predicate.isObject(extra)
      ? Object.entries(extra).flatMap(([key, values]) => textsIn(values).map((value) => [key, value] as const))
      : []
  }
}

/** What a header's name cannot hold is written as in a URL. */
const headerKey = (key: string): string =>
  key.toLowerCase().replaceAll(/[^a-z0-9!#$&'*+.^_`|~-]/g, (found) => encodeURIComponent(found))

/** The headers: of the flags, and of the kubeconfig where they say nothing. */
export const impersonationOf = (
  { asGroup, asUid, asUserExtra }: Pick<KubeSettings, "asGroup" | "asUid" | "asUserExtra">,
  written: Impersonation
): Readonly<Record<string, string | Array<string>>> => {
  const groups = asGroup.length > 0 ? asGroup : written.groups
  const uid = Option.getOrUndefined(Option.orElse(asUid, () => written.uid))
  const extra: Record<string, Array<string>> = {}
  for (const [key, value] of asUserExtra.length > 0 ? asUserExtra : written.extra) {
    const name = `impersonate-extra-${headerKey(key)}`
    extra[name] = [...(extra[name] ?? []), value]
  }
  return {
    ...(groups.length === 0 ? {} : { "impersonate-group": [...groups] }),
    ...(uid === undefined ? {} : { "impersonate-uid": uid }),
    ...extra
  }
}
