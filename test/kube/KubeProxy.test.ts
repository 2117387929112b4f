import { describe, expect, it } from "vitest"
import { proxyFor } from "../../src/kube/KubeProxy.ts"

const proxy = "http://proxy.example:3128"
const server = "https://api.example.com:6443"

/** True where the proxy leads to this address, with this NO_PROXY. */
const goesThrough = (url: string, noProxy: string) =>
  proxyFor(url, { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY: noProxy }) === proxy

describe("the proxy of the environment", () => {
  it.each([
    [{}, undefined],
    [{ HTTPS_PROXY: proxy }, proxy],
    [{ https_proxy: proxy }, proxy],
    [{ HTTPS_PROXY: "", https_proxy: proxy }, proxy],
    [{ HTTPS_PROXY: "http://capital:1", https_proxy: proxy }, "http://capital:1"],
    [{ HTTPS_PROXY: "proxy.example:3128" }, "http://proxy.example:3128"],
    [{ HTTPS_PROXY: "socks5://proxy.example:1080" }, "socks5://proxy.example:1080"],
    [{ HTTPS_PROXY: "https://user:pass@proxy.example" }, "https://user:pass@proxy.example"],
    [{ HTTPS_PROXY: "http://" }, undefined],
    [{ HTTPS_PROXY: "::" }, undefined],
    [{ HTTP_PROXY: proxy }, undefined],
    [{ ALL_PROXY: proxy }, undefined],
    [{ HTTPS_PROXY: proxy, no_proxy: "api.example.com" }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: "other", no_proxy: "api.example.com" }, proxy]
  ])("for https and %j is %s", (environment, expected) => {
    expect(proxyFor(server, environment)).toBe(expected)
  })

  it("for http is another one, and none where a web client's header may have set it", () => {
    expect(proxyFor("http://api.example.com", { HTTP_PROXY: proxy })).toBe(proxy)
    expect(proxyFor("http://api.example.com", { HTTP_PROXY: proxy, REQUEST_METHOD: "GET" })).toBeUndefined()
    expect(proxyFor(server, { HTTPS_PROXY: proxy, REQUEST_METHOD: "GET" })).toBe(proxy)
  })

  it.each(["https://localhost:6443", "https://127.0.0.1:6443", "https://127.9.9.9", "https://[::1]:6443"])(
    "never leads to this machine: %s",
    (url) => expect(goesThrough(url, "")).toBe(false)
  )

  it.each([
    [server, "", true],
    [server, "*", false],
    [server, "a, * ,b", false],
    [server, "example.com", false],
    [server, "EXAMPLE.COM", false],
    [server, " example.com ", false],
    [server, ".example.com", false],
    [server, "*.example.com", false],
    [server, "api.example.com", false],
    [server, "api.example.com:6443", false],
    [server, "api.example.com:443", true],
    [server, "example.com:6443", false],
    [server, "ample.com", true],
    [server, "com", false],
    [server, "example.org,,", true],
    [server, ":6443", true],
    ["https://example.com", ".example.com", true],
    ["https://example.com", "*.example.com", true],
    ["https://example.com", "example.com:443", false],
    ["http://example.com", "example.com:80", false],
    ["https://10.96.0.1", "10.96.0.0/12", false],
    ["https://10.112.0.1", "10.96.0.0/12", true],
    ["https://10.96.0.1", "10.96.0.1", false],
    ["https://10.96.0.1", "10.96.0.1:443", false],
    ["https://10.96.0.1", "10.96.0.1:6443", true],
    ["https://10.96.0.1", "96.0.1", false],
    ["https://10.96.0.1", "10.96.0.0/99", true],
    ["https://[fd00::1]:6443", "fd00::/8", false],
    ["https://[fd00::1]:6443", "fd00::1", false],
    ["https://[fd00::1]:6443", "fd00:0:0::1", false],
    ["https://[fd00::1]:6443", "[fd00::1]:6443", false],
    ["https://[fd00::1]:6443", "[fd00::1]:443", true],
    ["https://[fd00::1]:6443", "10.0.0.0/8", true],
    [server, "10.0.0.0/8,fd00::/8", true]
  ])("for %s and NO_PROXY %j: %s", (url, noProxy, expected) => {
    expect(goesThrough(url, noProxy)).toBe(expected)
  })
})
