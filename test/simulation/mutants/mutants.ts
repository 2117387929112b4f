/** For every invariant of certlet, by its name, the mutants that break it. */
import { Context, DateTime, Duration, Effect, Layer, Option, Redacted, References } from "effect"
import { Driver } from "../../../src/driver/Driver.ts"
import { PublishError } from "../../../src/driver/DriverError.ts"
import { CertificateRequests, type RequestDraft, RequestError } from "../../../src/issuance/CertificateRequests.ts"
import { KeyGenerator, type PrivateKey } from "../../../src/issuance/KeyGenerator.ts"
import { Pods } from "../../../src/kube/Pods.ts"
import { TrustBundles } from "../../../src/kube/TrustBundles.ts"
import type { PodState } from "../../../src/spec/PodState.ts"
import { Faults } from "../../../src/testing/index.ts"
import type { FileSet, File as VolumeFile } from "../../../src/volume/FileSet.ts"
import { VolumeFS } from "../../../src/volume/VolumeFS.ts"
import { VolumeRecords } from "../../../src/volume/VolumeRecord.ts"
import { type Mutant, onEdge, onPrograms, shownBy, withTokens } from "./Mutant.ts"

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

const premature = onEdge("a volume is written to before there is one", VolumeFS, (fs) => {
  const tried = new Set<string>()
  return {
    ...fs,
    write: (place, files) => {
      if (tried.has(place.target)) return fs.write(place, files)
      tried.add(place.target)
      return fs.write({ ...place, target: `${place.target}.new` }, files)
    }
  }
})

const credulous = onEdge("a renewal's files are taken for written", VolumeFS, (fs) => {
  const written = new Set<string>()
  return {
    ...fs,
    write: (place, files) => {
      if (written.has(place.target)) return Effect.void
      written.add(place.target)
      return fs.write(place, files)
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

const repentant = onEdge(
  "a request that was deleted is made once more before the next one",
  CertificateRequests,
  (requests) => {
    const made = new Map<string, RequestDraft>()
    return {
      ...requests,
      submit: (draft) => {
        const { spec, volumeId } = draft
        const before = made.get(volumeId)
        made.set(volumeId, draft)
        if (before === undefined || before.name === draft.name) return requests.submit(draft)
        return requests
          .discard({ volumeId, namespace: spec.pod.namespace, isDoomed: () => true })
          .pipe(Effect.andThen(requests.submit(before)), Effect.andThen(requests.submit(draft)))
      }
    }
  }
)

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

/** Tells of failures that there were not, each time that a certificate is asked for. */
const telling = (flaw: string, told: ReadonlyArray<{ readonly failures: number; readonly pause: number }>) =>
  onEdge(
    flaw,
    CertificateRequests,
    (requests) => ({
      ...requests,
      submit: (draft) =>
        Effect.andThen(
          Effect.forEach(told, ({ failures, pause }) =>
            Effect.logWarning(`no certificate yet, next try in ${pause} s: told`).pipe(
              Effect.annotateLogs({ volumeId: draft.volumeId, temper: "transient", failures })
            )
          ),
          requests.submit(draft)
        )
    }),
    { apiThrottledShare: 0.5 }
  )

const metronome = telling(
  "every pause is of fifteen seconds",
  Array.from({ length: 8 }, (_, before) => ({ failures: before + 1, pause: 15 }))
)

const countless = telling("each failure is the first one", [
  { failures: 1, pause: 7 },
  { failures: 1, pause: 8 }
])

const sleepy = telling("a failure is answered with an hour of silence", [{ failures: 1, pause: 3600 }])

const importunate = onEdge(
  "nobody hears that the server wants to be left alone",
  CertificateRequests,
  (requests) => ({
    ...requests,
    submit: (draft) =>
      Effect.mapError(
        requests.submit(draft),
        ({ action, detail, reason }) => new RequestError({ action, detail, reason })
      )
  }),
  { apiThrottledShare: 0.5, apiRetryAfterSeconds: 30 }
)

const insistent = onPrograms(
  "a publish that fails is forgotten",
  (driver) => ({
    ...driver,
    publish: (call) => Effect.tapError(driver.publish(call), () => Effect.ignore(driver.unpublish(call)))
  }),
  { wrongKeyShare: 1 }
)

const discouraged = onEdge(
  "after a write that has failed nothing is written any more",
  VolumeFS,
  (fs) => {
    let isDiscouraged = false
    return {
      ...fs,
      write: (place, files) =>
        Effect.suspend(() =>
          isDiscouraged
            ? Effect.never
            : Effect.tapError(
                fs.write(place, files),
                Effect.fnUntraced(function* () {
                  isDiscouraged = true
                })
              )
        )
    }
  },
  { bundleRotationsPerDay: 48, disksFullPerDay: 48 }
)

const spinning = onEdge("a mount is told of in a circle", VolumeFS, (fs) => ({
  ...fs,
  mount: (place) => Effect.tap(fs.mount(place), Effect.repeat(Effect.logInfo("mounted"), { times: 200 }))
}))

const hoarder = onEdge(
  "a key that is taken up again is a copy",
  KeyGenerator,
  (keys) => ({
    ...keys,
    restore: (pkcs8, parameters) =>
      Effect.map(keys.restore(pkcs8, parameters), (key) => ({
        ...key,
        pkcs8: Redacted.make(new Uint8Array(Redacted.value(pkcs8)))
      }))
  }),
  { killsPerDay: 200, issuerDawdleSeconds: 60 }
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

const drowsy = onEdge(
  "a bundle's change is seen an hour late",
  TrustBundles,
  (bundles) => ({
    ...bundles,
    await: (bundle, held) =>
      Option.isSome(held) ? Effect.delay(bundles.await(bundle, held), Duration.hours(1)) : bundles.await(bundle, held)
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

const slow = onPrograms("a publish takes longer than its kubelet waits", (driver) => ({
  ...driver,
  publish: (call) => Effect.delay(driver.publish(call), Duration.minutes(3))
}))

const clinging = onPrograms("an unpublish takes its time", (driver) => ({
  ...driver,
  unpublish: (call) => Effect.delay(driver.unpublish(call), Duration.seconds(30))
}))

const discreet = onPrograms(
  "what a publish failed with is told late",
  (driver) => ({
    ...driver,
    publish: (call) => Effect.tapError(driver.publish(call), () => Effect.sleep(Duration.seconds(45)))
  }),
  { deniedShare: 0.5 }
)

const lingering = onPrograms("a publish is answered some time after its files are there", (driver) => ({
  ...driver,
  publish: (call) => Effect.tap(driver.publish(call), () => Effect.sleep(Duration.seconds(10)))
}))

const reticent = onPrograms(
  "whoever asks for a renewal hears late that it came to nothing",
  (driver) => ({
    ...driver,
    renewNow: (volumeId, patience) =>
      Effect.tapError(driver.renewNow(volumeId, patience), () => Effect.sleep(Duration.seconds(30)))
  }),
  { issuerDawdleSeconds: 600 }
)

const captious = onEdge("a record says that the certificate lacks a name", VolumeRecords, (records) => ({
  ...records,
  save: (record) =>
    records.save({
      ...record,
      issued: Option.map(record.issued, (issued) => ({ ...issued, remarks: ["it lacks the DNS name web.shop"] }))
    })
}))

const taciturn: Mutant = {
  flaw: "no warning reaches the log",
  layers: {
    driver: Layer.provide(Driver.layer, Layer.succeed(References.MinimumLogLevel, "Error"))
  },
  faults: Faults.of({ mountsPlantedPerDay: 60, killsPerDay: 60 })
}

/** Its records forget which request is open, and it deletes none, so that the next process asks once more. */
const asksTwice: Mutant = {
  flaw: "a process forgets the open requests of the one before",
  layers: {
    edges: Layer.merge(
      Layer.effect(
        VolumeRecords,
        Effect.map(VolumeRecords, (records) => ({
          ...records,
          all: Effect.map(records.all, (all) => all.map((record) => ({ ...record, pending: Option.none() })))
        }))
      ),
      hoarding.layers.edges ?? Layer.empty
    )
  },
  faults: Faults.of({ killsPerDay: 24, approvalStallsPerDay: 12 })
}

const fickle = onEdge("a request is withdrawn as soon as it is made", CertificateRequests, (requests) => ({
  ...requests,
  submit: (draft) => {
    const { spec, volumeId } = draft
    const withdrawn = requests.discard({ volumeId, namespace: spec.pod.namespace, isDoomed: () => true })
    return Effect.tap(requests.submit(draft), () => withdrawn)
  }
}))

const slovenly: Mutant = { ...hoarding, flaw: "what failed is never deleted", faults: Faults.of({ failedShare: 0.7 }) }

const notMine = onEdge("what a stranger has mounted is taken for nothing", VolumeFS, (fs) => ({
  ...fs,
  inspect: (target) => Effect.map(fs.inspect(target), (found) => (found === "foreign" ? "absent" : found))
}))

const doubled = onEdge("a bundle is believed to hold its certificates twice", TrustBundles, (bundles) => ({
  ...bundles,
  state: (bundle) =>
    Effect.map(
      bundles.state(bundle),
      Option.map((state) =>
        state._tag === "Present" ? { ...state, certificates: `${state.certificates}${state.certificates}` } : state
      )
    )
}))

const twice = onEdge("every set of files is written twice", VolumeFS, (fs) => ({
  ...fs,
  write: (place, files) => Effect.andThen(fs.write(place, copyOf(files)), fs.write(place, files))
}))

const otherPassword = onPrograms("a keystore gets another password than its pod says", (driver) => ({
  ...driver,
  publish: ({ context, ...call }) =>
    driver.publish({
      ...call,
      context: Object.fromEntries(
        Object.entries(context).map(([key, value]) => [key, key.endsWith("-password") ? `${value}?` : value])
      )
    })
}))

/** Its kubelet's later Secrets are not looked at. */
const firstPassword: Mutant = {
  ...onPrograms("the password of a volume's first publish stays", (driver) => {
    const first = new Map<string, Parameters<typeof driver.publish>[0]["secrets"]>()
    return {
      ...driver,
      publish: (call) => {
        const secrets = first.get(call.volumeId) ?? call.secrets
        first.set(call.volumeId, secrets)
        return driver.publish({ ...call, secrets })
      }
    }
  }),
  shows: ({ acts }) => acts.some(({ _tag }) => _tag === "WriteSecret")
}

const asleep = onEdge("only the first request of a process is made", CertificateRequests, (requests) => {
  let made = 0
  return {
    ...requests,
    submit: (draft) => Effect.suspend(() => (made++ < 1 ? requests.submit(draft) : Effect.never))
  }
})

const overlooking = onEdge("a renewal does not hear that it is signed", CertificateRequests, (requests) => {
  const [asked, renewals] = [new Set<string>(), new Set<string>()]
  return {
    ...requests,
    submit: (draft) => {
      if (asked.has(draft.volumeId)) renewals.add(draft.name)
      asked.add(draft.volumeId)
      return requests.submit(draft)
    },
    await: (request) => (renewals.has(request.name) ? Effect.never : requests.await(request))
  }
})

const resentful = onPrograms("a failure is told of for ever", (driver) => ({
  ...driver,
  status: Effect.map(driver.status, (volumes) =>
    volumes.map((volume) => ({
      ...volume,
      failure: {
        sentence: "it failed once",
        advice: "wait",
        temper: "transient" as const,
        failures: 1,
        at: DateTime.makeUnsafe(0),
        nextTry: DateTime.makeUnsafe(0)
      }
    }))
  )
}))

export const mutants: Readonly<Record<string, ReadonlyArray<Mutant>>> = {
  "whole sets": [oldKeyStays, fileByFile],
  "own certificate": [oneForAll],
  "never back": [returning],
  "nobody else's volume": [zealous],
  "nothing left": [recordStays, mountStays, lifeGoesOn],
  "final is final": [forgetful],
  "published is filled": [hasty],
  "gates hold": [gatesIgnored],
  "own names": [shownBy(5, guessing)],
  "answered in time": [slow, clinging],
  "answered when filled": [lingering],
  "operators answered": [shownBy(7, reticent)],
  "told of a denial": [discreet],
  "no false alarm": [premature],
  "time passes": [spinning],
  "pauses bounded": [sleepy, importunate],
  "pauses apart": [metronome],
  "failures counted": [countless],
  "useless answers held": [insistent],
  "rotations tried again": [discouraged],
  "one key, one request": [thrifty, repentant],
  "one at a time": [asksTwice],
  tidy: [slovenly],
  "somewhere to put it": [notMine],
  "nothing in vain": [fickle],
  "own account": [withTokens(ownName)],
  "few tries": [impatient],
  unhurried: [eager],
  "own trust": [doubled],
  "trust in time": [drowsy],
  "written once": [twice],
  "keystores open": [otherPassword],
  "passwords followed": [firstPassword],
  "renewed in time": [asleep],
  "signed is used": [overlooking],
  "recorded is shown": [credulous],
  "remarks are true": [captious],
  "strangers told": [taciturn],
  "past is past": [resentful],
  "secrets kept": [talkative, withTokens(tokenTold), passwordKept],
  "secrets overwritten": [shownBy(8, hoarder)],
  served: [shownBy(10, deaf)],
  "trust followed": [shownBy(9, faithless)],
  "names followed": [shownBy(8, stubborn())],
  "no orphans": [haunted],
  "few requests": [shownBy(10, hoarding)]
}
