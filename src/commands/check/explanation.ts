/**
 * What a pod would find in its volume, for `--explain`: names with their variables put in, files with their modes, and
 * when the certificate is renewed. Pure; the pod is an example, as the template's controller would name it.
 */
import { DateTime, Duration, Option } from "effect"
import { renewalTime } from "../../issuance/RenewalTime.ts"
import { formatDistinguishedName } from "../../spec/DistinguishedName.ts"
import { formatOtherName } from "../../spec/OtherName.ts"
import { spokenDuration } from "../../spec/spokenDuration.ts"
import type { VolumeSpec } from "../../spec/VolumeSpec.ts"
import type { CheckedVolume } from "./checkVolume.ts"
import { subjectText } from "./findingText.ts"

const filesOf = ({ fileMode, files, keystores }: VolumeSpec): string => {
  const mode = fileMode.toString(8).padStart(4, "0")
  const names = [
    ...Object.values(files).filter((name): name is string => name !== undefined),
    ...keystores.flatMap(({ file, password, truststore }) => [
      file,
      ...Option.toArray(truststore),
      ...(password._tag === "Generated" ? [password.file] : [])
    ])
  ]
  return `${names.join(", ")} (mode ${mode})`
}

/** The names as OpenSSL prints them. */
const namesOf = ({ dnsNames, emails, ipAddresses, otherNames, uris }: VolumeSpec): string =>
  [
    ...dnsNames.map((name) => `DNS:${name}`),
    ...ipAddresses.map((address) => `IP:${address}`),
    ...uris.map((uri) => `URI:${uri}`),
    ...emails.map((mailbox) => `email:${mailbox}`),
    ...otherNames.map((name) => `othername:${formatOtherName(name)}`)
  ].join(", ")

const lifetimeOf = ({ duration, renewBefore }: VolumeSpec): string => {
  const notBefore = DateTime.makeUnsafe(0)
  const validity = { notBefore, notAfter: DateTime.addDuration(notBefore, duration) }
  const latest = DateTime.distance(notBefore, renewalTime(validity, renewBefore, 0, notBefore))
  const [soonest, last] = [Duration.times(latest, 0.9), latest].map(spokenDuration)
  return `${spokenDuration(duration)}, renewed ${soonest} to ${last} after its issue`
}

const keyOf = ({ key, keyEncoding }: VolumeSpec): string =>
  `${key.algorithm}${"size" in key ? ` ${key.size}` : ""}, ${keyEncoding}`

const rows = (spec: VolumeSpec): ReadonlyArray<readonly [string, string]> => [
  ["issuer", `${spec.issuer.kind} ${spec.issuer.name} (${spec.issuer.group})`],
  ["subject", formatDistinguishedName(spec.subject)],
  ["names", namesOf(spec)],
  ["usages", spec.usages.join(", ")],
  ["lifetime", lifetimeOf(spec)],
  ["key", keyOf(spec)],
  ["files", filesOf(spec)]
]

/** Everything that a node would make of a volume, a row for each; nothing for one that it would refuse. */
export const explanation = ({ spec, volume }: CheckedVolume): string =>
  Option.match(spec, {
    onNone: () => "",
    onSome: (known) => {
      const { object, pod } = volume
      const subject = subjectText({ ...object, volume: volume.volume })
      const lines = rows(known).map(([name, text]) => `  ${name.padEnd(9)} ${text === "" ? "(none)" : text}\n`)
      return `${subject}, in a pod such as ${pod.name}\n${lines.join("")}`
    }
  })
