/**
 * URIs as certificates hold them (RFC 3986), read as Go's net/url reads them, because cert-manager does: what it would
 * refuse later, and blame on the issuer, is refused here. Pure. What has to be percent-encoded in a path is encoded;
 * everything else stays as it is written. The URL standard's own parser is not asked: it refuses hosts that Go takes,
 * and changes what it reads.
 */
import { Result } from "effect"

/** A percent sign that begins no byte. */
const brokenPercent = /%(?![0-9A-Fa-f]{2})/

/** What a path or a fragment may hold as it is. */
const plainPath = /^[\w.~!$&'()*+,;=:@[\]/%-]*$/

/** The bytes that Go leaves alone once it has to encode a path at all. */
const unescaped = /[\w.~$&+,;=:@/-]/

const hex = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`

/** The path with every byte encoded that needs it. */
const encodedPath = (path: string): string => {
  if (plainPath.test(path)) return path
  return (path.match(/%[0-9A-Fa-f]{2}|[^%]/gu) ?? [])
    .map((part) => {
      const bytes = part.length === 3 && part.startsWith("%") ? [Number.parseInt(part.slice(1), 16)] : undefined
      return [...(bytes ?? new TextEncoder().encode(part))]
        .map((byte) =>
          byte < 128 && unescaped.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : hex(byte)
        )
        .join("")
    })
    .join("")
}

/** What is wrong with the part between the slashes: a user, a host that Go takes for a domain or an address, a port. */
const brokenAuthority = (authority: string): string | undefined => {
  const at = authority.lastIndexOf("@")
  if (!/^[\w.~!$&'()*+,;=:%@-]*$/.test(authority.slice(0, Math.max(at, 0)))) return "with a user of plain characters"
  const host = authority.slice(at + 1)
  const [, address, afterAddress] = /^\[([^\]%]*)(?:%25[\w.~%-]+)?\](.*)$/.exec(host) ?? []
  if (host.startsWith("[") && address === undefined) return "with an IPv6 address between brackets"
  const colon = host.indexOf(":")
  const port = afterAddress ?? (colon < 0 ? "" : host.slice(colon))
  if (!/^(:\d*)?$/.test(port)) return "with a port in digits"
  if (address !== undefined) {
    return URL.canParse(`http://[${address}]/`) ? undefined : "with an IPv6 address between brackets"
  }
  if (!/^[\w.~!$&'()*+,;=:<>"-]*$/.test(host)) return "with a host of plain ASCII characters"
  return host === "" || host.split(".").every((label) => label !== "")
    ? undefined
    : "with a host that has no empty part and no dot at its end"
}

/** True where a URI has a scheme; without one it is relative, and few programs compare it with anything. */
export const hasScheme = (uri: string): boolean => /^[A-Za-z][A-Za-z0-9+.-]*:/.test(uri)

/** Reads a URI, and writes it as it stands in a certificate; or says which URIs are meant ("with a scheme"). */
export const readUri = (text: string): Result.Result<string, string> => {
  if (/\p{Cc}/u.test(text)) return Result.fail("without control characters")
  if (text === "*") return Result.succeed(text)
  const [found] = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(text) ?? [""]
  const [rest = ""] = /^[^?#]*/.exec(text.slice(found.length)) ?? []
  const [query = ""] = /^[^#]*/.exec(text.slice(found.length + rest.length)) ?? []
  const fragment = text.slice(found.length + rest.length + query.length)
  const scheme = found.toLowerCase()
  if (scheme === "" && !rest.startsWith("/")) return Result.fail("with a scheme")
  const isOpaque = !rest.startsWith("/")
  if (!/^[ -~]*$/.test(query + (isOpaque ? rest : ""))) return Result.fail("in ASCII; write other characters as %XX")
  if (isOpaque && rest + query + fragment === "") return Result.fail("with something after the scheme")
  if (isOpaque) return Result.succeed(scheme + rest + query + fragment.slice(0, 1) + encodedPath(fragment.slice(1)))
  const authority = rest.startsWith("//") ? (/^[^/]*/.exec(rest.slice(2)) ?? [""])[0] : ""
  const slashes = rest.startsWith("//") ? `//${authority}` : ""
  const path = rest.slice(slashes.length)
  const broken = brokenAuthority(authority)
  if (broken !== undefined) return Result.fail(broken)
  if (brokenPercent.test(path + fragment)) return Result.fail("with two hexadecimal digits after each %")
  // An authority without anything in it and after it is left out, as Go does.
  const between = authority + path === "" ? "" : slashes
  return Result.succeed(
    scheme + between + encodedPath(path) + query + fragment.slice(0, 1) + encodedPath(fragment.slice(1))
  )
}
