/**
 * What certlet writes on a CertificateRequest so that it finds its own again: two labels, hashes as cert-manager's
 * csi-driver writes them (so that a node's requests are selected by one watch, whoever made them), and an annotation
 * with the volume's full id. A hash has 32 bits and collides; labels only ever select, and the annotation alone decides
 * whose a request is. Pure.
 */

/** The label that selects a node's requests. */
const nodeLabel = "csi.cert-manager.io/node-id-hash"

/** The label that selects a volume's requests, and, rarely, another's with them. */
const volumeLabel = "csi.cert-manager.io/volume-id-hash"

/** The annotation with the volume's id, in full: what tells two volumes of one hash apart. */
export const volumeAnnotation = "csi.cert-manager.io/volume-id"

const alphabet = "bcdfghjklmnpqrstvwxz2456789"

/** FNV-1 (multiply, then xor) with 32 bits over the UTF-8 of a text, as an unsigned integer. */
export const fnv1 = (text: string): number =>
  new TextEncoder().encode(text).reduce((hash, byte) => (Math.imul(hash, 0x01000193) ^ byte) >>> 0, 0x811c9dc5)

/** An id as a label's value: its FNV-1 hash in decimal, digit by digit in Kubernetes' alphabet without vowels. */
export const hashIdentifier = (id: string): string =>
  Array.from(String(fnv1(id)), (digit) => alphabet.charAt(digit.charCodeAt(0) % alphabet.length)).join("")

/** The labels of a volume's request. */
export const requestLabels = (nodeId: string, volumeId: string): Readonly<Record<string, string>> => ({
  [nodeLabel]: hashIdentifier(nodeId),
  [volumeLabel]: hashIdentifier(volumeId)
})

/** The selector of all requests of a node, or of those that may be a volume's. */
export const requestSelector = (nodeId: string, volumeId?: string): string =>
  volumeId === undefined
    ? `${nodeLabel}=${hashIdentifier(nodeId)}`
    : `${nodeLabel}=${hashIdentifier(nodeId)},${volumeLabel}=${hashIdentifier(volumeId)}`

/** The CSI specification lets an id have 128 bytes. */
const longestId = 128

const isId = (id: string | undefined): id is string => id !== undefined && id !== "" && id.length <= longestId

/**
 * True for the metadata of an object that certlet can have made: it has an owner, and the id of a volume that its label
 * is the hash of. Anybody may give a request of theirs the node's label, and a node must not hold what anybody writes.
 */
export const isCertlets = ({
  annotations,
  labels,
  ownerReferences
}: {
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly ownerReferences?: ReadonlyArray<{ readonly uid: string }>
}): boolean => {
  const volumeId = annotations?.[volumeAnnotation]
  return isId(volumeId) && isId(ownerReferences?.[0]?.uid) && labels?.[volumeLabel] === hashIdentifier(volumeId)
}
