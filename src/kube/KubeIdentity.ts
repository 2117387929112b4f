/**
 * As whom certlet speaks to the API server, in words for whoever reads its log: the subject of a client certificate,
 * the ServiceAccount of a token, a name. The API server looks at a certificate first, and so do these words. A token is
 * read for its subject alone, which is no secret; nothing else of it is said.
 */
import { X509Certificate } from "node:crypto"
import type { RequestOptions } from "node:https"
import { Option, Predicate } from "effect"
import { oneLine } from "../spec/oneLine.ts"

type Headers = Readonly<Record<string, string | Array<string>>>

/** The subject of a JSON Web Token; undefined where the text is not one. */
const subjectOf = (token: string): string | undefined => {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString())
    return Predicate.hasProperty(claims, "sub") && Predicate.isString(claims.sub) ? claims.sub : undefined
  } catch {
    return undefined
  }
}

const certificateSubject = (cert: RequestOptions["cert"]): string | undefined => {
  try {
    return Buffer.isBuffer(cert) || Predicate.isString(cert) ? oneLine(new X509Certificate(cert).subject) : undefined
  } catch {
    return undefined
  }
}

const ownIdentity = (options: RequestOptions, { authorization = "" }: Headers): string => {
  if (options.cert !== undefined || options.pfx !== undefined) {
    const subject = certificateSubject(options.cert)
    return subject === undefined ? "the owner of a client certificate" : `${subject} (client certificate)`
  }
  const [scheme = "", secret = ""] = String(authorization).split(" ")
  if (scheme === "Bearer") return `${subjectOf(secret) ?? "the owner of a token"} (bearer token)`
  if (scheme === "Basic") return `${Buffer.from(secret, "base64").toString().split(":")[0]} (password)`
  return "nobody (without credentials)"
}

/** As whom calls with these options and headers are made. */
export const identityText = (options: RequestOptions, headers: Headers): string =>
  Option.match(Option.fromUndefinedOr(headers["impersonate-user"]), {
    onNone: () => ownIdentity(options, headers),
    onSome: (user) => `${user}, impersonated by ${ownIdentity(options, headers)}`
  })
