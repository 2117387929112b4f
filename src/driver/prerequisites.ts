/**
 * What must be there before a certificate is requested: open readiness gates, what the names follow, the trust bundle,
 * the pod's token. Each step waits until its own is there, for ever if need be, and is woken by a watch or by the
 * kubelet's next call; none of them polls. What is missing can be told at any moment, for whoever cannot wait, and so
 * can how far a key is that takes its time.
 */
import { DateTime, Effect, Equal, Option, Ref, Stream, SubscriptionRef } from "effect"
import { KeyGenerator } from "../issuance/KeyGenerator.ts"
import { type PodReference, Pods } from "../kube/Pods.ts"
import { bundleText, TrustBundles } from "../kube/TrustBundles.ts"
import { Settings } from "../Settings.ts"
import type { PodState } from "../spec/PodState.ts"
import { gateSentence, isOpen } from "../spec/ReadinessGate.ts"
import { followedSentence, followedValue } from "../spec/Variables.ts"
import type { PodToken } from "../spec/VolumeSecrets.ts"
import { VolumeFS } from "../volume/VolumeFS.ts"
import { bundleOf } from "./awaitTrust.ts"
import type { Volume } from "./Volume.ts"

type Followed = Readonly<Record<string, string>>

const referenceOf = ({ spec }: Volume): PodReference => spec.pod

/** True where the volume's files are there, also where its record was lost and knows nothing of them. */
const hasFiles = Effect.fnUntraced(function* ({ place }: Volume) {
  const fs = yield* VolumeFS
  const found = yield* Effect.orElseSucceed(fs.inspect(place.target), () => "absent" as const)
  return found === "filled" || found === "damaged"
})

/**
 * Gates hold back a volume's first certificate alone: a pod that is in trouble must not lose the one it has for that.
 */
const gatesOf = Effect.fnUntraced(function* (volume: Volume) {
  const { gates } = volume.spec
  if (gates.length === 0) return gates
  const { issued } = yield* Ref.get(volume.record)
  return Option.isSome(issued) || (yield* hasFiles(volume)) ? [] : gates
})

/** Waits until every gate of the volume is open. */
export const awaitGates = Effect.fnUntraced(function* (volume: Volume) {
  const gates = yield* gatesOf(volume)
  if (gates.length === 0) return
  const pods = yield* Pods
  yield* pods.await(referenceOf(volume), (pod) =>
    Option.liftPredicate(pod, () => gates.every((gate) => isOpen(gate, pod)))
  )
})

const valuesOf = (volume: Volume, pod: PodState): Option.Option<Followed> =>
  Option.all(Object.fromEntries(volume.spec.follows.map((name) => [name, followedValue(name, pod)])))

/** The values of the followed variables, once all of them are known. */
export const awaitFollowed = Effect.fnUntraced(function* (volume: Volume) {
  if (volume.spec.follows.length === 0) return {}
  const pods = yield* Pods
  return yield* pods.await(referenceOf(volume), (pod) => valuesOf(volume, pod))
})

/** Waits until the followed variables have other values than those in the volume's certificate. */
export const awaitRenamed = Effect.fnUntraced(function* (volume: Volume) {
  const pods = yield* Pods
  const { issued } = yield* Ref.get(volume.record)
  const named = Option.match(issued, { onNone: () => ({}), onSome: ({ followed = {} }) => followed })
  yield* pods.await(referenceOf(volume), (pod) =>
    Option.filter(valuesOf(volume, pod), (values) => !Equal.equals(values, named))
  )
  yield* Effect.logInfo("what the certificate's names follow has changed, so a new one is due")
})

const isUsable = (now: DateTime.Utc) => (token: PodToken) =>
  Option.match(token.expiresAt, { onNone: () => true, onSome: (end) => DateTime.isLessThan(now, end) })

/**
 * The token to ask in the pod's name, where the settings say so: the next one that the kubelet brings and that is still
 * good.
 */
export const awaitToken = Effect.fnUntraced(function* (volume: Volume) {
  const { useTokenRequest } = yield* Settings
  if (!useTokenRequest) return Option.none()
  const token = yield* SubscriptionRef.changes(volume.token).pipe(
    Stream.filterEffect((token) => Effect.map(DateTime.now, (now) => Option.exists(token, isUsable(now)))),
    Stream.runHead
  )
  return Option.map(Option.flatten(token), ({ token }) => token)
})

/** The first thing that is missing, as what the volume waits for; none if nothing is. */
export const missingPrerequisite = Effect.fnUntraced(function* (volume: Volume) {
  const closed = yield* missingOfPod(volume)
  if (Option.isSome(closed)) return closed
  const bundle = yield* missingBundle(volume)
  if (Option.isSome(bundle)) return bundle
  const token = yield* missingToken(volume)
  return Option.isSome(token) ? token : yield* missingKey(volume)
})

const missingOfPod = Effect.fnUntraced(function* (volume: Volume) {
  const pods = yield* Pods
  const gates = yield* gatesOf(volume)
  const { follows } = volume.spec
  if (gates.length === 0 && follows.length === 0) return Option.none()
  const state = yield* pods.state(referenceOf(volume))
  if (Option.isNone(state)) return Option.some("the pod to be seen at the API server")
  const missing = [
    ...gates.filter((gate) => !isOpen(gate, state.value)).map(gateSentence),
    ...follows.filter((name) => Option.isNone(followedValue(name, state.value))).map(followedSentence)
  ]
  return missing.length === 0 ? Option.none() : Option.some(`${[...new Set(missing)].join(", ")} of the pod`)
})

const missingBundle = Effect.fnUntraced(function* (volume: Volume) {
  const bundle = bundleOf(volume.spec)
  if (Option.isNone(bundle)) return Option.none()
  const bundles = yield* TrustBundles
  const state = yield* bundles.state(bundle.value)
  return Option.match(state, {
    onNone: () => Option.some(`${bundleText(bundle.value)}, which has not been seen at the API server yet`),
    onSome: (state) =>
      state._tag === "Present" ? Option.none() : Option.some(`${bundleText(bundle.value)}, which ${state.detail}`)
  })
})

const missingToken = Effect.fnUntraced(function* (volume: Volume) {
  const { useTokenRequest } = yield* Settings
  const token = yield* SubscriptionRef.get(volume.token)
  const now = yield* DateTime.now
  return useTokenRequest && !Option.exists(token, isUsable(now))
    ? Option.some(
        "a token of the pod's ServiceAccount; set tokenRequests and requiresRepublish in the CSIDriver object"
      )
    : Option.none()
})

const missingKey = Effect.fnUntraced(function* (volume: Volume) {
  const keys = yield* KeyGenerator
  return Option.map(yield* keys.progress(volume.id), ({ before, parameters }) => {
    const others = before === 1 ? "1 other is" : `${before} others are`
    const turn = before === 0 ? "" : `: ${others} before it`
    return `the ${Object.values(parameters).join("-")} key, which is still being made${turn}`
  })
})
