/** For every invariant of certlet, by its name, the mutants that break it. */
import { Context, Duration, Effect, Option, Redacted } from "effect"
import { PublishError } from "../../../src/driver/DriverError.ts"
import { CertificateRequests } from "../../../src/issuance/CertificateRequests.ts"
import { KeyGenerator, type PrivateKey } from "../../../src/issuance/KeyGenerator.ts"
import { Pods } from "../../../src/kube/Pods.ts"
import { TrustBundles } from "../../../src/kube/TrustBundles.ts"
import type { PodState } from "../../../src/spec/PodState.ts"
import type { FileSet, File as VolumeFile } from "../../../src/volume/FileSet.ts"
import { VolumeFS } from "../../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../../src/volume/VolumeRecord.ts"
import { type Mutant, onEdge, onPrograms, withTokens } from "./Mutant.ts"

const keyFile = "tls.key"

const oldKeyStays = onEdge("a renewal leaves the old key where it is", VolumeFS, (fs) => {
  const keys = new Map<string, VolumeFile>()
  return {
    ...fs,
    write: (place, files) => {
      const key = keys.get(place.target) ?? files.find(({ name }) => name === keyFile)
      if (key === undefined) return fs.write(place, files)
      keys.set(place.target, key)
      return fs.write(place, [...files.filter(({ name }) => name !== keyFile), key])
    }
  }
})

const fileByFile = onEdge("files are written one after the other", VolumeFS, (fs) => ({
  ...fs,
  write: (place, files) =>
    Effect.forEach(files, (_, index) => fs.write(place, files.slice(0, index + 1)), { discard: true })
}))

/** A copy: certlet overwrites what it has written. */
const copyOf = (files: FileSet): FileSet =>
  files.map((file) => ({ ...file, content: Redacted.make(new Uint8Array(Redacted.value(file.content))) }))

const oneForAll = onEdge("every volume gets the files that were made first", VolumeFS, (fs) => {
  let first: FileSet | undefined
  return {
    ...fs,
    write: (place, files) => {
      first ??= copyOf(files)
      return fs.write(place, first)
    }
  }
})

const returning = onEdge("the third set of a volume is the first one again", VolumeFS, (fs) => {
  const sets = new Map<string, ReadonlyArray<FileSet>>()
  return {
    ...fs,
    write: (place, files) => {
      const before = sets.get(place.target) ?? []
      sets.set(place.target, [...before, copyOf(files)])
      return fs.write(place, before.length === 2 ? (before[0] ?? files) : files)
    }
  }
})

const zealous = onEdge("an unmount takes every other volume along", VolumeFS, (fs) => {
  const mounted = new Set<string>()
  return {
    ...fs,
    mount: (place) =>
      Effect.tap(
        fs.mount(place),
        Effect.sync(() => mounted.add(place.target))
      ),
    unmount: (target) => Effect.forEach([...new Set([target, ...mounted])], fs.unmount, { discard: true })
  }
})

const recordStays = onEdge("a record is never removed", VolumeRecords, (records) => ({
  ...records,
  remove: () => Effect.void
}))

const mountStays = onEdge("an unmount does nothing", VolumeFS, (fs) => ({ ...fs, unmount: () => Effect.void }))

const lifeGoesOn = onPrograms("an unpublish takes the volume away and lets its fiber live", (driver, edges) => ({
  ...driver,
  unpublish: ({ target, volumeId }) =>
    Effect.orDie(
      Effect.andThen(Context.get(edges, VolumeFS).unmount(target), Context.get(edges, VolumeRecords).remove(volumeId))
    )
}))

const hasty = onPrograms(
  "a publish is answered whatever came of it",
  (driver) => ({
    ...driver,
    publish: (request) => Effect.ignore(driver.publish(request))
  }),
  { issuerDawdleSeconds: 600 }
)

/** Pods that are seen otherwise than they are. */
const podsSeen = (flaw: string, see: (uid: string, state: PodState) => PodState, faults = {}): Mutant =>
  onEdge(
    flaw,
    Pods,
    (pods) => ({ ...pods, await: (pod, fits) => pods.await(pod, (state) => fits(see(pod.uid, state))) }),
    faults
  )

const gatesIgnored = podsSeen("every condition of a pod is taken for true", (_, state) => ({
  ...state,
  conditions: { ...state.conditions, Provisioned: "True" }
}))

const guessing = podsSeen(
  "an address that is not known yet is guessed",
  (_, state) => ({
    ...state,
    ips: state.ips.length > 0 ? state.ips : ["10.255.255.254"]
  }),
  { podAddressLateSeconds: 120 }
)

const stubborn = (): Mutant => {
  const first = new Map<string, PodState>()
  return podsSeen(
    "a pod stays for ever what it was when it had everything first",
    (uid, state) => {
      const isWhole = state.ips.length > 0 && Object.keys(state.labels).length > 0
      const kept = first.get(uid) ?? state
      if (isWhole) first.set(uid, kept)
      return kept
    },
    { labelChangesPerDay: 8, addressChangesPerDay: 8 }
  )
}

const thrifty = onEdge("a key is made once and used for everything", KeyGenerator, (keys) => {
  let first: (() => PrivateKey) | undefined
  return {
    ...keys,
    generate: (wanted) =>
      Effect.map(keys.generate(wanted), (key) => {
        // The driver overwrites a key's bytes after use.
        const der = Redacted.value(key.pkcs8).slice()
        first ??= () => ({ ...key, pkcs8: Redacted.make(der.slice()) })
        return first()
      })
  }
})

const repentant = onEdge("a request is deleted and made again under its name", CertificateRequests, (requests) => ({
  ...requests,
  submit: (draft) => {
    const { spec, volumeId } = draft
    const { namespace } = spec.pod
    return requests
      .submit(draft)
      .pipe(
        Effect.andThen(requests.discard({ volumeId, namespace, keep: Option.none() })),
        Effect.andThen(requests.submit(draft))
      )
  }
}))

const ownName = onEdge(
  "requests are made in certlet's name, whatever the settings say",
  CertificateRequests,
  (requests) => ({
    ...requests,
    submit: (draft) => requests.submit({ ...draft, token: Option.none() })
  })
)

const impatient = onEdge(
  "a request that is refused is tried again at once",
  CertificateRequests,
  (requests) => ({
    ...requests,
    submit: (draft) => Effect.retry(requests.submit(draft), { times: 500 })
  }),
  { forbiddenPerDay: 4 }
)

const eager = onPrograms("each publish renews the certificate", (driver) => ({
  ...driver,
  publish: (call) =>
    Effect.andThen(driver.publish(call), Effect.ignore(driver.renewNow(call.volumeId, Duration.minutes(1))))
}))

const talkative = onEdge("a new key is logged", KeyGenerator, (keys) => ({
  ...keys,
  generate: (wanted) =>
    Effect.tap(keys.generate(wanted), ({ pkcs8 }) =>
      Effect.logInfo(`made ${Buffer.from(Redacted.value(pkcs8)).toString("base64")}`)
    )
}))

const tokenTold = onEdge("a token is logged", CertificateRequests, (requests) => ({
  ...requests,
  submit: (draft) =>
    Effect.andThen(
      Effect.logInfo(`asks with ${Option.getOrElse(Option.map(draft.token, Redacted.value), () => "no token")}`),
      requests.submit(draft)
    )
}))

const passwordKept = onPrograms("a password is named in a log", (driver) => ({
  ...driver,
  publish: (request) =>
    Effect.andThen(
      Effect.logInfo(`publishes with ${request.context["csi.cert-manager.io/pkcs12-password"]}`),
      driver.publish(request)
    )
}))

const deaf = onEdge("only the first answer of a process is heard", CertificateRequests, (requests) => {
  let heard = 0
  return {
    ...requests,
    await: (request) => Effect.suspend(() => (heard++ < 1 ? requests.await(request) : Effect.never))
  }
})

const faithless = onEdge(
  "a bundle is read once and never followed",
  TrustBundles,
  (bundles) => ({
    ...bundles,
    state: () => Effect.succeedNone,
    await: (bundle, held) => (Option.isSome(held) ? Effect.never : bundles.await(bundle, held))
  }),
  { bundleRotationsPerDay: 8 }
)

const haunted = onPrograms("an unpublish leaves another mount in the folder of the pod", (driver, edges) => ({
  ...driver,
  unpublish: (request) =>
    Effect.andThen(
      driver.unpublish(request),
      Context.get(edges, VolumeFS)
        .mount({ target: `${request.target}-again`, mountFlags: [], group: Option.none() })
        .pipe(Effect.ignore)
    )
}))

const hoarding = onEdge("no request is ever discarded", CertificateRequests, (requests) => ({
  ...requests,
  discard: () => Effect.void
}))

const forgetful = onPrograms(
  "a volume that could not be taken away is answered as one that is gone",
  (driver) => ({
    ...driver,
    publish: (call) =>
      Effect.mapError(driver.publish(call), ({ pod, reason, volumeId }) => new PublishError({ pod, reason, volumeId }))
  }),
  { disksBrokenPerDay: 12, deniedShare: 0.5 }
)

export const mutants: Readonly<Record<string, ReadonlyArray<Mutant>>> = {
  "whole sets": [oldKeyStays, fileByFile],
  "own certificate": [oneForAll],
  "never back": [returning],
  "nobody else's volume": [zealous],
  "nothing left": [recordStays, mountStays, lifeGoesOn],
  "final is final": [forgetful],
  "published is filled": [hasty],
  "gates hold": [gatesIgnored],
  "own names": [guessing],
  "one key, one request": [thrifty, repentant],
  "own account": [withTokens(ownName)],
  "few tries": [impatient],
  unhurried: [eager],
  "secrets kept": [talkative, withTokens(tokenTold), passwordKept],
  served: [deaf],
  "trust followed": [faithless],
  "names followed": [stubborn()],
  "no orphans": [haunted],
  "few requests": [hoarding]
}
