// Certificates and keys made by openssl: the control plane's own, and the ones of CA issuers. openssl is used, and not
// the library under test, so that a mistake in one cannot hide a mistake in the other. Every call brings its whole
// configuration, because the machine's openssl.cnf adds extensions of its own. All files are PEM; private keys are
// unencrypted PKCS#8, readable by their owner only.
import { execFile } from "node:child_process"
import { chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

export type KeyAlgorithm = "ECDSA" | "RSA"

/** Absolute paths of a certificate and its private key. */
export interface Credential {
  readonly certFile: string
  readonly keyFile: string
}

/** Runs openssl and returns its standard output; rejects with its standard error in the message. */
export const openssl = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { stdout } = await run("openssl", args, { timeout: 60_000 })
  return stdout
}

// P-256 and RSA-2048: what most cluster authorities use.
const newKeyArguments: Record<KeyAlgorithm, ReadonlyArray<string>> = {
  ECDSA: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
  RSA: ["-newkey", "rsa:2048"]
}

interface Request {
  readonly folder: string
  /** The files' name without an extension. */
  readonly name: string
  readonly algorithm: KeyAlgorithm
  readonly subject: string
  readonly extensions: ReadonlyArray<string>
  readonly authority?: Credential
}

const make = async (request: Request): Promise<Credential> => {
  const path = join(request.folder, request.name)
  const made = { certFile: `${path}.crt`, keyFile: `${path}.key` }
  const config = ["[req]", "distinguished_name=name", "prompt=no", "[name]", "[extensions]", ...request.extensions]
  await writeFile(`${path}.cnf`, `${config.join("\n")}\n`)
  const signer = request.authority
  await openssl(
    ...["req", "-x509", "-config", `${path}.cnf`, "-extensions", "extensions", "-nodes", "-days", "30"],
    ...newKeyArguments[request.algorithm],
    ...["-subj", request.subject, "-out", made.certFile, "-keyout", made.keyFile],
    ...(signer === undefined ? [] : ["-CA", signer.certFile, "-CAkey", signer.keyFile])
  )
  await chmod(made.keyFile, 0o600)
  return made
}

// In openssl's -subj these three start something new.
const escapeName = (text: string) => text.replaceAll(/[\\/+]/g, "\\$&")

/** A self-signed authority, valid for 30 days. */
export const makeAuthority = (
  folder: string,
  name: string,
  options: { readonly commonName: string; readonly algorithm?: KeyAlgorithm }
): Promise<Credential> =>
  make({
    folder,
    name,
    algorithm: options.algorithm ?? "ECDSA",
    subject: `/CN=${escapeName(options.commonName)}`,
    extensions: [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
      "subjectKeyIdentifier=hash"
    ]
  })

/** A P-256 server certificate; `alternativeNames` in openssl's notation: "IP:127.0.0.1", "DNS:localhost". */
export const makeServerCertificate = (
  folder: string,
  name: string,
  options: { readonly authority: Credential; readonly alternativeNames: ReadonlyArray<string> }
): Promise<Credential> =>
  make({
    folder,
    name,
    algorithm: "ECDSA",
    subject: `/CN=${escapeName(name)}`,
    extensions: ["extendedKeyUsage=serverAuth", `subjectAltName=${options.alternativeNames.join(",")}`],
    authority: options.authority
  })

/** A P-256 client certificate as Kubernetes reads it: the common name is the user, each organization is a group. */
export const makeClientCertificate = (
  folder: string,
  name: string,
  options: { readonly authority: Credential; readonly user: string; readonly groups: ReadonlyArray<string> }
): Promise<Credential> =>
  make({
    folder,
    name,
    algorithm: "ECDSA",
    subject: `${options.groups.map((group) => `/O=${escapeName(group)}`).join("")}/CN=${escapeName(options.user)}`,
    extensions: ["extendedKeyUsage=clientAuth"],
    authority: options.authority
  })

/** The key pair with which the API server signs and checks the tokens of ServiceAccounts. */
export const makeTokenKeys = async (
  folder: string
): Promise<{ readonly privateKeyFile: string; readonly publicKeyFile: string }> => {
  const made = { privateKeyFile: join(folder, "tokens.key"), publicKeyFile: join(folder, "tokens.pub") }
  await openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", made.privateKeyFile)
  await openssl("pkey", "-in", made.privateKeyFile, "-pubout", "-out", made.publicKeyFile)
  await chmod(made.privateKeyFile, 0o600)
  return made
}
