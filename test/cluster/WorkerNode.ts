// A real node of a cluster: a kubelet with containerd and runc, in a machine of its own, joined to a control plane.
// Pods that are bound to it really run. There is no scheduler, no service proxy and no registry: pods name their node,
// and images are brought by `load`. The kubelet can be ended and started again, by SIGKILL too, and the whole machine
// can be rebooted.
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { hostArchitecture, layer, ociArchive } from "../../k8s/image/ociImage.ts"
import { freePorts } from "../kit/freePorts.ts"
import { until } from "../kit/until.ts"
import type { ControlPlane } from "./ControlPlane.ts"
import { criAnswers } from "./criAnswers.ts"
import type { Daemon } from "./Daemon.ts"
import { Machine } from "./Machine.ts"
import { type Mount, parseMounts } from "./mounts.ts"
import { NodePod, type PodManifest } from "./NodePod.ts"
import {
  busyboxImage,
  containerdConfiguration,
  containerdSocket,
  kubeletConfiguration,
  kubeletRoot,
  networkConfiguration
} from "./nodeConfiguration.ts"
import { type KubeObject, listAt, textAt } from "./objects.ts"
import { PodDoor } from "./PodDoor.ts"

export interface WorkerNodeOptions {
  /** "node-1" by default. */
  readonly name?: string
  /**
   * How often the kubelet looks at each pod, which is also how often it publishes its volumes again; 2 s by default.
   */
  readonly syncFrequency?: string
}

const startLimitMilliseconds = 60_000

const applets = [
  "sh",
  "sleep",
  "cat",
  "ls",
  "id",
  "stat",
  "test",
  "touch",
  "readlink",
  "env",
  "wget",
  "mount",
  "head",
  "true"
]

const busybox = async (): Promise<Buffer> => {
  const content = await readFile("/bin/busybox").catch(() => readFile("/usr/bin/busybox"))
  const image = {
    architecture: hostArchitecture,
    layers: [
      layer("busybox", [
        { path: "bin/busybox", mode: 0o755, content },
        ...applets.map((name) => ({ path: `bin/${name}`, mode: 0o777, link: "busybox" })),
        { path: "etc/passwd", mode: 0o644, content: Buffer.from("root:x:0:0:root:/:/bin/sh\n") },
        { path: "tmp", mode: 0o1777 }
      ])
    ],
    entrypoint: ["/bin/sleep", "2147483647"],
    environment: ["PATH=/usr/bin:/bin:/usr/sbin:/sbin"],
    labels: {}
  }
  return ociArchive(busyboxImage, [image]).bytes
}

export class WorkerNode {
  readonly name: string
  readonly plane: ControlPlane
  readonly machine: Machine
  readonly #kubeconfig: string
  readonly #ports: { readonly kubelet: number; readonly health: number }
  readonly #syncFrequency: string
  readonly #door: PodDoor
  #containerd: Daemon | undefined
  #kubelet: Daemon | undefined

  /** Starts a node of this control plane; resolves when the API server calls it ready. */
  static async start(plane: ControlPlane, options: WorkerNodeOptions = {}): Promise<WorkerNode> {
    const name = options.name ?? "node-1"
    const kubeconfig = await plane.clientCertificateKubeconfig(`system:node:${name}`, ["system:nodes"])
    const [kubelet = 0, health = 0] = await freePorts(2)
    const machine = await Machine.start()
    const door = await PodDoor.open(Number(new URL(plane.serverUrl).port))
    const ports = { kubelet, health }
    const node = new WorkerNode(plane, machine, door, name, kubeconfig, ports, options.syncFrequency ?? "2s")
    try {
      await node.#prepare()
      await node.startContainerd()
      await node.load(await busybox())
      await node.startKubelet()
      return node
    } catch (error) {
      await node.stop()
      throw error
    }
  }

  private constructor(
    plane: ControlPlane,
    machine: Machine,
    door: PodDoor,
    name: string,
    kubeconfig: string,
    ports: { readonly kubelet: number; readonly health: number },
    syncFrequency: string
  ) {
    this.plane = plane
    this.machine = machine
    this.#door = door
    this.name = name
    this.#kubeconfig = kubeconfig
    this.#ports = ports
    this.#syncFrequency = syncFrequency
  }

  async #prepare(): Promise<void> {
    const write = (name: string, text: string) => writeFile(join(this.machine.folder, "lib", name), text)
    await write("containerd/config.toml", containerdConfiguration(busyboxImage))
    await write("cni/10-certlet.conflist", JSON.stringify(networkConfiguration))
    const configuration = kubeletConfiguration({
      cgroupRoot: `/${this.machine.cgroup}`,
      clientCaFile: this.plane.caFile,
      ports: this.#ports,
      syncFrequency: this.#syncFrequency
    })
    await write("kubelet/config.json", JSON.stringify(configuration))
  }

  /** Starts containerd, which takes up the containers that still run. */
  async startContainerd(): Promise<void> {
    const containerd = this.machine.daemon({
      name: "containerd",
      command: "containerd",
      args: ["--config", "/var/lib/containerd/config.toml"]
    })
    this.#containerd = containerd
    await containerd.until("containerd to serve", startLimitMilliseconds, async () => {
      await criAnswers(this.machine.path(containerdSocket))
      return true
    })
  }

  /** Starts the kubelet where it was; resolves when the API server has heard from it and calls the node ready. */
  async startKubelet(): Promise<void> {
    const since = new Date(Date.now() - 1000).toISOString()
    const kubelet = this.machine.daemon({
      name: "kubelet",
      command: this.plane.tools.kubelet,
      args: [
        `--config=${kubeletRoot}/config.json`,
        `--kubeconfig=${this.#kubeconfig}`,
        `--hostname-override=${this.name}`,
        `--root-dir=${kubeletRoot}`,
        `--cert-dir=${kubeletRoot}/pki`,
        "--v=2"
      ]
    })
    this.#kubelet = kubelet
    await kubelet.until(`${this.name} to be ready`, startLimitMilliseconds, async () => {
      const seen = await this.plane.api.get({ apiVersion: "v1", kind: "Node", name: this.name })
      return seen !== undefined && isReadySince(seen, since) ? true : undefined
    })
  }

  /** Ends the kubelet; the pods' containers go on. */
  async stopKubelet(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#kubelet?.stop(signal)
  }

  /** Pulls the plug and boots again: no process, no mount and no /run of before is left; the disk is. */
  async reboot(): Promise<void> {
    await this.machine.crash()
    await this.machine.boot()
    await this.startContainerd()
    await this.startKubelet()
  }

  /** Where pods reach the API server: a port of `podNetwork.gateway`. */
  get doorPort(): number {
    return this.#door.port
  }

  /** containerd's own client, for the kubelet's containers and images. */
  ctr(...args: ReadonlyArray<string>): Promise<string> {
    return this.machine.run("ctr", "--address", containerdSocket, "--namespace", "k8s.io", ...args)
  }

  /** Brings an image, as `ociImage` makes it. */
  async load(image: Buffer): Promise<void> {
    const file = join(this.machine.folder, "image.tar")
    await writeFile(file, image)
    await this.ctr("images", "import", "--snapshotter", "overlayfs", file)
  }

  /** Creates a pod on this node. */
  run(pod: PodManifest): Promise<NodePod> {
    return NodePod.create(this, pod)
  }

  /** Polls while the kubelet runs; errors carry the end of its log. */
  until<Found>(what: string, deadlineMilliseconds: number, probe: () => Promise<Found | undefined>): Promise<Found> {
    const kubelet = this.#kubelet
    return kubelet?.running === true
      ? kubelet.until(what, deadlineMilliseconds, probe)
      : until(what, { deadlineMilliseconds }, probe)
  }

  /** Every mount of the node at or below a path; the node's own view. */
  mounts(path: string = kubeletRoot): ReadonlyArray<Mount> {
    return parseMounts(this.machine.mountTable(), path)
  }

  /** What the kubelet has logged since its last start. */
  kubeletLog(): string {
    return this.#kubelet?.log() ?? ""
  }

  /** Ends the whole machine. May be called again. */
  async stop(): Promise<void> {
    await this.#door.close()
    await this.machine.stop()
    await Promise.all([this.#kubelet, this.#containerd].map((daemon) => daemon?.stop("SIGKILL")))
  }
}

/** True where the node's last word, after a moment in ISO 8601, was that it is ready. */
const isReadySince = (node: KubeObject, since: string): boolean => {
  const ready = listAt(node, "status", "conditions").find((one) => textAt(one, "type") === "Ready")
  const heartbeat = textAt(ready, "lastHeartbeatTime") ?? ""
  if (textAt(ready, "status") === "True" && Date.parse(heartbeat) >= Date.parse(since)) return true
  throw new Error(`its condition is ${JSON.stringify(ready)}, looked for one since ${since}`)
}
