/**
 * The laws of `CertificateRequests`, as programs. They run on the simulated cluster and on the live client against an
 * API server. The scene is the rest of the cluster: an approver and an issuer that can be told how to behave, somebody
 * who deletes requests, and a network that breaks. Time passes by itself on a live cluster and has to be made to pass
 * on a simulated one, so a law says where it waits.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { Context, DateTime, Effect, Fiber, Option } from "effect"
import type { RequestReference } from "../../issuance/CertificateRequest.ts"
import {
  CertificateRequests,
  type EndedState,
  type RequestDraft,
  type RequestError
} from "../../issuance/CertificateRequests.ts"
import { checkSigned } from "../../issuance/checkSigned.ts"
import type { IssuanceError } from "../../issuance/IssuanceError.ts"
import type { KeyError } from "../../issuance/KeyGenerator.ts"
import { signingRequest } from "../../issuance/SigningRequest.ts"
import { namespacedName } from "../../spec/NamespacedName.ts"
import type { SpecError } from "../../spec/SpecError.ts"
import { decodeVolumeSpec } from "../../spec/VolumeSpec.ts"
import { makeSimKeyGenerator, randomBytes } from "../parts/SimKeyGenerator.ts"
import { holds, type Law, LawBroken, same } from "./Law.ts"

/** What the laws need besides the service. */
export class RequestScene extends Context.Service<
  RequestScene,
  {
    /** How the approver behaves from now on; what it held back goes on when it may. */
    readonly approval: (policy: "approve" | "hold" | "deny") => Effect.Effect<void>
    /** How the issuer behaves from now on. */
    readonly signing: (policy: "sign" | "hold" | "fail") => Effect.Effect<void>
    /** Somebody deletes a request. */
    readonly remove: (request: RequestReference) => Effect.Effect<void>
    readonly exists: (request: RequestReference) => Effect.Effect<boolean>
    /** Every connection to the API server breaks. */
    readonly disturb: Effect.Effect<void>
    /** Runs a program while the cluster's time passes. */
    readonly passing: <A, E>(program: Effect.Effect<A, E>) => Effect.Effect<A, E>
  }
>()("certlet/testing/RequestScene") {}

type Failure = RequestError | SpecError | KeyError | IssuanceError
type RequestLaw = Law<Failure, CertificateRequests | RequestScene>

const namespace = "apps"

/** A draft with a key and a signing request of its own. */
const makeDraft = Effect.fnUntraced(function* (volumeId: string) {
  const spec = yield* decodeVolumeSpec(
    {
      "csi.storage.k8s.io/ephemeral": "true",
      "csi.storage.k8s.io/pod.name": "web",
      "csi.storage.k8s.io/pod.namespace": namespace,
      "csi.storage.k8s.io/pod.uid": "5f3c4f0e-9d53-4d0b-a6a7-0d1f0c2b7a11",
      "csi.storage.k8s.io/serviceAccount.name": "default",
      "csi.cert-manager.io/issuer-name": "ca",
      "csi.cert-manager.io/dns-names": `${volumeId}.apps.svc`,
      "csi.cert-manager.io/key-algorithm": "ECDSA",
      "csi.cert-manager.io/duration": "1h"
    },
    {
      nodeId: "node-1",
      clusterDomain: "cluster.local",
      podReadinessGates: [],
      defaultAttributes: {},
      continueOnNotReady: false
    }
  )
  const bytes = yield* randomBytes
  const key = yield* makeSimKeyGenerator("P-256").generate({ parameters: spec.key, pod: spec.pod.uid, volumeId })
  const hex = bytesToHex(bytes)
  const name = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  const draft: RequestDraft = {
    name,
    volumeId,
    spec,
    signingRequest: yield* signingRequest(spec, key),
    token: Option.none(),
    resubmitted: false
  }
  return { draft, spki: key.spki }
})

type Made = Effect.Success<ReturnType<typeof makeDraft>>

/** Fails unless the answer is a certificate for exactly this draft. */
const signedFor = Effect.fnUntraced(function* ({ draft, spki }: Made, ended: EndedState) {
  if (ended._tag !== "Ready") return yield* new LawBroken({ detail: `ended as ${ended._tag}` })
  const now = yield* DateTime.now
  yield* checkSigned({
    request: draft.name,
    signed: ended.signed,
    spec: draft.spec,
    spki,
    now,
    requireAllNames: true,
    caHeld: Option.none()
  })
})

const fails = <A>(program: Effect.Effect<A, RequestError>, reason: RequestError["reason"]) =>
  Effect.flip(program).pipe(
    Effect.mapError(() => new LawBroken({ detail: `it succeeded, wanted ${reason}` })),
    Effect.flatMap((error) => same(error.reason, reason, "the reason"))
  )

const law = (
  sentence: string,
  trial: (
    requests: CertificateRequests["Service"],
    scene: RequestScene["Service"]
  ) => Effect.fn.Return<void, Failure | LawBroken, CertificateRequests | RequestScene>
): RequestLaw => ({
  law: sentence,
  program: Effect.gen(function* () {
    yield* Effect.fnUntraced(trial)(yield* CertificateRequests, yield* RequestScene)
  })
})

const fork = <A, E>(program: Effect.Effect<A, E>) => Effect.forkChild(program, { startImmediately: true })

const submitting: ReadonlyArray<RequestLaw> = [
  law("submitting one draft twice gives one request", function* (requests, scene) {
    const { draft } = yield* makeDraft("one")
    const [first, second] = yield* scene.passing(
      Effect.all([requests.submit(draft), requests.submit(draft)], { concurrency: 2 })
    )
    yield* same(namespacedName(second), namespacedName(first), "the request")
    yield* scene.passing(requests.submit(draft))
    yield* holds(yield* scene.exists(first), "the request is not there")
  }),
  law("a name that belongs to another volume is a Conflict", function* (requests, scene) {
    const { draft } = yield* makeDraft("one")
    yield* scene.passing(requests.submit(draft))
    yield* fails(scene.passing(requests.submit({ ...draft, volumeId: "two" })), "Conflict")
  })
]

const awaiting: ReadonlyArray<RequestLaw> = [
  law("await returns what was signed for exactly this request, whenever it was signed", function* (requests, scene) {
    const made = yield* Effect.forEach(["one", "two", "three"], makeDraft)
    yield* scene.signing("hold")
    const submitted = yield* Effect.forEach(made, ({ draft }) => scene.passing(requests.submit(draft)))
    const early = yield* fork(Effect.forEach(submitted, requests.await, { concurrency: 3 }))
    yield* scene.signing("sign")
    const ended = yield* scene.passing(Fiber.join(early))
    const again = yield* scene.passing(Effect.forEach(submitted, requests.await))
    for (const answers of [ended, again]) {
      yield* Effect.forEach(made, (one, index) => {
        const answer = answers[index]
        return answer === undefined ? Effect.fail(new LawBroken({ detail: "no answer" })) : signedFor(one, answer)
      })
    }
  }),
  law("await never fails because the connection did", function* (requests, scene) {
    const made = yield* makeDraft("one")
    yield* scene.signing("hold")
    const request = yield* scene.passing(requests.submit(made.draft))
    const waiting = yield* fork(requests.await(request))
    yield* scene.disturb
    yield* scene.signing("sign")
    yield* signedFor(made, yield* scene.passing(Fiber.join(waiting)))
  }),
  law("awaitApproval ends no later than await", function* (requests, scene) {
    for (const verdict of ["approve", "deny"] as const) {
      yield* scene.approval("hold")
      yield* scene.signing("hold")
      const request = yield* scene.passing(requests.submit((yield* makeDraft(verdict)).draft))
      const waiting = yield* fork(requests.awaitApproval(request))
      yield* scene.approval(verdict)
      yield* scene.passing(Fiber.join(waiting))
    }
  }),
  law("a request that is deleted while it is awaited is Gone", function* (requests, scene) {
    yield* scene.signing("hold")
    const request = yield* scene.passing(requests.submit((yield* makeDraft("one")).draft))
    const waiting = yield* fork(requests.await(request))
    yield* scene.remove(request)
    yield* fails(scene.passing(Fiber.join(waiting)), "Gone")
    yield* fails(scene.passing(requests.await(request)), "Gone")
  }),
  law("a state that ends the wait without a certificate is returned", function* (requests, scene) {
    yield* scene.approval("deny")
    const denied = yield* scene.passing(requests.submit((yield* makeDraft("one")).draft))
    yield* same((yield* scene.passing(requests.await(denied)))._tag, "Denied", "the state")
    yield* scene.approval("approve")
    yield* scene.signing("fail")
    const failed = yield* scene.passing(requests.submit((yield* makeDraft("two")).draft))
    yield* same((yield* scene.passing(requests.await(failed)))._tag, "Failed", "the state")
    yield* same((yield* requests.state(failed))._tag, "Failed", "the state without waiting")
  })
]

const discarding: ReadonlyArray<RequestLaw> = [
  law(
    "discard deletes the requests of the volume that are doomed, and none of another volume",
    function* (requests, scene) {
      const submit = Effect.fnUntraced(function* (volumeId: string) {
        const { draft } = yield* makeDraft(volumeId)
        const request = yield* scene.passing(requests.submit(draft))
        yield* scene.passing(requests.await(request))
        return request
      })
      const [first, second] = [yield* submit("one"), yield* submit("one")]
      const [kept, other] = [yield* submit("one"), yield* submit("two")]
      const there = Effect.forEach([first, second, kept, other], scene.exists)
      const discard = (isDoomed: (name: string) => boolean) =>
        scene.passing(requests.discard({ volumeId: "one", namespace, isDoomed }))
      yield* discard((name) => name === first.name)
      yield* same(`${yield* there}`, "false,true,true,true", "what is left of one")
      yield* discard((name) => name === other.name)
      yield* same(`${yield* there}`, "false,true,true,true", "what is left of another volume's")
      yield* discard((name) => name !== kept.name)
      yield* same(`${yield* there}`, "false,false,true,true", "what is left beside the one to keep")
      yield* discard(() => true)
      yield* same(`${yield* there}`, "false,false,false,true", "what is left when all are doomed")
    }
  ),
  law("discarding what is not there succeeds", function* (requests, scene) {
    const volume = { volumeId: "one", namespace, isDoomed: () => true }
    yield* scene.passing(requests.discard(volume))
    const request = yield* scene.passing(requests.submit((yield* makeDraft("one")).draft))
    yield* scene.remove(request)
    yield* scene.passing(requests.discard(volume))
    yield* scene.passing(requests.discard(volume))
    yield* holds(!(yield* scene.exists(request)), "the request is there")
  })
]

/** Every law of `CertificateRequests`; each needs a cluster of its own. */
export const laws: ReadonlyArray<RequestLaw> = [...submitting, ...awaiting, ...discarding]
