/**
 * Which proxy leads to an address, by the environment and by the rules of Go's net/http, which every program of a
 * cluster follows: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or their names in small letters. `localhost` and loopback
 * addresses are never reached by a proxy. Nothing is read here but what is handed over.
 */
import { BlockList, isIP } from "node:net"

type Environment = Readonly<Record<string, string | undefined>>

/** The first of these variables that holds something; the capital letters win. */
const read = (environment: Environment, name: string): string =>
  environment[name.toUpperCase()] || environment[name.toLowerCase()] || ""

/** A proxy's address; one without a scheme is a proxy over HTTP. What is no address is no proxy. */
export const parseProxy = (text: string): string | undefined => {
  const address = text.includes("://") ? text : `http://${text}`
  const isProxy = URL.canParse(address) && /^(https?|socks5h?):$/.test(new URL(address).protocol)
  return isProxy && new URL(address).hostname !== "" ? address : undefined
}

/** The same proxy for Node's agents: Go has names looked up by a SOCKS proxy, as their `socks5h` does. */
export const asAgentsTakeIt = (proxy: string): string => proxy.replace(/^socks5:/i, "socks5h:")

const family = (address: string): "ipv4" | "ipv6" => (isIP(address) === 4 ? "ipv4" : "ipv6")

/** True if an address lies in a network, `10.0.0.0/8`; undefined where the text is no network. */
const inNetwork = (text: string, address: string): boolean | undefined => {
  const [, network = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const longest = isIP(network) === 4 ? 32 : 128
  if (isIP(network) === 0 || Number(bits) > longest) return undefined
  if (isIP(address) === 0) return false
  const networks = new BlockList()
  networks.addSubnet(network, Number(bits), family(network))
  return networks.check(address, family(address))
}

const isSame = (one: string, other: string): boolean => {
  const addresses = new BlockList()
  addresses.addAddress(one, family(one))
  return addresses.check(other, family(other))
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1")

/** A host and a port, `[::1]:443`; an address of IPv6 without brackets has no port. */
const splitPort = (entry: string): readonly [host: string, port: string] => {
  const [, host = "", port = ""] = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(entry) ?? []
  return host === "" && port === "" && !entry.startsWith(":")
    ? [withoutBrackets(entry), ""]
    : [withoutBrackets(host), port]
}

/** True if an entry of NO_PROXY is about this host and port. */
const isExempt = (entry: string, host: string, port: string): boolean => {
  if (entry === "*") return true
  const network = inNetwork(entry, host)
  if (network !== undefined) return network
  const [name, only] = splitPort(entry)
  if (name === "" || (only !== "" && only !== port)) return false
  if (isIP(name) !== 0) return isIP(host) !== 0 && isSame(name, host)
  // `example.com` is the domain and what lies below it; `.example.com` and `*.example.com` are what lies below.
  const below = name.replace(/^\*(?=\.)/, "")
  return below.startsWith(".") ? host.endsWith(below) : host === below || host.endsWith(`.${below}`)
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || (isIP(host) !== 0 && (inNetwork("127.0.0.0/8", host) === true || isSame("::1", host)))

/** The address of the proxy for a URL; undefined for a URL without a proxy. */
export const proxyFor = (url: string, environment: Environment): string | undefined => {
  if (!URL.canParse(url)) return undefined
  const { hostname, port, protocol } = new URL(url)
  // A server that runs programs for web clients puts their header `Proxy` into HTTP_PROXY: Go refuses it there too.
  if (protocol === "http:" && (environment.REQUEST_METHOD ?? "") !== "") return undefined
  const text = read(environment, protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY")
  const proxy = text === "" ? undefined : parseProxy(text)
  const host = withoutBrackets(hostname).toLowerCase()
  if (proxy === undefined || isLoopback(host)) return undefined
  const to = port === "" ? (protocol === "https:" ? "443" : "80") : port
  const entries = read(environment, "NO_PROXY")
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
  return entries.some((entry) => entry !== "" && isExempt(entry, host, to)) ? undefined : proxy
}
