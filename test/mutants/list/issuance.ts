/** Mutants of the way to a certificate: key, request, wait, check, and the time of the next one. */
import { type Mutant, mutantsNear } from "../Mutant.ts"

const requests = mutantsNear("issuance/ApiCertificateRequests.test.ts", "contract/CertificateRequests.test.ts")
const store = mutantsNear("issuance/RequestStore.test.ts", "issuance/ApiCertificateRequests.test.ts")

/** The mutants of `issuance/`. */
export const inIssuance: ReadonlyArray<Mutant> = [
  ...requests("issuance/ApiCertificateRequests.ts", [
    {
      name: "no-answer-is-refusal",
      from: 'if (reason === "Unavailable") return submission.uncertain()',
      to: 'if (reason === "Unavailable") return submission.refused()',
      broken: "a request whose create had no answer is left behind"
    },
    {
      name: "retry-after-lost",
      from: "detail: `${detail} (${why})`, retryAfterMillis })",
      to: "detail: `${detail} (${why})` })",
      broken: "a server that asks to be left alone is called again at once about a request that may be there"
    },
    {
      name: "forbidden-is-refusal",
      from: '(error) => error.reason === "Forbidden" && mayExist(cluster, draft),',
      to: '(error) => error.reason === "Forbidden" && isShown(cluster, draft),',
      broken: "a request is made again because the call after a lost answer was forbidden",
      near: ["simulation/stories.test.ts"]
    },
    {
      name: "anybodys-name",
      from: "volumeId === draft.volumeId && ownerUid === draft.spec.pod.uid",
      to: "volumeId === draft.volumeId || ownerUid !== draft.spec.pod.uid",
      broken: "a request of somebody else that has the name is taken for certlet's own"
    },
    {
      name: "delete-by-name",
      from: "...(uid === undefined ? {} : { preconditions: { uid } })",
      to: "...(uid === undefined ? { preconditions: { uid } } : {})",
      broken: "a request is deleted that has the name of the one that was meant"
    },
    {
      name: "delete-by-label",
      from: "if (metadata.annotations?.[volumeAnnotation] === volumeId) found.set(metadata.name, metadata.uid)",
      to: "found.set(metadata.name, metadata.uid)",
      broken: "a request of another volume is deleted, whose label is the same"
    },
    {
      name: "uncertain-not-deleted",
      from: "for (const { name } of store.uncertainOf(namespace, volumeId)) found.set(name, undefined)",
      to: "",
      broken: "a request that may have been made is never deleted"
    },
    {
      name: "deleted-stays-known",
      from: "Effect.andThen(Effect.sync(() => cluster.store.gone(request, uid)))",
      to: "Effect.asVoid",
      broken: "a request that was deleted is deleted again with every renewal"
    }
  ]),
  ...store("issuance/RequestStore.ts", [
    {
      name: "old-answer-over-new-event",
      from: "if (!submission.seen) this.#put(object, this.#round)",
      to: "this.#put(object, this.#round)",
      broken: "an answer that is late hides what the watch has shown since"
    },
    {
      name: "list-drops-what-is-younger",
      from: "if (!listed.has(key) && !younger) this.gone(entry)",
      to: "if (!listed.has(key)) this.gone(entry)",
      broken: "a request that was made while a list was read is taken for deleted"
    },
    {
      name: "list-forgets-nothing",
      from: "if (!listed.has(key) && !younger) this.gone(entry)",
      to: "if (listed.has(key) && younger) this.gone(entry)",
      broken: "a request that was deleted while the watch was away is waited for for ever"
    },
    {
      name: "another-uid-ends-wait",
      from: "if (uid !== undefined && entry !== undefined && entry.uid !== uid) return",
      to: "",
      broken: "the end of an earlier object of the name ends the wait for the present one"
    },
    {
      name: "waiter-leaks",
      from: "return addWaiter(this.#waiters, key, waiter)",
      to: "addWaiter(this.#waiters, key, waiter)\n    return () => undefined",
      broken: "a wait that was interrupted is kept"
    },
    {
      name: "holds-what-anybody-writes",
      from: "if (!isCertlets(object.metadata) && !this.#isAskedFor(key)) return",
      to: "",
      broken: "anybody who may write requests fills the memory of a node"
    },
    {
      name: "approval-waits-on",
      from: "else if (!isUndecided(state)) this.#wakeApproval(key)",
      to: "",
      broken: "an approval is noticed only when the certificate is signed"
    },
    {
      name: "taken-stays-uncertain",
      from: "taken: end(() => this.#uncertain.delete(key)),",
      to: "taken: end(() => undefined),",
      broken: "a request of somebody else is deleted that has the name of ours"
    }
  ]),
  ...mutantsNear("driver/keys.test.ts", "driver/renew.test.ts")("issuance/issue.ts", [
    {
      name: "unreadable-key-blocks",
      from: '.pipe(Effect.catchTag("KeyError", () => Effect.andThen(wipe([reuse.value]), fresh)))',
      to: "",
      broken: "a pod whose kept key cannot be read gets no certificate"
    },
    {
      name: "unreadable-key-not-wiped",
      from: "Effect.andThen(wipe([reuse.value]), fresh)",
      to: "fresh",
      broken: "a kept key that cannot be read stays in memory"
    },
    {
      name: "ask-before-remembering",
      from: "  yield* issuance.remember(pending)\n  return { key, pending }",
      to: "  return { key, pending }",
      broken: "a crash after the create leaves a request that nobody knows",
      near: ["driver/resume.test.ts", "driver/renew.test.ts"]
    },
    {
      name: "resubmission-not-said",
      from: "resubmitted: Option.isSome(issuance.pending)",
      to: "resubmitted: Option.isNone(issuance.pending)",
      broken: "a forbidden call after a restart makes a second request",
      near: ["simulation/stories.test.ts"]
    },
    {
      name: "damaged-ca-is-used",
      from: "const usable = { ...signed, ca: leaf.ca }",
      to: "const usable = signed",
      broken: "a CA that cannot be read replaces the one that the volume has",
      near: ["driver/answers.test.ts"]
    }
  ]),
  ...mutantsNear("issuance/checkSigned.test.ts")("issuance/checkSigned.ts", [
    {
      name: "wrong-key-used",
      from: "if (!equalBytes(new Uint8Array(AsnConvert.serialize(subjectPublicKeyInfo)), spki)) {",
      to: "if (spki.length === 0) {",
      broken: "a certificate for another key is laid into the volume"
    },
    {
      name: "expired-used",
      from: "if (notAfter.getTime() <= DateTime.toEpochMillis(now)) {",
      to: "if (notAfter.getTime() <= 0) {",
      broken: "a certificate that has expired is laid into the volume"
    },
    {
      name: "broken-chain-used",
      from: "if (path.length === 1 && !isOwnIssuer) {",
      to: "if (path.length === 0 && !isOwnIssuer) {",
      broken: "a chain in which nobody has signed the leaf is laid into the volume"
    },
    {
      name: "constraints-ignored",
      from: "  if (weaker !== undefined) {",
      to: '  if (weaker === "") {',
      broken: "a CA that may sign for more names than were asked for is laid into the volume",
      near: ["issuance/checkSigned.test.ts", "issuance/Svid.test.ts"]
    },
    {
      name: "svid-ignored",
      from: 'return broken === undefined ? undefined : refuse("svid"',
      to: 'return broken !== undefined ? undefined : refuse("svid"',
      broken: "what is no SVID is laid into the volume",
      near: ["issuance/Svid.test.ts", "issuance/checkSigned.test.ts"]
    },
    {
      name: "truststore-empty",
      from: "const need = found.success.length === 0 ? needsCa(spec) : undefined",
      to: "const need = found.success.length < 0 ? needsCa(spec) : undefined",
      broken: "a truststore without any CA is made, which lets nobody in"
    }
  ]),
  ...mutantsNear("issuance/RenewalTime.test.ts")("issuance/RenewalTime.ts", [
    {
      name: "jitter-moves-back",
      from: "(1 - jitterShare * jitter)",
      to: "(1 + jitterShare * jitter)",
      broken: "jitter oversteps what a pod wishes"
    },
    {
      name: "hot-loop",
      from: "return DateTime.max(due, DateTime.addDuration(issued, leastInterval(left)))",
      to: "return due",
      broken: "a confused issuer is asked in a hot loop"
    },
    {
      name: "backdating-counts",
      from: "lifetime({ notBefore: DateTime.max(validity.notBefore, issued), notAfter: validity.notAfter })",
      to: "lifetime(validity)",
      broken: "a certificate that is dated back is renewed too early"
    }
  ]),
  ...mutantsNear("issuance/KeyQueue.test.ts")("issuance/KeyQueue.ts", [
    {
      name: "unwanted-key-made",
      from: "Effect.onInterrupt(() => Effect.sync(() => making.interruptUnsafe()))",
      to: "Effect.onInterrupt(() => Effect.void)",
      broken: "a key that nobody wants any more holds its seat until it is made"
    },
    {
      name: "seat-lost",
      from: "yield* restore(laneOf(wanted).enter(ticket)).pipe(Effect.onInterrupt(() => Effect.sync(() => leave(ticket))))",
      to: "yield* restore(laneOf(wanted).enter(ticket))",
      broken: "who leaves the queue is still called, and the seat is lost"
    }
  ]),
  ...mutantsNear("issuance/FairQueue.test.ts")("issuance/FairQueue.ts", [
    {
      name: "unfair-turns",
      from: "      this.#lines.delete(owner)\n      if (rest.length > 0) this.#lines.set(owner, rest)\n      return item",
      to: "      this.#lines.set(owner, rest)\n      if (rest.length === 0) this.#lines.delete(owner)\n      return item",
      broken: "a pod waits for all the keys of another"
    }
  ]),
  ...mutantsNear("issuance/KeyPool.test.ts")("issuance/KeyPool.ts", [
    {
      name: "key-handed-out-twice",
      from: "Option.fromUndefinedOr(ready.shift())",
      to: "Option.fromUndefinedOr(ready[0])",
      broken: "two pods get one key"
    },
    {
      name: "pool-never-sleeps",
      from: "if (ready.length >= size) lacksKeys.closeUnsafe()",
      to: "",
      broken: "a node without work keeps making keys"
    }
  ])
]
