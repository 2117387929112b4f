// certlet on a real node, as a process beside the kubelet: in the machine of the node, with the rights of `k8s/certlet.yaml`,
// registered with the kubelet by itself. It can be ended and started again in the same place, orderly or by SIGKILL, also as
// another program (an upgrade). It ends with its machine.
import { existsSync } from "node:fs"
import type { Daemon } from "./Daemon.ts"
import { kubeletRoot } from "./nodeConfiguration.ts"
import type { WorkerNode } from "./WorkerNode.ts"

export interface NodeCertletOptions {
  /** The bundle's path. */
  readonly program: string
  readonly kubeconfig: string
  /** Further flags, after the ones that every certlet here gets. */
  readonly flags?: ReadonlyArray<string>
}

const startLimitMilliseconds = 30_000
const driver = "csi.cert-manager.io"
const folder = `${kubeletRoot}/plugins/${driver}`

/** The CSI socket, as the node sees it. */
export const nodeEndpoint = `${folder}/csi.sock`
/** The socket of the registration, as the node sees it. */
export const registrationSocket = `${kubeletRoot}/plugins_registry/${driver}-reg.sock`

export class NodeCertlet {
  readonly #node: WorkerNode
  readonly #options: NodeCertletOptions
  #daemon: Daemon | undefined

  /** Starts certlet on a node; resolves when the kubelet has registered it. */
  static async start(node: WorkerNode, options: NodeCertletOptions): Promise<NodeCertlet> {
    const certlet = new NodeCertlet(node, options)
    await certlet.startAgain()
    return certlet
  }

  private constructor(node: WorkerNode, options: NodeCertletOptions) {
    this.#node = node
    this.#options = options
  }

  get #running(): Daemon {
    if (this.#daemon === undefined) throw new Error("certlet has not been started")
    return this.#daemon
  }

  get pid(): number {
    return this.#running.pid
  }

  /** What this start of it has written. */
  log(): string {
    return this.#running.log()
  }

  /** How it ended ("ended with 0", "ended by SIGKILL"), and the end of its log. */
  lastWords(): string {
    return this.#running.logTail()
  }

  /** Starts it in its old place, as another program if one is named; resolves when the kubelet has registered it. */
  async startAgain(program = this.#options.program): Promise<void> {
    await this.#node.machine.run("mkdir", "-p", folder)
    const { flags = [], kubeconfig } = this.#options
    this.#daemon = this.#node.machine.daemon({
      name: "certlet",
      command: process.execPath,
      args: [
        ...[program, "run", "--node-id", this.#node.name, "--endpoint", `unix://${nodeEndpoint}`],
        ...["--kubelet-root-dir", kubeletRoot, "--kubeconfig", kubeconfig],
        ...["--log-format", "json", "-v", "5", ...flags]
      ]
    })
    await this.registered()
  }

  /** Resolves when the kubelet has registered this start of certlet (once more than `times` times). */
  async registered(times = 0): Promise<void> {
    await this.until("the registration", startLimitMilliseconds, async () =>
      this.registrations() > times ? true : undefined
    )
  }

  /** How often the kubelet has registered this start of certlet. */
  registrations(): number {
    return this.log().split("the kubelet has registered this driver").length - 1
  }

  /** True while the kubelet could find certlet's registration. */
  offersRegistration(): boolean {
    return existsSync(this.#node.machine.path(registrationSocket))
  }

  /** Ends it, with "SIGKILL" abruptly; the volumes stay. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#running.stop(signal, 30_000)
  }

  /** Polls while certlet runs; errors carry the end of its log. */
  until<Answer>(what: string, deadlineMilliseconds: number, probe: () => Promise<Answer | undefined>): Promise<Answer> {
    return this.#running.until(what, deadlineMilliseconds, probe)
  }
}
