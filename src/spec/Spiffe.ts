/**
 * The rules of a SPIFFE identity document, for volumes that ask for the profile `spiffe: true`: the certificate is to
 * be an X.509-SVID (SPIFFE standards "SPIFFE ID" and "X.509-SVID"). Pure. What a spec may not ask for is said at the
 * attribute that has to change; what a signed certificate must be is judged where answers are checked.
 */

import { extendedKeyUsages, type KeyUsage } from "./KeyUsage.ts"
import { quoted } from "./Rule.ts"
import type { BrokenRule } from "./SpecError.ts"

/** What a spec asks for, as far as these rules look at it. */
interface Asked {
  readonly uris: ReadonlyArray<string>
  readonly otherNames: ReadonlyArray<unknown>
  readonly isCA: boolean
  readonly usages: ReadonlyArray<KeyUsage>
}

/** The usages of an SVID where the pod names none: both sides of mutual TLS. */
export const svidUsages: ReadonlyArray<KeyUsage> = [
  "digital signature",
  "key encipherment",
  "server auth",
  "client auth"
]

/** What an SVID must not be able to do: only a CA signs others. */
const forbidden: ReadonlyArray<KeyUsage> = ["cert sign", "crl sign"]

/**
 * What is wrong with a SPIFFE ID of a workload; nothing where it is one: `spiffe://`, a trust domain of small letters,
 * digits, dots, dashes and underscores (at most 255), a path of segments of letters, digits, dots, dashes and
 * underscores, none of them empty, `.` or `..`; no user, port, query or fragment; at most 2048 bytes.
 */
export const brokenSpiffeId = (id: string): string | undefined => {
  if (!id.startsWith("spiffe://")) return 'must begin with "spiffe://"'
  if (id.length > 2048) return "must have at most 2048 bytes"
  const afterScheme = id.slice("spiffe://".length)
  const [domain = ""] = /^[^/?#]*/.exec(afterScheme) ?? []
  const path = afterScheme.slice(domain.length)
  if (!/^[a-z0-9._-]{1,255}$/.test(domain)) {
    return "must have a trust domain of small letters, digits, dots, dashes and underscores, without user or port"
  }
  if (!path.startsWith("/") || path === "/")
    return "must have a path after its trust domain, as the identity of a workload has"
  const segments = path.slice(1).split("/")
  if (!segments.every((segment) => /^[A-Za-z0-9._-]+$/.test(segment) && segment !== "." && segment !== "..")) {
    return 'must have path segments of letters, digits, dots, dashes and underscores, none empty, "." or ".."'
  }
  return undefined
}

/**
 * The attribute that keeps a spec from becoming an X.509-SVID, and the rule it breaks; `late` are the attributes whose
 * names are not known yet.
 */
export const brokenSvid = (asked: Asked, late: ReadonlyArray<string>): BrokenRule | undefined => {
  if (asked.isCA) return ["is-ca", "must be false with spiffe, as an SVID of a workload is no CA"]
  if (!asked.usages.some((usage) => usage === "digital signature" || usage === "signing")) {
    return ["key-usages", 'must hold "digital signature" with spiffe, or be left out']
  }
  const wrong = asked.usages.find((usage) => forbidden.includes(usage))
  if (wrong !== undefined)
    return ["key-usages", `must not hold ${quoted(wrong)} with spiffe, as an SVID signs no other`]
  const both = asked.usages.includes("server auth") && asked.usages.includes("client auth")
  if (!both && asked.usages.some((usage) => extendedKeyUsages[usage] !== undefined)) {
    return ["key-usages", 'must hold both "server auth" and "client auth" with spiffe where it holds any such purpose']
  }
  // Another system would take it for a person's or a machine's logon, whatever the SPIFFE ID says.
  if (asked.otherNames.length > 0 || late.includes("other-names")) {
    return ["other-names", "must be left out with spiffe, as an SVID names its workload by its SPIFFE ID"]
  }
  if (late.includes("uri-sans")) return undefined
  const [id, further] = asked.uris
  if (id === undefined || further !== undefined) {
    return ["uri-sans", `must hold exactly one SPIFFE ID with spiffe, but holds ${asked.uris.length} URIs`]
  }
  const rule = brokenSpiffeId(id)
  return rule === undefined ? undefined : ["uri-sans", `${rule}, but is ${quoted(id)}`]
}
