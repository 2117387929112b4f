/** Mutants of the programs: publish, renew, unpublish, resume, and what they share. */
import { type Mutant, mutantsNear } from "../Mutant.ts"

const locks = mutantsNear("driver/locks.test.ts")

const inDefects: ReadonlyArray<Mutant> = [
  ...mutantsNear("Defect.test.ts")("driver/publish.ts", [
    {
      name: "defect-is-final",
      from: '      asFailure("a defect ended a publish"),\n',
      to: "",
      broken: "a publish that met a defect is over for the kubelet, and its volume stays"
    }
  ]),
  ...mutantsNear("Defect.test.ts")("driver/failPublish.ts", [
    {
      name: "defect-hides-what-is-left",
      from: '  asFailure("a defect kept certlet from seeing what is left of a volume"),\n',
      to: "",
      broken: "a kubelet forgets a volume of which a defect kept certlet from seeing what is left"
    }
  ]),
  ...mutantsNear("Defect.test.ts")("driver/clearOrphans.ts", [
    {
      name: "defect-ends-clearing",
      from: '  asFailure("a defect kept orphans from being looked for"),\n',
      to: "",
      broken: "after a defect nobody looks for orphans any more"
    }
  ]),
  ...mutantsNear("Defect.test.ts")("driver/resume.ts", [
    {
      name: "defect-ends-resumption",
      from: 'asFailure("a defect ended a resumption")(revive(volume, record))',
      to: "revive(volume, record)",
      broken: "a volume that could not be taken up because of a defect is not renewed before its next publish"
    }
  ])
]

const inLocks: ReadonlyArray<Mutant> = [
  ...locks("driver/publish.ts", [
    {
      name: "claim-unlocked",
      from: "yield* volumes.locked(call.volumeId)(Effect.uninterruptible(claim(call)))",
      to: "yield* Effect.uninterruptible(claim(call))",
      broken: "two publishes of a volume claim it at the same time"
    },
    {
      name: "claim-interruptible",
      from: "volumes.locked(call.volumeId)(Effect.uninterruptible(claim(call)))",
      to: "volumes.locked(call.volumeId)(claim(call))",
      broken: "a publish that the kubelet cancels is torn apart while it claims its volume"
    },
    {
      name: "undo-unlocked",
      from: "volumes.locked(call.volumeId)(Effect.uninterruptible(undo(claimed.value)))",
      to: "Effect.uninterruptible(undo(claimed.value))",
      broken: "a failed publish takes its volume away while the next publish claims it"
    },
    {
      name: "undo-interruptible",
      from: "volumes.locked(call.volumeId)(Effect.uninterruptible(undo(claimed.value)))",
      to: "volumes.locked(call.volumeId)(undo(claimed.value))",
      broken: "an undo that is cancelled half way leaves a mount or a record"
    }
  ]),
  ...locks("driver/unpublish.ts", [
    {
      name: "unpublish-unlocked",
      from: "yield* volumes.locked(call.volumeId)(Effect.uninterruptible(clear(call)))",
      to: "yield* Effect.uninterruptible(clear(call))",
      broken: "an unpublish takes a volume away while a publish claims it"
    },
    {
      name: "unpublish-interruptible",
      from: "volumes.locked(call.volumeId)(Effect.uninterruptible(clear(call)))",
      to: "volumes.locked(call.volumeId)(clear(call))",
      broken: "an unpublish that is cancelled half way forgets the volume and leaves its record"
    },
    {
      name: "late-removal-blind",
      from: "Option.isSome(known) ? Effect.void : records.remove(volumeId)",
      to: "Option.isSome(known) ? records.remove(volumeId) : records.remove(volumeId)",
      broken: "a record that is removed late is that of a volume that was published again"
    }
  ]),
  ...locks("driver/tryLater.ts", [
    {
      name: "late-removal-unlocked",
      from: ".locked(volumeId)(Effect.uninterruptible(attempt))",
      to: ".locked(`${volumeId}/late`)(Effect.uninterruptible(attempt))",
      broken: "a record that is removed late may be the one of a volume that was published again"
    }
  ]),
  ...locks("driver/renewNow.ts", [
    {
      name: "renew-now-unlocked",
      from: "    volumes.locked(volumeId),\n",
      to: "",
      broken: "a renewal by hand begins on a volume that is being taken away"
    },
    {
      name: "renewed-twice-by-hand",
      from: "Option.isSome(now) && !Equal.equals(now, before)",
      to: "false",
      broken: "an operator who waited while the next certificate came gets one more"
    }
  ]),
  ...locks("driver/swap.ts", [
    {
      name: "swaps-overlap",
      from: "volume.swapping.withPermit(Effect.andThen(Deferred.await(volume.mounted), writeTrusted(volume, material)))",
      to: "Effect.andThen(Deferred.await(volume.mounted), writeTrusted(volume, material))",
      broken: "a renewal swaps files while a rotation writes the old ones back"
    },
    {
      name: "swap-again-overlaps",
      from: "volume.swapping.withPermit(writeHeld(volume, change))",
      to: "writeHeld(volume, change)",
      broken: "a rotation writes back a certificate that a renewal has just replaced"
    },
    {
      name: "swap-before-mount",
      from: "Effect.andThen(Deferred.await(volume.mounted), writeTrusted(volume, material))",
      to: "writeTrusted(volume, material)",
      broken: "files are written before the volume is mounted",
      near: ["driver/locks.test.ts"]
    }
  ]),
  ...locks("driver/heal.ts", [
    {
      name: "sweep-during-swap",
      from: "    volume.swapping.withPermitsIfAvailable(1),\n",
      to: "",
      broken: "a sweep removes the set that a swap is writing"
    }
  ]),
  ...locks("driver/Volume.ts", [
    {
      name: "memory-before-disk",
      from: "    yield* records.save(changed)\n    yield* Ref.set(volume.record, changed)",
      to: "    yield* Ref.set(volume.record, changed)\n    yield* records.save(changed)",
      broken: "a record that could not be saved is believed"
    },
    {
      name: "record-change-interruptible",
      from: "recording.withPermit(Effect.uninterruptible(program))",
      to: "recording.withPermit(program)",
      broken: "an interruption between disk and memory leaves a record that memory does not know",
      equivalent: "whoever interrupts what a volume does forgets the volume, or begins again from what memory knows"
    },
    {
      name: "key-not-wiped",
      from: "    yield* wipe(pendingKeys(before).filter((key) => !kept.includes(key)))\n",
      to: "",
      broken: "a key stays in memory after its work is done, or after its request was refused",
      near: ["driver/keys.test.ts"]
    },
    {
      name: "record-changes-overlap",
      from: "recording.withPermit(Effect.uninterruptible(program))",
      to: "(recording, Effect.uninterruptible(program))",
      broken: "a change of a record is lost to another one that began before it was saved",
      near: ["driver/Volume.test.ts"]
    },
    {
      name: "target-shared",
      from: 'if (holder !== volume.id) return Effect.fail(taken("mount", volume.place.target, holder))',
      to: "if (holder !== volume.id) return Effect.void",
      broken: "two volumes have one target",
      near: ["driver/locks.test.ts"]
    }
  ])
]

const inPublish = mutantsNear("driver/publish.test.ts", "driver/republish.test.ts")("driver/publish.ts", [
  {
    name: "old-volume-stays",
    from: "  yield* takeAway(volumeId, known.value.place.target)\n})",
    to: "})",
    broken: "files of the old wish stay when a volume's attributes change",
    near: ["driver/locks.test.ts"]
  },
  {
    name: "record-not-kept-at-claim",
    from: "yield* records.save(record).pipe(Effect.onError(() => volumes.remove(volume.id)))",
    to: "yield* records.save(record)",
    broken: "a volume whose record could not be saved stays known, with no record",
    near: ["driver/locks.test.ts"]
  },
  {
    name: "failed-mount-stays-known",
    from: "yield* mount(volume).pipe(Effect.onError(() => Effect.ignore(letGo(volume.id))))",
    to: "yield* mount(volume)",
    broken: "a volume that cannot be mounted keeps its record and its renewals"
  },
  {
    name: "foreign-target-asks",
    from: 'if (found === "foreign") yield* fs.mount(volume.place)',
    to: 'if (found === "gone") yield* fs.mount(volume.place)',
    broken: "a certificate is requested for a target that cannot be mounted"
  },
  {
    name: "deadline-ignored",
    from: "Duration.max(Duration.zero, Duration.min(publishTimeout, allowed))",
    to: "publishTimeout",
    broken: "a publish answers after the kubelet has given up"
  },
  {
    name: "undo-what-is-filled",
    from: 'return found !== "filled" && found !== "damaged"',
    to: "return true",
    broken: "a refusal takes a running pod's files when its record was lost",
    near: ["simulation/stories.test.ts"]
  },
  {
    name: "undo-an-empty-mount",
    from: 'if (found === "empty") yield* Ref.set(volume.published, true)',
    to: 'if (found === "filled") yield* Ref.set(volume.published, true)',
    broken: "a refusal takes the empty mount that a restarted container holds when its record was lost",
    near: ["simulation/stories.test.ts"]
  },
  {
    name: "undo-another-attempt",
    from: "if (Option.getOrUndefined(yield* Ref.get(volume.attempt)) !== Option.getOrUndefined(attempt)) return false",
    to: "if (attempt === undefined) return false",
    broken: "a failed publish takes the volume of a later attempt away",
    near: ["driver/locks.test.ts"]
  },
  {
    name: "token-not-taken",
    from: "if (Option.isSome(token)) yield* SubscriptionRef.set(volume.token, token)",
    to: "if (Option.isNone(token)) yield* SubscriptionRef.set(volume.token, token)",
    broken: "a renewal goes on with the token of the first publish",
    near: ["driver/prerequisites.test.ts", "driver/keys.test.ts"]
  },
  {
    name: "password-believed",
    from: "Effect.onError(() => Ref.set(volume.passwords, before)),",
    to: "",
    broken: "a new password that could not be written is not tried again",
    near: ["driver/keystores.test.ts"]
  }
])

const inLook = mutantsNear("driver/locks.test.ts")("driver/look.ts", [
  {
    name: "look-once",
    from: "if (isWell || !(hasEnded || isRenewed)) return { isWell, unexpired }",
    to: "if (isWell || hasEnded || !hasEnded) return { isWell, unexpired }",
    broken: "a publish that looks while an attempt ends asks for one more certificate"
  },
  {
    name: "renewal-unseen",
    from: ".issued !== before",
    to: ".issued === undefined",
    broken: "a publish that looks while a renewal ends asks for one more certificate"
  },
  {
    name: "expired-is-well",
    from: "return Option.exists(issued, ({ notAfter }) => DateTime.isLessThan(now, notAfter))",
    to: "return Option.isSome(issued) && DateTime.isLessThan(now, DateTime.add(now, { hours: 1 }))",
    broken: "a publish of a volume whose certificate has expired asks for none",
    near: ["driver/publish.test.ts", "driver/republish.test.ts"]
  }
])

const inRenew = mutantsNear("driver/renew.test.ts", "driver/survival.test.ts")("driver/renew.ts", [
  {
    name: "defect-ends-volume",
    from: '      asFailure("a defect ended a renewal"),\n',
    to: "",
    broken: "a defect ends the fiber of a volume, and nobody renews it any more"
  },
  {
    name: "ended-request-kept",
    from: "Effect.tapError((reason) => Effect.when(forget(volume), Effect.succeed(endsRequest(reason)))),",
    to: "",
    broken: "a request that was refused is asked about again for ever",
    near: ["driver/renew.test.ts"]
  },
  {
    name: "remember-nothing",
    from: "changeRecord(volume, (record) => ({ ...record, pending: Option.some({ ...pending, followed }) }))",
    to: "changeRecord(volume, (record) => ({ ...record }))",
    broken: "a pending request is not picked up after a restart",
    near: ["driver/resume.test.ts"]
  },
  {
    name: "conclude-before-swap",
    from: "    const [write] = yield* Effect.timed(swap(volume, issued))\n    yield* conclude(volume, issued, prepared.followed, write)",
    to: "    yield* conclude(volume, issued, prepared.followed, Duration.zero)\n    yield* swap(volume, issued)",
    broken: "the record says that the files are there before they are"
  },
  {
    name: "abandoned-stay",
    from: "Option.isNone(pending) ? deleteOthers(volume) : Effect.void",
    to: "Effect.void",
    broken: "what failed attempts have left is never deleted"
  },
  {
    name: "unrecorded-key-not-wiped",
    from: "      Effect.onError(() => wipe([pending.privateKey]))\n",
    to: "",
    broken: "the key of a request that could not be recorded stays in memory",
    near: ["driver/keys.test.ts"]
  },
  {
    name: "names-of-now",
    from: "return Option.isSome(asked) ? asked.value : yield* awaitFollowed(volume)",
    to: "return yield* awaitFollowed(volume)",
    broken: "a request that is picked up is checked against names that it was not made with",
    near: ["driver/survival.test.ts"]
  },
  {
    name: "keep-replaces-key",
    from: "volume.spec.reusePrivateKey && Option.isNone(pending)",
    to: "!volume.spec.reusePrivateKey && Option.isNone(pending)",
    broken: "a key is kept where it should be new, and new where it should be kept",
    near: ["driver/keys.test.ts", "driver/renew.test.ts"]
  }
])

const inHeld = mutantsNear("driver/keys.test.ts")("driver/held.ts", [
  {
    name: "held-not-wiped",
    from: "Effect.ensuring(use(held), wipe(held.values()))",
    to: "use(held)",
    broken: "the keys that are read from a volume stay in memory"
  }
])

const inRenewals = mutantsNear("driver/renew.test.ts", "driver/renewNow.test.ts")("driver/Renewals.ts", [
  {
    name: "defect-ends-life",
    from: "FiberMap.run(fibers, volume.id, lives(volume, due))",
    to: "FiberMap.run(fibers, volume.id, life(volume, due))",
    broken: "a defect outside of an attempt ends the renewals of a volume, and nobody begins them again",
    near: ["Defect.test.ts"]
  },
  {
    name: "predecessors-stay",
    from: "    yield* deleteOthers(volume)\n",
    to: "",
    broken: "every renewal leaves its predecessor's request at the API server"
  },
  {
    name: "deletion-waited-for",
    from: "    yield* endAttempt(volume, Effect.void)\n    yield* deleteOthers(volume)\n",
    to: "    yield* deleteOthers(volume)\n    yield* endAttempt(volume, Effect.void)\n",
    broken: "whoever waits for a certificate waits until the API server has deleted the request before it"
  },
  {
    name: "unmounted-hurried",
    from: 'isUnmounted(error) ? ("waiting" as const) : error.temper',
    to: "isUnmounted(error) ? error.temper : error.temper",
    broken: "the API server is called every 15 seconds for a volume that only a publish can mount again",
    near: ["driver/survival.test.ts"]
  },
  {
    name: "stop-tells-nobody",
    from: "yield* Deferred.fail(awaited.value, new Unpublished())",
    to: "yield* Effect.void",
    broken: "whoever waits for a volume that is unpublished waits until its time is over",
    near: ["driver/unpublish.test.ts", "driver/locks.test.ts"]
  },
  {
    name: "life-outlives-volume",
    from: "yield* FiberMap.remove(fibers, volume.id)",
    to: "yield* Effect.void",
    broken: "renewals go on after an unpublish",
    near: ["driver/unpublish.test.ts"]
  },
  {
    name: "sleep-to-the-end",
    from: "yield* Effect.sleep(Duration.min(left, Duration.max(shortestSleep, Duration.min(longestSleep, look))))",
    to: "yield* Effect.sleep(left)",
    broken: "a clock that was wrong when a sleep began is believed to its end",
    near: ["simulation/stories.test.ts"]
  },
  {
    name: "overdue-at-once",
    from: "const most = Duration.min(overdueSpread, Duration.times(Duration.max(remaining, Duration.zero), 0.1))",
    to: "const most = Duration.times(Duration.max(remaining, Duration.zero), 0)",
    broken: "certificates that came due while certlet was away are all renewed at the same moment",
    near: ["driver/resume.test.ts", "driver/renew.test.ts"]
  },
  {
    name: "pause-forgotten",
    from: "onSome: ({ failures }) => failures",
    to: "onSome: () => 0",
    broken: "whoever cuts a pause short begins again with the short pauses of a first failure"
  },
  {
    name: "refusal-outlives-success",
    from: "yield* Effect.flatMap(Refusals, (refusals) => refusals.forget(volume.id))",
    to: "yield* Effect.void",
    broken: "a refusal is counted on although a usable answer came in between",
    near: ["driver/answers.test.ts"]
  },
  {
    name: "failure-outlives-success",
    from: "yield* Ref.set(volume.lastFailure, Option.none())",
    to: "yield* Effect.void",
    broken: "a volume that was renewed is still shown as failing"
  },
  {
    name: "retry-after-ignored",
    from: "retryAfter: retryAfter(error) }",
    to: "retryAfter: Option.none<Duration.Duration>() }",
    broken: "a server that asks to be left alone is called again at once",
    near: ["driver/renew.test.ts"]
  },
  {
    name: "refusal-waited-for",
    from: "if (!worthWaitingFor(error)) yield* endAttempt(volume, Effect.fail(error))",
    to: "yield* Effect.void",
    broken: "a pod's owner is told of a denial only when the publish runs out of time",
    near: ["driver/publish.test.ts"]
  },
  {
    name: "repeated-not-held",
    from: "if (repeats > 0) yield* refusals.hold(volume.id, nextTry)",
    to: "yield* Effect.void",
    broken: "a useless answer that repeats costs a request with every publish",
    near: ["driver/answers.test.ts"]
  }
])

const inTheRest: ReadonlyArray<Mutant> = [
  ...mutantsNear("driver/Backoff.test.ts")("driver/Backoff.ts", [
    {
      name: "no-jitter",
      from: "const drawn = Duration.times(bounded(byTemper(setback)), 0.5 + jitter)",
      to: "const drawn = bounded(byTemper(setback))",
      broken: "what failed together comes back together"
    },
    {
      name: "no-cap",
      from: "Duration.min(range.cap, Duration.times(range.base, 2 ** Math.min(failures - 1, 20)))",
      to: "Duration.times(range.base, 2 ** Math.min(failures - 1, 20))",
      broken: "pauses grow without a bound"
    },
    {
      name: "waiting-hurried",
      from: 'shortestBound[setback.temper === "transient" ? "transient" : "settled"]',
      to: 'shortestBound[setback.temper === "refused" ? "settled" : "transient"]',
      broken: "the API server is called every 2 seconds for a volume that only a publish can mount again"
    },
    {
      name: "no-hurry-at-the-end",
      from: "onSome: (remaining) => Duration.min(wanted, Duration.max(floor, Duration.times(remaining, 0.1)))",
      to: "onSome: () => Duration.max(wanted, Duration.times(floor, 0))",
      broken: "a pause outlasts the certificate"
    }
  ]),
  ...mutantsNear("driver/unpublish.test.ts")("driver/unpublish.ts", [
    {
      name: "unpublish-waits-for-the-api",
      from: "    Effect.catch((error) => Effect.logDebug(`a pending request was not deleted: ${error.message}`)),\n    Effect.forkDetach\n",
      to: "    Effect.catch((error) => Effect.logDebug(`a pending request was not deleted: ${error.message}`))\n",
      broken: "a pod cannot end while the API server is away"
    },
    {
      name: "withdrawal-takes-all",
      from: "const isDoomed = (name: string) => name === requestName\n",
      to: "const isDoomed = () => true\n",
      broken: "the request of a volume that is published again is withdrawn with the one before it"
    },
    {
      name: "withdrawn-key-not-wiped",
      from: "  yield* Effect.forEach(Option.toArray(known), wipePending)\n",
      to: "",
      broken: "the key of a volume that is unpublished stays in memory while its request is open",
      near: ["driver/keys.test.ts"]
    },
    {
      name: "pending-request-stays",
      from: "if (Option.isNone(pending)) return\n",
      to: "if (Option.isNone(pending) || pending.value.requestName !== volume.id) return\n",
      broken: "a request that nobody needs any more is signed"
    },
    {
      name: "unmount-before-life-ends",
      from: "  yield* Effect.forEach(Option.toArray(known), endLife)\n  yield* Effect.forEach(targetsOf(known, target), fs.unmount)",
      to: "  yield* Effect.forEach(targetsOf(known, target), fs.unmount)\n  yield* Effect.forEach(Option.toArray(known), endLife)",
      broken: "a volume is written to while it is being taken away",
      near: ["driver/locks.test.ts"]
    },
    {
      name: "record-failure-blocks",
      from: "          Effect.forkDetach(removeLater(volumeId))\n",
      to: "          Effect.void\n",
      broken: "a record that could not be removed once stays for ever"
    },
    {
      name: "another-volumes-target",
      from: 'if (holder !== undefined && holder !== volumeId) return yield* taken("unmount", target, holder)',
      to: 'if (holder === undefined && holder !== volumeId) return yield* taken("unmount", target, target)',
      broken: "an unpublish takes another volume's target away"
    },
    {
      name: "anybodys-folder",
      from: "if (isKubeletPath(target)) return true",
      to: 'if (target !== "") return true',
      broken: "an unpublish removes a folder that may be anybody's"
    }
  ]),
  ...mutantsNear("driver/resume.test.ts", "driver/survival.test.ts")("driver/resume.ts", [
    {
      name: "gone-pod-kept",
      from: "return yield* letGo(volume.id)",
      to: "return yield* renewals.keep(volume)",
      broken: "the volume of a pod that went while certlet was away is renewed for ever"
    },
    {
      name: "pending-left-at-start",
      from: "if (Option.isNone(record.issued) || Option.isSome(record.pending)) return false",
      to: "if (Option.isNone(record.issued)) return false",
      broken: "a renewal that a crash interrupted waits until the next one is due"
    },
    {
      name: "refused-record-in-silence",
      from: "Effect.catch((error) => Effect.logWarning(`not resumed; the next publish restores it: ${error.message}`)),",
      to: "Effect.orDie,",
      broken: "nobody hears that a record was refused at the start"
    },
    {
      name: "writes-without-mount",
      from: "      yield* Effect.logInfo(`the volume's target is ${found}; the next publish restores it`)",
      to: "      yield* Effect.asVoid(renewals.fill(volume))",
      broken: "a certificate is requested for a volume that has no mount"
    }
  ]),
  ...mutantsNear("driver/followTrust.test.ts")("driver/followTrust.ts", [
    {
      name: "defect-ends-rotation",
      from: 'asFailure("a defect ended a rotation")',
      to: "Effect.orDie",
      broken: "a defect in a rotation ends the renewals of its volume"
    },
    {
      name: "failed-rotation-given-up",
      from: "    yield* Effect.sleep(pause)\n",
      to: "    return\n",
      broken: "a rotation that failed once is not tried again"
    },
    {
      name: "rotation-without-passwords",
      from: "Effect.as(needPasswords(volume), Option.some({ ...held, signed: { ...held.signed, ca } }))",
      to: "Effect.succeedSome({ ...held, signed: { ...held.signed, ca } })",
      broken: "a rotation after a restart writes keystores without their passwords",
      near: ["driver/keystores.test.ts"]
    },
    {
      name: "same-bundle-written-again",
      from: "held.signed.ca === ca",
      to: 'held.signed.ca === "" ',
      broken: "a bundle that holds what the volume has is written again"
    },
    {
      name: "fault-told-for-ever",
      from: "bundles.awaitFault(bundle, Option.some(fault)))",
      to: "bundles.awaitFault(bundle, Option.none()))",
      broken: "a fault of a bundle is told again and again"
    }
  ]),
  ...mutantsNear("driver/followTrust.test.ts", "driver/prerequisites.test.ts")("driver/awaitTrust.ts", [
    {
      name: "lost-bundle-takes-ca",
      from: "if (Option.isSome(before)) return { ...signed, ca: before.value }",
      to: "if (Option.isSome(before)) return signed",
      broken: "a renewal while the bundle is lost gives the pod the issuer's CA"
    }
  ]),
  ...mutantsNear("driver/keystores.test.ts")("driver/needPasswords.ts", [
    {
      name: "seal-before-lost",
      from: "sealed: [...(record.sealed ?? []).slice(0, 1), sealed]",
      to: "sealed: [sealed]",
      broken: "a crash between sealing and swapping loses the passwords"
    },
    {
      name: "newest-seal-believed",
      from: "return before.length === 0 || !before.every((passwords) => same(passwords, brought))",
      to: "return before.length === 0 || !before.slice(0, 1).every((passwords) => same(passwords, brought))",
      broken: "a crash between a password's seal and its files leaves the keystores with the password before"
    },
    {
      name: "oldest-seal-first",
      from: "[...sealed].reverse().flatMap(",
      to: "[...sealed].flatMap(",
      broken: "after a restart the password before the last one is used"
    }
  ]),
  ...mutantsNear("driver/keystores.test.ts")("driver/swap.ts", [
    {
      name: "earlier-seal-stays",
      from: "  yield* keepLastSeal(volume)\n",
      to: "",
      broken: "a crash between the seal of a third key and its files loses the passwords"
    }
  ]),
  ...mutantsNear("driver/prerequisites.test.ts")("driver/prerequisites.ts", [
    {
      name: "gates-at-renewal",
      from: "return Option.isSome(issued) || (yield* hasFiles(volume)) ? [] : gates",
      to: "return gates",
      broken: "a pod that is in trouble loses its certificate to a gate"
    },
    {
      name: "gates-of-a-lost-record",
      from: "Option.isSome(issued) || (yield* hasFiles(volume))",
      to: "Option.isSome(issued)",
      broken: "a pod that is in trouble loses its certificate to a gate when its record was lost"
    },
    {
      name: "expired-token-used",
      from: "onSome: (end) => DateTime.isLessThan(now, end) })",
      to: "onSome: () => true })",
      broken: "a request is made with a token that has expired"
    },
    {
      name: "one-gate-is-enough",
      from: "gates.every((gate) => isOpen(gate, pod))",
      to: "gates.some((gate) => isOpen(gate, pod))",
      broken: "a certificate is requested while one of the gates is closed"
    }
  ]),
  ...mutantsNear("driver/inspectVolume.test.ts")("driver/inspectVolume.ts", [
    {
      name: "look-lasts-for-ever",
      from: "return !Duration.isNegative(age) && Duration.isLessThan(age, lookLasts)",
      to: "return !Duration.isNegative(age)",
      broken: "the gauges never look at a mount again",
      near: ["driver/Metrics.test.ts", "driver/inspectVolume.test.ts"]
    },
    {
      name: "swap-looks-damaged",
      from: "volume.swapping.withPermitsIfAvailable(1)(Effect.result(fs.inspect(volume.place.target)))",
      to: "Effect.asSome(Effect.result(fs.inspect(volume.place.target)))",
      broken: "a volume is told to be damaged while its files are being swapped",
      near: ["driver/locks.test.ts"]
    }
  ]),
  ...mutantsNear("driver/RefusedPublishes.test.ts")("driver/RefusedPublishes.ts", [
    {
      name: "refusals-without-bound",
      from: "if (refused.size > most && oldest !== undefined) refused.delete(oldest)",
      to: "if (refused.size > most && oldest === undefined) refused.clear()",
      broken: "refused publishes fill the memory"
    }
  ]),
  ...mutantsNear("driver/answers.test.ts")("driver/Refusals.ts", [
    {
      name: "clock-prolongs-refusal",
      from: "const left = refusal === undefined || isSetBack ? Duration.zero",
      to: "const left = refusal === undefined ? Duration.zero",
      broken: "a clock that was ahead keeps a pod from starting until it has caught up",
      near: ["simulation/stories.test.ts"]
    }
  ])
]

/** The mutants of `driver/`. */
export const inDriver: ReadonlyArray<Mutant> = [
  ...inLocks,
  ...inDefects,
  ...inPublish,
  ...inLook,
  ...inRenew,
  ...inHeld,
  ...inRenewals,
  ...inTheRest
]
