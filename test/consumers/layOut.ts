/**
 * From attributes to files on a disk, through the same decoder and the same makers of files as the driver's, with live
 * chance. What a test says of a file it says of a real one.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import type { SpecError } from "../../src/spec/SpecError.ts"
import { passwordsOf } from "../../src/spec/VolumeSecrets.ts"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { type FileSet, fileSet, type Material } from "../../src/volume/FileSet.ts"
import { keystoreFiles } from "../../src/volume/keystoreFiles.ts"
import * as NodeEntropy from "../../src/volume/NodeEntropy.ts"
import { inFolder } from "../kit/folders.ts"
import { settings } from "../kit/settings.ts"

type Texts = Readonly<Record<string, string>>

/** The files that a pod with these attributes would see of this material. */
export const filesFor = (
  attributes: Texts,
  material: Material,
  secrets: Texts = {}
): Effect.Effect<FileSet, SpecError> =>
  Effect.gen(function* () {
    const context = {
      "csi.storage.k8s.io/ephemeral": "true",
      "csi.storage.k8s.io/pod.name": "web",
      "csi.storage.k8s.io/pod.namespace": "shop",
      "csi.storage.k8s.io/pod.uid": "0000-1",
      "csi.storage.k8s.io/serviceAccount.name": "clerk",
      "csi.cert-manager.io/issuer-name": "ca",
      ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`csi.cert-manager.io/${key}`, value]))
    }
    const spec = yield* decodeVolumeSpec(context, settings)
    const wrapped = Object.fromEntries(Object.entries(secrets).map(([key, value]) => [key, Redacted.make(value)]))
    const passwords = yield* passwordsOf(spec, context, wrapped)
    return [...fileSet(spec, material), ...(yield* keystoreFiles(spec, material, passwords, new Map()))]
  }).pipe(Effect.provide(NodeEntropy.layer))

/** Runs a test with files in a folder that goes afterwards; `path` says where a file is. */
export const layOut = <A>(files: FileSet, use: (path: (name: string) => string) => Promise<A>): Promise<A> =>
  inFolder("files", (folder) => {
    for (const { content, mode, name } of files) writeFileSync(join(folder, name), Redacted.value(content), { mode })
    return use((name) => join(folder, name))
  })
