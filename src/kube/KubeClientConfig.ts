/**
 * What certlet needs of client-node: its reading of kubeconfigs, credential plugins and proxies. The build makes a file
 * of its own of this module (`certlet-kubeconfig.mjs`), which is loaded where there is something of the kind: a pod of
 * the DaemonSet has its ServiceAccount, and should not carry the rest.
 */
export { KubeConfig, loadYaml } from "@kubernetes/client-node"
