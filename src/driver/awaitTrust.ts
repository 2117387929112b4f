/**
 * The trust bundle of a volume: CA certificates that somebody keeps in the cluster, instead of the issuer's own.
 * The volume's first certificate waits for them, and each later swap takes what the bundle holds at that
 * moment. A bundle that vanishes or is damaged takes nothing from a pod that has it already.
 */
import { Effect, Option, Ref } from "effect"
import type { SignedCertificate } from "../issuance/CertificateRequest.ts"
import { type TrustBundleReference, TrustBundles } from "../kube/TrustBundles.ts"
import type { VolumeSpec } from "../spec/VolumeSpec.ts"
import { caOf } from "../volume/FileSet.ts"
import { useHeld } from "./held.ts"
import type { Volume } from "./Volume.ts"

/** The bundle that a spec names, in its pod's namespace. */
export const bundleOf = ({ pod, trustBundle }: VolumeSpec): Option.Option<TrustBundleReference> =>
  Option.map(trustBundle, (name) => ({ ...name, namespace: pod.namespace }))

/** Waits until the bundle holds certificates, where the volume holds none yet. */
export const awaitTrust = Effect.fnUntraced(function* (volume: Volume) {
  const bundle = bundleOf(volume.spec)
  const { issued } = yield* Ref.get(volume.record)
  if (Option.isNone(bundle) || Option.isSome(issued)) return
  const bundles = yield* TrustBundles
  yield* bundles.await(bundle.value, Option.none())
})

/** The CA that the volume holds now. */
export const caHeld = (volume: Volume) => useHeld(volume, (held) => Effect.sync(() => caOf(volume.spec, held)))

/** A signed certificate with the CA that its volume is to trust: the bundle's, else the one that the volume has. */
export const withTrust = Effect.fnUntraced(function* (volume: Volume, signed: SignedCertificate) {
  const bundle = bundleOf(volume.spec)
  if (Option.isNone(bundle)) return signed
  const bundles = yield* TrustBundles
  const state = yield* bundles.state(bundle.value)
  if (Option.isSome(state) && state.value._tag === "Present") return { ...signed, ca: state.value.certificates }
  const before = yield* caHeld(volume)
  if (Option.isSome(before)) return { ...signed, ca: before.value }
  return { ...signed, ca: yield* bundles.await(bundle.value, Option.none()) }
})
