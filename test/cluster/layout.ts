// What a control plane consists of before anything runs: a folder, its certificates and keys, its ports, and the
// command lines of its programs. The API server is set up as a real cluster's is (node and RBAC authorization,
// NodeRestriction, ServiceAccount tokens, priority and fairness); where a flag differs from that, the reason stands
// beside it. Its servers listen on loopback only; etcd is reached there without TLS.
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { freePorts } from "../kit/freePorts.ts"
import {
  type Credential,
  makeAuthority,
  makeClientCertificate,
  makeServerCertificate,
  makeTokenKeys
} from "./certificates.ts"
import { podNetwork } from "./nodeConfiguration.ts"

export interface Layout {
  readonly dir: string
  readonly ports: { readonly apiServer: number; readonly etcd: number; readonly etcdPeer: number }
  /** Signs the API server's certificate and every client certificate. */
  readonly authority: Credential
  readonly server: Credential
  readonly admin: Credential
  readonly certManager: Credential
  readonly tokens: { readonly privateKeyFile: string; readonly publicKeyFile: string }
}

/** As whom cert-manager's controllers run: its group puts it into the flow schema of real ServiceAccounts. */
export const certManagerUser = "system:serviceaccount:cert-manager:cert-manager"

export const prepareLayout = async (dir: string): Promise<Layout> => {
  const pki = join(dir, "pki")
  await mkdir(pki)
  await mkdir(join(dir, "logs"))
  const [apiServer, etcd, etcdPeer] = await freePorts(3)
  if (apiServer === undefined || etcd === undefined || etcdPeer === undefined) throw new Error("no free ports")
  const authority = await makeAuthority(pki, "ca", { commonName: "certlet test cluster" })
  const [server, admin, certManager, tokens] = await Promise.all([
    makeServerCertificate(pki, "apiserver", {
      authority,
      alternativeNames: ["IP:127.0.0.1", `IP:${podNetwork.gateway}`, "DNS:localhost", "DNS:kubernetes.default.svc"]
    }),
    makeClientCertificate(pki, "admin", { authority, user: "admin", groups: ["system:masters"] }),
    makeClientCertificate(pki, "cert-manager", {
      authority,
      user: certManagerUser,
      groups: ["system:serviceaccounts", "system:serviceaccounts:cert-manager"]
    }),
    makeTokenKeys(pki)
  ])
  return { dir, ports: { apiServer, etcd, etcdPeer }, authority, server, admin, certManager, tokens }
}

export const serverUrl = (layout: Layout): string => `https://127.0.0.1:${layout.ports.apiServer}`

export const etcdUrl = (layout: Layout): string => `http://127.0.0.1:${layout.ports.etcd}`

export const etcdArguments = (layout: Layout): ReadonlyArray<string> => {
  const peer = `http://127.0.0.1:${layout.ports.etcdPeer}`
  return [
    "--name=test",
    `--data-dir=${join(layout.dir, "etcd")}`,
    `--listen-client-urls=${etcdUrl(layout)}`,
    `--advertise-client-urls=${etcdUrl(layout)}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=test=${peer}`,
    // The data need not survive a crash of the machine, and a test disk's fsync would dominate every measurement.
    "--unsafe-no-fsync",
    "--log-level=warn"
  ]
}

export const apiServerArguments = (layout: Layout): ReadonlyArray<string> => [
  `--etcd-servers=${etcdUrl(layout)}`,
  "--bind-address=127.0.0.1",
  `--secure-port=${layout.ports.apiServer}`,
  `--tls-cert-file=${layout.server.certFile}`,
  `--tls-private-key-file=${layout.server.keyFile}`,
  `--client-ca-file=${layout.authority.certFile}`,
  "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
  `--service-account-key-file=${layout.tokens.publicKeyFile}`,
  `--service-account-signing-key-file=${layout.tokens.privateKeyFile}`,
  "--service-cluster-ip-range=10.96.0.0/24",
  "--authorization-mode=Node,RBAC",
  "--enable-admission-plugins=NodeRestriction",
  "--allow-privileged=true",
  // The way into containers: kubelets know the administrator by its certificate.
  `--kubelet-client-certificate=${layout.admin.certFile}`,
  `--kubelet-client-key=${layout.admin.keyFile}`,
  "--kubelet-preferred-address-types=InternalIP",
  // Without it, an API server that is asked to end first waits up to a minute for the watches to end by themselves.
  "--shutdown-watch-termination-grace-period=1s",
  // A loopback address cannot be the endpoint of the service "kubernetes".
  "--endpoint-reconciler-type=none",
  `--cert-dir=${join(layout.dir, "pki", "generated")}`
]
