/**
 * The names of a certificate as people look for it: the common name and the subject alternative names. They are shown
 * in a volume's status, also of a volume that certlet does not renew. Names that follow the pod are not among them
 * until they are known. Pure.
 */
import { attributeTypes } from "../spec/DistinguishedName.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"

/** Common name and subject alternative names, without repeats. */
export const namesOf = ({ dnsNames, ipAddresses, subject, uris }: VolumeSpec): ReadonlyArray<string> => {
  const common = subject.flatMap((rdn) =>
    rdn.filter(({ type }) => type === attributeTypes.CN).map(({ value }) => value)
  )
  return [...new Set([...common, ...dnsNames, ...ipAddresses, ...uris])]
}
