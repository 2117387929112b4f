// How the programs of a node are set up: containerd, its network, the kubelet. What differs from a real node, and why:
// no swap and no disk is ever too full for a test, the cgroups are those of the test's machine, an old cgroup hierarchy
// is good enough, and whatever needs a cloud, a name server or a right that a container of tests has not got is off.

export const containerdSocket = "/run/containerd/containerd.sock"
export const kubeletRoot = "/var/lib/kubelet"
/** The image of every pod that says nothing else: busybox, with all of its programs. */
export const busyboxImage = "certlet.test/busybox:1"

/** containerd 1.6's config.toml; `sandbox` is the image of a pod's first container. */
export const containerdConfiguration = (sandbox: string): string => `
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs"
]

[grpc]
address = "${containerdSocket}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${sandbox}"
# Without CAP_SYS_RESOURCE nobody can make a process less likely to be killed, and runc would fail.
restrict_oom_score_adj = true
disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/var/lib/cni"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
`

// Nodes of tests that run at the same time share this machine's network, so each process that tests has a range of its
// own.
const range = `10.${200 + (Math.floor(process.pid / 256) % 50)}.${process.pid % 256}`

/** The addresses of pods, and the one at which they reach this machine. */
export const podNetwork = { subnet: `${range}.0/24`, gateway: `${range}.1`, prefix: `${range}.` } as const

/** A pair of interfaces per pod: it goes with the pod's network, so that nothing is left on this machine. */
export const networkConfiguration = {
  cniVersion: "0.4.0",
  name: "certlet",
  plugins: [
    {
      type: "ptp",
      ipMasq: false,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: podNetwork.subnet }]],
        routes: [{ dst: "0.0.0.0/0" }],
        dataDir: "/run/cni"
      }
    }
  ]
}

export interface KubeletOptions {
  readonly cgroupRoot: string
  readonly clientCaFile: string
  readonly ports: { readonly kubelet: number; readonly health: number }
  readonly syncFrequency: string
}

/** A KubeletConfiguration (kubelet.config.k8s.io/v1beta1). */
export const kubeletConfiguration = (options: KubeletOptions) => ({
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  // The API server reaches it at the node's address, which may not be one of loopback; nobody enters without a
  // certificate of the cluster's.
  address: "0.0.0.0",
  port: options.ports.kubelet,
  healthzBindAddress: "127.0.0.1",
  healthzPort: options.ports.health,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: false },
    x509: { clientCAFile: options.clientCaFile }
  },
  authorization: { mode: "AlwaysAllow" },
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  cgroupDriver: "cgroupfs",
  cgroupRoot: options.cgroupRoot,
  failCgroupV1: false,
  failSwapOn: false,
  enforceNodeAllocatable: [],
  localStorageCapacityIsolation: false,
  makeIPTablesUtilChains: false,
  evictionHard: { "memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
  imageGCHighThresholdPercent: 100,
  syncFrequency: options.syncFrequency,
  // Seen soon by the API server, for a test waits for it.
  nodeStatusUpdateFrequency: "2s",
  nodeStatusReportFrequency: "2s",
  volumePluginDir: "/var/lib/kubelet/volume-plugins",
  resolvConf: ""
})
