/** Mutants of what lies on the node's disk: volumes, records, seals. */
import { type Mutant, mutantsNear } from "../Mutant.ts"

const records = mutantsNear("volume/VolumeRecord.test.ts", "contract/VolumeRecords.test.ts")
const volumes = mutantsNear("volume/NodeVolumeFS.test.ts", "contract/VolumeFS.test.ts")

/** The mutants of `volume/`. */
export const inVolume: ReadonlyArray<Mutant> = [
  ...records("volume/NodeVolumeRecords.ts", [
    {
      name: "record-written-in-place",
      from: "    fs.renameSync(unfinished, `${folder}/${name}`)\n",
      to: "    fs.writeFileSync(`${folder}/${name}`, text, { mode: 0o600 })\n    fs.rmSync(unfinished)\n",
      broken: "a crash leaves half a record"
    },
    {
      name: "failed-save-leaves-key",
      from: 'Effect.onError(() => Effect.ignore(attempt("save", volumeId, () => fs.rmSync(unfinished, { force: true }))))',
      to: "Effect.onError(() => Effect.void)",
      broken: "a save that failed leaves a temporary file with a key"
    },
    {
      name: "leftovers-stay",
      from: "for (const name of namesIn(folder).filter((name) => unfinishedName.test(name))) fs.rmSync(`${folder}/${name}`)",
      to: "",
      broken: "what a crash left half written, with a key, stays"
    },
    {
      name: "removal-leaves-copies",
      from: "for (const gone of [name, damagedName(name), `.${name}.tmp`]) {",
      to: "for (const gone of [name]) {",
      broken: "a record that was set aside outlives its pod, with its key"
    },
    {
      name: "keys-on-a-disk",
      from: "encodeRecord(mayKeepKeys ? record : withoutPending(record))",
      to: "encodeRecord(record)",
      broken: "a key is written to a disk"
    },
    {
      name: "readable-by-others",
      from: '{ flag: "wx", mode: 0o600 }',
      to: '{ flag: "wx", mode: 0o644 }',
      broken: "everybody may read a record with a key"
    },
    {
      name: "strangers-data-root",
      from: "if (uid !== process.geteuid?.()) throw",
      to: "if (uid < 0) throw",
      broken: "records go into a folder of somebody else's"
    },
    {
      name: "anothers-record",
      from: 'if (found._tag === "Read" && fileName(found.record.volumeId) === name) return Option.some(found.record)',
      to: 'if (found._tag === "Read") return Option.some(found.record)',
      broken: "a record under another volume's name is believed"
    },
    {
      name: "later-record-set-aside",
      from: 'if (found._tag === "Later") {',
      to: 'if (text === "Later") {',
      broken: "a certlet that is rolled back throws the newer one's records away"
    },
    {
      name: "unreadable-set-aside",
      from: "    Effect.catchIf(isNoRecord, () => Effect.succeedNone),\n    Effect.retry(patient)",
      to: "    Effect.catch(() => Effect.succeedNone)",
      broken: "a record that cannot be read for a moment is set aside"
    }
  ]),
  ...volumes("volume/NodeFileSwap.ts", [
    {
      name: "swap-interruptible",
      from: "  if (options.durable) yield* synced(spot, folder.fd)\n}, Effect.uninterruptible)",
      to: "  if (options.durable) yield* synced(spot, folder.fd)\n})",
      broken: "a swap that is interrupted half way leaves a set with a key that nobody knows",
      equivalent: "a swap that is interrupted is taken back as one that failed, and the set before it stands"
    },
    {
      name: "failed-swap-stays",
      from: "    Effect.onError(() => abandon(spot, folder, before))\n",
      to: "    Effect.onError(() => Effect.void)\n",
      broken: "a swap that failed leaves its key and its links"
    },
    {
      name: "dangling-links-stay",
      from: "now.filter((left) => left === dataNext || !before.has(left))",
      to: 'now.filter((left) => left.startsWith("..") && !before.has(left))',
      broken: "a swap that failed leaves links that lead nowhere"
    },
    {
      name: "old-sets-stay",
      from: "  yield* Effect.ignore(attempt(spot, () => keepOnly(folder, name, files)))\n",
      to: "",
      broken: "the keys of earlier certificates stay in the volume"
    },
    {
      name: "leftovers-not-swept",
      from: "if (name === dataNext || (isStage(name) && name !== current)) drop(folder, name)",
      to: "if (name === dataNext) drop(folder, name)",
      broken: "what a crash left fills the volume up"
    },
    {
      name: "current-set-swept",
      from: "const current = currentStage(folder)\n",
      to: "const current = undefined\n",
      broken: "a sweep takes the files that the pod sees"
    },
    {
      name: "mode-ignored",
      from: "fs.fchmodSync(fd, file.mode & 0o777)",
      to: "fs.fchmodSync(fd, 0o444)",
      broken: "everybody in the container may read the key"
    }
  ]),
  ...volumes("volume/NodeFolder.ts", [
    {
      name: "strangers-link-trusted",
      from: "return isTrusted(stat.uid) && isTrusted(around.uid) && !writable",
      to: "return isTrusted(stat.uid)",
      broken: "a link in a folder that others may write leads a key elsewhere"
    },
    {
      name: "links-below-pods",
      from: 'return real === path.join(root, ...segments.slice(above.length)) ? undefined : "a folder of the path is a link"',
      to: 'return root === real ? "a folder of the path is a link" : undefined',
      broken: "a link in a pod's own folders leads a key elsewhere"
    },
    {
      name: "target-link-followed",
      from: "open(spot.path, fs.constants.O_NOFOLLOW)",
      to: "open(spot.path, 0)",
      broken: "a link at the target leads a key elsewhere"
    }
  ]),
  ...volumes("volume/NodeVolumeFS.ts", [
    {
      name: "missing-mount-is-gone",
      from: 'return pods.endsWith("/pods") && fs.existsSync(pods) && fs.readdirSync(pods).length > 0',
      to: 'return pods.endsWith("/pods")',
      broken: "a hostPath mount that is missing makes certlet forget every record"
    },
    {
      name: "empty-pods-is-gone",
      from: "fs.existsSync(pods) && fs.readdirSync(pods).length > 0",
      to: "fs.existsSync(pods)",
      broken: "a hostPath mount that shows an empty folder makes certlet forget every record"
    },
    {
      name: "failed-mount-stays",
      from: ").pipe(Effect.onError(() => Effect.ignore(undo)))",
      to: ").pipe(Effect.onError(() => Effect.void))",
      broken: "a mount that failed leaves its folder"
    },
    {
      name: "cancelled-mount-stays",
      from: "made ? Effect.onInterrupt(restore(Effect.void), () => Effect.ignore(takeAway(medium, target))) : Effect.void",
      to: "made ? Effect.void : Effect.void",
      broken: "a mount whose caller has gone stays"
    },
    {
      name: "writes-anywhere",
      from: "(mine): Effect.Effect<A | B, E | E2 | VolumeError, R | R2> => (mine ? use(spot, folder) : otherwise)",
      to: "(): Effect.Effect<A | B, E | E2 | VolumeError, R | R2> => use(spot, folder)",
      broken: "a key is written to a disk where the mount is missing"
    }
  ]),
  ...volumes("volume/NodeSetMark.ts", [
    {
      name: "damage-not-seen",
      from: "return digest !== undefined && (mark === undefined || digest === mark)",
      to: "return digest !== undefined",
      broken: "a file that was truncated is not noticed"
    }
  ]),
  ...mutantsNear("volume/NodeMedium.test.ts", "contract/VolumeFS.test.ts")("volume/NodeMedium.ts", [
    {
      name: "swap-possible",
      from: 'Effect.tap(mountTmpfs(spot, folder, [...options, "noswap"]), () => {',
      to: "Effect.tap(mountTmpfs(spot, folder, [...options]), () => {",
      broken: "keys may reach the node's swap"
    },
    {
      name: "size-without-limit",
      from: "  `size=${sizeLimit}`,\n",
      to: "",
      broken: "a pod's volume may fill the node's memory"
    }
  ]),
  ...mutantsNear("volume/Seal.test.ts")("volume/Seal.ts", [
    {
      name: "nonce-repeats",
      from: "const nonce = yield* bytes(nonceLength)",
      to: "const nonce = yield* Effect.as(bytes(nonceLength), new Uint8Array(nonceLength))",
      broken: "two seals under one key tell of each other"
    }
  ])
]
