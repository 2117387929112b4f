/**
 * Servers that insist on key and chain in one file, or on owning it, with a volume's combined file and nothing else:
 * HAProxy, and PostgreSQL with its client. Both sides show a certificate, and each checks the other's.
 */
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { get } from "node:https"
import { dirname, join } from "node:path"
import { beforeAll, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { FileSet } from "../../src/volume/FileSet.ts"
import { freePorts } from "../kit/freePorts.ts"
import { describeWhere } from "../kit/needs.ts"
import { makeAuthority } from "./authority.ts"
import { type Kind, keys } from "./keys.ts"
import { filesFor, layOut } from "./layOut.ts"
import { isPresent, run } from "./programs.ts"

let authority: Awaited<ReturnType<typeof makeAuthority>>
beforeAll(async () => {
  authority = await makeAuthority()
})

const filesOf = async (kind: Kind): Promise<FileSet> => {
  const [key, attributes] = keys[kind]
  const asked = { ...attributes, "combined-file": "combined.pem", "file-mode": "0400" }
  return Effect.runSync(filesFor(asked, await authority.leaf(key)))
}

/** What the server answers to a client that shows the same files, over the server's socket. */
const asked = (socketPath: string, path: (name: string) => string): Promise<string> =>
  new Promise((resolve, reject) => {
    const [both, ca] = [readFileSync(path("combined.pem")), readFileSync(path("ca.crt"))]
    const request = get({
      socketPath,
      servername: "localhost",
      host: "localhost",
      ca,
      key: both,
      cert: both,
      agent: false
    })
    request.on("error", reject).on("response", (response) => {
      response.setEncoding("utf8").on("data", resolve)
    })
  })

describeWhere(isPresent("haproxy", "-v"), "needs HAProxy")("HAProxy", () => {
  it.each<Kind>(["RSA", "P-256", "Ed25519"])(
    "serves and checks with the combined file of a key of %s",
    async (kind) => {
      await layOut(await filesOf(kind), async (path) => {
        const [configuration, socket, pidFile] = [path("haproxy.cfg"), path("haproxy.sock"), path("haproxy.pid")]
        const bind = `bind unix@${socket} ssl crt ${path("combined.pem")} ca-file ${path("ca.crt")} verify required`
        const answer = 'http-request return status 200 content-type text/plain lf-string "%[ssl_c_s_dn(CN)]"'
        const timeouts = "timeout client 10s\n  timeout server 10s\n  timeout connect 10s"
        writeFileSync(configuration, `frontend tls\n  mode http\n  ${timeouts}\n  ${bind}\n  ${answer}\n`)
        // It goes into the background as soon as it listens.
        await run("haproxy", "-D", "-p", pidFile, "-f", configuration)
        try {
          expect(await asked(socket, path)).toBe("web")
        } finally {
          process.kill(Number(readFileSync(pidFile, "utf8")))
        }
      })
    }
  )
})

/** Debian keeps the server's programs apart, by version. */
const postgresFolder = (): string => {
  const root = "/usr/lib/postgresql"
  const [newest = "0"] = existsSync(root) ? readdirSync(root).sort((one, other) => Number(other) - Number(one)) : []
  return join(root, newest, "bin")
}
const postgres = (program: string) => join(postgresFolder(), program)

/** PostgreSQL does not run as root. */
const nobody = 65_534
const isRoot = process.getuid?.() === 0
const asNobody = (program: string, ...args: ReadonlyArray<string>): Promise<string> =>
  isRoot
    ? run("setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", program, ...args)
    : run(program, ...args)

describeWhere(isPresent(postgres("postgres"), "--version"), "needs PostgreSQL")("PostgreSQL", () => {
  it.each<Kind>(["RSA", "P-256"])(
    "and its client know each other by the combined file of a key of %s",
    { timeout: 120_000 },
    async (kind) => {
      await layOut(await filesOf(kind), async (path) => {
        const [folder, data, log] = [dirname(path("data")), path("data"), path("log")]
        mkdirSync(data)
        if (isRoot) for (const name of [folder, ...readdirSync(folder).map(path)]) chownSync(name, nobody, nobody)
        await asNobody(postgres("initdb"), "-D", data, "-U", "web", "-N", "--auth=reject")
        writeFileSync(join(data, "pg_hba.conf"), "hostssl all all 127.0.0.1/32 cert\n")
        const [port] = await freePorts(1)
        const settings = {
          port: String(port),
          listen_addresses: "127.0.0.1",
          unix_socket_directories: "",
          fsync: "off",
          ssl: "on",
          ssl_ca_file: path("ca.crt"),
          ssl_cert_file: path("combined.pem"),
          ssl_key_file: path("combined.pem")
        }
        const options = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`)
        const control = (...args: ReadonlyArray<string>) => asNobody(postgres("pg_ctl"), "-w", "-D", data, ...args)
        await control("start", "-l", log, "-o", options.join(" "))
        try {
          const both = `sslcert=${path("combined.pem")} sslkey=${path("combined.pem")}`
          const server = `host=localhost hostaddr=127.0.0.1 port=${port} user=web dbname=postgres`
          const trust = `sslmode=verify-full sslrootcert=${path("ca.crt")}`
          const query = "select client_dn from pg_stat_ssl where pid = pg_backend_pid()"
          const said = await asNobody("psql", `${server} ${trust} ${both}`, "--no-psqlrc", "-Atc", query)
          expect(said.trim()).toBe("/CN=web")
        } finally {
          await control("stop", "-m", "immediate")
        }
      })
    }
  )
})
