/**
 * What a target path, a mount flag and a file's name must look like before anything is touched. Pure, and shared by the
 * live file system and the simulated one, so that both refuse the same things with the same words. The kubelet is
 * trusted to mean well, not to be right: a path or a flag that could lead a key elsewhere is refused by its looks
 * alone.
 */

import { Option } from "effect"

/** PATH_MAX of Linux is 4096 with the ending NUL; the rest is room for what certlet puts below. */
const longestPath = 3800
/** NAME_MAX of Linux, in bytes. */
const longestName = 255

const byteLength = (text: string): number => new TextEncoder().encode(text).length

/** What is wrong with a target path, as the end of a sentence; undefined where nothing is. */
export const pathFault = (path: string): string | undefined => {
  if (!path.startsWith("/")) return "the path is not absolute"
  if (!path.isWellFormed() || /\p{Cc}/u.test(path)) return "the path holds control characters"
  if (byteLength(path) > longestPath) return `the path is longer than ${longestPath} bytes`
  const segments = path.slice(1).split("/")
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return "the path holds empty, '.' or '..' segments"
  }
  return segments.some((segment) => byteLength(segment) > longestName) ? "a segment of the path is too long" : undefined
}

/** The kubelet's root and the pod's uid in the path that a kubelet gives a CSI volume; undefined for any other path. */
const kubeletPath = (target: string): { readonly root: string; readonly podUid: string } | undefined => {
  const segments = target.split("/")
  const [pods, podUid = "", volumes, plugin, name = "", mount] = segments.slice(-6)
  const fits = pods === "pods" && volumes === "volumes" && plugin === "kubernetes.io~csi" && mount === "mount"
  return fits && podUid !== "" && name !== "" ? { root: segments.slice(0, -6).join("/"), podUid } : undefined
}

/** True for a path that only the kubelet gives to a CSI volume. */
export const isKubeletPath = (target: string): boolean => kubeletPath(target) !== undefined

/**
 * Why a target is not one of this kubelet's, as the end of a sentence; undefined where it is, or where its root is not
 * known.
 */
export const outsideFault = (target: string, kubeletRoot: Option.Option<string>): string | undefined => {
  const root = Option.getOrUndefined(kubeletRoot)?.replace(/\/$/, "")
  return root === undefined || kubeletPath(target)?.root === root
    ? undefined
    : `the path is not ${root}/pods/<uid>/volumes/kubernetes.io~csi/<volume>/mount, as --kubelet-root-dir has it`
}

/** Why a target is not this pod's, as the end of a sentence; undefined where it is, or where the path names no pod. */
export const otherPodFault = (target: string, podUid: string): string | undefined => {
  const named = kubeletPath(target)?.podUid
  return named === undefined || named === podUid
    ? undefined
    : `the path is of the pod with the uid ${named}, and the volume is for the pod with the uid ${podUid}`
}

/** What is wrong with a set of file names, as the end of a sentence; undefined where nothing is. */
export const namesFault = (names: ReadonlyArray<string>): string | undefined => {
  if (new Set(names).size !== names.length) return "two files have the same name"
  const wrong = names.find(
    (name) =>
      // Names that begin with ".." are certlet's own: the data folder, its link and the marker.
      name === "" ||
      name === "." ||
      name.startsWith("..") ||
      !name.isWellFormed() ||
      /[/\p{Cc}]/u.test(name) ||
      byteLength(name) > longestName
  )
  return wrong === undefined ? undefined : `${JSON.stringify(wrong)} cannot be a file's name`
}

/**
 * SELinux options as the kubelet writes them (`context="system_u:object_r:container_file_t:s0:c1,c2"`). A comma ends an
 * option for mount(8) unless it stands in quotes, so that an unquoted one could smuggle in a second option.
 */
const selinux = /^(?:fs|def|root)?context=(?:"[\w.:,-]+"|[\w.:-]+)$/
/** Options that change nothing about who may do what. */
const harmless: ReadonlySet<string> = new Set(["noatime", "nodiratime", "relatime"])
/** Options that hold anyway, or that are the container's mount's business: the pod sees every volume read-only. */
const fulfilled: ReadonlySet<string> = new Set(["ro", "rw", "noexec", "nosuid", "nodev", "noswap"])

/**
 * Sorts a volume's mount flags: `granted` are handed to the mount, `refused` is the first that is not. Everything that
 * is not known is refused, because a flag can undo `noexec`, lift the size limit or turn the mount into another one
 * (`bind`).
 */
export const sortMountFlags = (
  flags: ReadonlyArray<string>
): { readonly granted: ReadonlyArray<string>; readonly refused: string | undefined } => ({
  granted: flags.filter((flag) => selinux.test(flag) || harmless.has(flag)),
  refused: flags.find((flag) => !selinux.test(flag) && !harmless.has(flag) && !fulfilled.has(flag))
})
