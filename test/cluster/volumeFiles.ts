// What a pod sees in its volume, and openssl's verdict on it. Files are read as a careful program reads them: `..data`
// is resolved once, and everything comes from the folder it pointed to. The judge is the openssl program: it checks the
// chain and compares the public keys of key and certificate; certlet's own code takes no part. Where a test looks many
// times a second, Node's X509Certificate compares instead, because a process per look would be too slow to see
// anything.
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readdir, readFile, readlink } from "node:fs/promises"
import { join } from "node:path"
import { openssl } from "./certificates.ts"

/** One set of files, all from one issue. */
export interface Issue {
  /** The folder that `..data` pointed to. */
  readonly folder: string
  readonly certificate: string
  readonly privateKey: string
  readonly authority: string
}

/** The present files of a volume with the default names; rejects with ENOENT where there are none. */
export const readIssue = async (target: string): Promise<Issue> => {
  // Not realpath: a container's files are reached through /proc/PID/root, which leads there only as long as it is not
  // resolved.
  const folder = join(target, await readlink(join(target, "..data")))
  const read = (name: string) => readFile(join(folder, name), "utf8")
  const [certificate, privateKey, authority] = await Promise.all([read("tls.crt"), read("tls.key"), read("ca.crt")])
  return { folder, certificate, privateKey, authority }
}

/** True where key and certificate belong together, by Node's own crypto. */
export const fits = (issue: Issue): boolean =>
  new X509Certificate(issue.certificate).checkPrivateKey(createPrivateKey(issue.privateKey))

/** The certificate's serial number, in hexadecimal. */
export const serialOf = (issue: Issue): string => new X509Certificate(issue.certificate).serialNumber

/** What the machine's users see at the top of a volume; empty where there is none. */
export const listVolume = (target: string): Promise<ReadonlyArray<string>> => readdir(target).catch(() => [])

/**
 * Throws unless openssl finds the volume's certificate signed by the authority in `caFile`, not expired, and made for
 * the volume's key. Resolves with the issue that was judged.
 */
export const judge = async (target: string, caFile: string): Promise<Issue> => {
  const issue = await readIssue(target)
  const file = (name: string) => join(issue.folder, name)
  const [verdict, ofKey, ofCertificate] = await Promise.all([
    openssl("verify", "-CAfile", caFile, "-untrusted", file("tls.crt"), file("tls.crt")),
    openssl("pkey", "-in", file("tls.key"), "-pubout"),
    openssl("x509", "-in", file("tls.crt"), "-noout", "-pubkey")
  ])
  if (!verdict.trimEnd().endsWith(": OK")) throw new Error(`openssl verify says: ${verdict}`)
  if (ofKey !== ofCertificate) throw new Error(`the key of ${target} is not its certificate's`)
  return issue
}

/** `openssl x509 -text` of the volume's certificate, names in the notation of RFC 2253. */
export const describeCertificate = async (target: string): Promise<string> =>
  openssl("x509", "-in", join(target, "tls.crt"), "-noout", "-text", "-nameopt", "RFC2253")
