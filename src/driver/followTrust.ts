/**
 * A volume follows its trust bundle. When the bundle holds other CAs than before, the volume gets them by a swap of the
 * same set, with the key and the certificate that it holds: nothing is requested, and what is made of the CA
 * (truststores, full chains) is written again. It is retried until it is done, because a full or failing file system
 * passes. A bundle that is damaged changes nothing, and the pod's owner is told of it.
 */
import { Duration, Effect, Option, Random, Ref } from "effect"
import { asFailure } from "../Defect.ts"
import { bundleText, type TrustBundleReference, TrustBundles } from "../kube/TrustBundles.ts"
import { bundleOf, caHeld } from "./awaitTrust.ts"
import { pauseAfter } from "./Backoff.ts"
import { needPasswords } from "./needPasswords.ts"
import { swapAgain } from "./swap.ts"
import { tellBundleDamaged } from "./tell.ts"
import type { Volume } from "./Volume.ts"

/** Writes the bundle into a volume that has files; one without takes it with its first certificate. */
const rotate = Effect.fn("driver.rotate")(
  function* (volume: Volume, ca: string) {
    // A renewal may have brought it meanwhile.
    const isWritten = yield* swapAgain(volume, (held) =>
      held.signed.ca === ca
        ? Effect.succeedNone
        : Effect.as(needPasswords(volume), Option.some({ ...held, signed: { ...held.signed, ca } }))
    )
    if (isWritten) yield* Effect.logInfo("the new trust bundle is in place")
  },
  // It shares a fiber with the volume's renewals, which must outlive a defect.
  asFailure("a defect ended a rotation")
)

const rotateUntilDone = Effect.fnUntraced(function* (volume: Volume, ca: string) {
  for (let failures = 1; ; failures++) {
    const failure = yield* Effect.flip(rotate(volume, ca)).pipe(Effect.option)
    if (Option.isNone(failure)) return
    const { temper } = failure.value
    const setback = { temper, failures, remaining: Option.none(), retryAfter: Option.none() }
    const pause = pauseAfter(setback, yield* Random.next)
    const seconds = Math.ceil(Duration.toSeconds(pause))
    yield* Effect.logWarning(
      `the new trust bundle is not in place, next try in ${seconds} s: ${failure.value.message}`
    ).pipe(Effect.annotateLogs({ temper, failures }))
    yield* Effect.sleep(pause)
  }
})

const followCertificates = Effect.fnUntraced(function* (volume: Volume, bundle: TrustBundleReference) {
  const bundles = yield* TrustBundles
  let seen = yield* Effect.orElseSucceed(caHeld(volume), Option.none<string>)
  while (true) {
    const next = yield* bundles.await(bundle, seen)
    yield* rotateUntilDone(volume, next)
    seen = Option.some(next)
  }
})

/** Tells each fault of the bundle once, until it is whole again. A pod without files is told what it waits for. */
const followFaults = Effect.fnUntraced(function* (volume: Volume, bundle: TrustBundleReference) {
  const bundles = yield* TrustBundles
  while (true) {
    const fault = yield* bundles.awaitFault(bundle, Option.none())
    const { issued } = yield* Ref.get(volume.record)
    if (Option.isSome(issued)) yield* tellBundleDamaged(volume, `${bundleText(bundle)} ${fault}`)
    yield* Effect.raceFirst(bundles.await(bundle, Option.none()), bundles.awaitFault(bundle, Option.some(fault)))
  }
})

/** Follows the volume's bundle as long as the volume lives. */
export const followTrust = Effect.fnUntraced(function* (volume: Volume) {
  const bundle = bundleOf(volume.spec)
  if (Option.isNone(bundle)) return
  yield* Effect.raceFirst(followCertificates(volume, bundle.value), followFaults(volume, bundle.value))
})
