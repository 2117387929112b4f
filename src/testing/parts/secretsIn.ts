/**
 * The Secrets of a simulated cluster: objects at its API server, as kubelets read them for `nodePublishSecretRef`. A
 * kubelet decodes what stands in `data` and sends it with each publish; certlet itself never reads a Secret. Pure.
 */
import { Option, Predicate, Redacted, Result } from "effect"
import { Base64 } from "effect/encoding"
import type { NewObject, ObjectStore, StoredObject } from "../../embedded/ObjectStore.ts"
import type { NamespacedName } from "../../spec/NamespacedName.ts"
import type { PublishSecrets } from "../../spec/VolumeSecrets.ts"
import { type SimPodVolume, usualSecrets } from "./SimPod.ts"

/** A Secret with these entries. */
export const secretObject = (
  { name, namespace }: NamespacedName,
  entries: Readonly<Record<string, string>>
): NewObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace },
  type: "Opaque",
  data: Object.fromEntries(Object.entries(entries).map(([key, text]) => [key, Base64.encode(text)]))
})

/** What stands in a Secret; entries that are no base64 are left out. */
const entriesOf = ({ data }: StoredObject): PublishSecrets =>
  Object.fromEntries(
    Object.entries(Predicate.isObject(data) ? data : {}).flatMap(([key, text]) =>
      Option.match(Result.getSuccess(Base64.decodeString(String(text))), {
        onNone: () => [],
        onSome: (entry) => [[key, Redacted.make(entry)] as const]
      })
    )
  )

/** What a kubelet sends with a volume's publish; none where the Secret that the volume names is not there. */
export const secretsIn =
  (secrets: ObjectStore) =>
  ({ pod, secret }: SimPodVolume): Option.Option<PublishSecrets> =>
    Option.match(secret, {
      onNone: () => Option.some(usualSecrets(pod)),
      onSome: (name) => Option.map(Option.fromUndefinedOr(secrets.get(pod.namespace, name)), entriesOf)
    })
