// The three programs of a control plane: how each is called, and how one knows that it is ready. etcd is ready when it
// calls itself healthy, the API server when /readyz passes for the administrator, and cert-manager's controllers when
// they have said that their caches are filled, for they serve nothing that could be asked.
import { request as httpRequest } from "node:http"
import { join } from "node:path"
import type { Tools } from "./build.ts"
import type { KubeApi } from "./KubeApi.ts"
import { apiServerArguments, etcdArguments, etcdUrl, type Layout } from "./layout.ts"
import { Program } from "./Program.ts"

const certManagerReadyLine = "certmanager: controllers are running"

/** True once a plain HTTP endpoint answers 200; rejects while nobody answers. */
const answersOk = (url: string): Promise<true | undefined> =>
  new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { agent: false, signal: AbortSignal.timeout(5_000) }, (response) => {
      response.resume()
      resolve(response.statusCode === 200 ? true : undefined)
    })
    outgoing.on("error", reject)
    outgoing.end()
  })

export interface Programs {
  readonly etcd: Program
  readonly apiServer: Program
  readonly certManager: Program
}

/** Describes the programs; none of them is started. */
export const describePrograms = (
  layout: Layout,
  tools: Tools,
  api: KubeApi,
  certManagerArguments: ReadonlyArray<string>
): Programs => {
  const logFile = (name: string) => join(layout.dir, "logs", `${name}.log`)
  return {
    etcd: new Program({
      name: "etcd",
      command: tools.etcd,
      args: etcdArguments(layout),
      logFile: logFile("etcd"),
      ready: () => answersOk(`${etcdUrl(layout)}/health`)
    }),
    apiServer: new Program({
      name: "kube-apiserver",
      command: tools.kubeApiserver,
      args: apiServerArguments(layout),
      logFile: logFile("kube-apiserver"),
      ready: () => api.request("GET", "/readyz")
    }),
    certManager: new Program({
      name: "cert-manager",
      command: tools.certManager,
      args: certManagerArguments,
      logFile: logFile("cert-manager"),
      ready: async (daemon) => (daemon.log().includes(certManagerReadyLine) ? true : undefined)
    })
  }
}
