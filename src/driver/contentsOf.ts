/**
 * What a volume is to hold, as an operator reads it: the kind of its key, the names of its files, and its keystores
 * with the place where each password comes from. It is read from the spec and says nothing of what was written; no
 * secret is in it. Pure.
 */
import { Option } from "effect"
import type { Keystore } from "../spec/Keystore.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import type { VolumeStatus } from "./VolumeStatus.ts"

const passwordOf = ({ kind, password }: Keystore): string => {
  switch (password._tag) {
    case "Attribute":
      return `the attribute ${kind}-password`
    case "Secret":
      return `the key ${password.key} of the pod's Secret`
    case "Generated":
      return `generated, in the file ${password.file}`
  }
}

const keystoreOf = (keystore: Keystore) => ({
  kind: keystore.kind,
  file: keystore.file,
  ...Option.match(keystore.truststore, { onNone: () => ({}), onSome: (truststore) => ({ truststore }) }),
  password: passwordOf(keystore)
})

const filesOfKeystore = ({ file, password, truststore }: Keystore): ReadonlyArray<string> => [
  file,
  ...Option.toArray(truststore),
  ...(password._tag === "Generated" ? [password.file] : [])
]

/** The key, the files and the keystores that a spec asks for. */
export const contentsOf = ({
  fileMode,
  files,
  key,
  keystores
}: VolumeSpec): Pick<VolumeStatus, "key" | "files" | "keystores"> => {
  const plain = Object.values(files).filter((name): name is string => name !== undefined)
  return {
    key,
    files: { names: [...plain, ...keystores.flatMap(filesOfKeystore)], mode: fileMode.toString(8).padStart(4, "0") },
    ...(keystores.length === 0 ? {} : { keystores: keystores.map(keystoreOf) })
  }
}
