/**
 * What cert-manager's csi-driver makes of some 300 blocks of attributes is the yardstick: `otherDriver.jsonl` holds one
 * block a line, what it asks for (`asks`, our own keys without their prefix), and what its certificate is to hold
 * (`gets`, where it is not the default; without it the other driver refuses). Each is read here. Each difference has to
 * stand in the table of k8s/attributes.md, which says why; a row without a difference has to go.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Option, Result, Schema } from "effect"
import { type DistinguishedName, parseDistinguishedName } from "../../src/spec/DistinguishedName.ts"
import { parseGoDuration } from "../../src/spec/GoDuration.ts"
import { decodeVolumeSpec, type VolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { settings } from "../kit/settings.ts"

const Texts = Schema.Array(Schema.String)
const Block = Schema.Struct({
  id: Schema.String,
  asks: Schema.Record(Schema.String, Schema.String),
  gets: Schema.optionalKey(
    Schema.Struct({
      subject: Schema.optionalKey(Schema.String),
      names: Schema.optionalKey(Texts),
      usages: Schema.optionalKey(Texts),
      duration: Schema.optionalKey(Schema.String)
    })
  )
})
type Block = typeof Block.Type

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

const blocks = read("otherDriver.jsonl")
  .trimEnd()
  .split("\n")
  .map((line) => Schema.decodeUnknownSync(Schema.fromJsonString(Block))(line))

/** The blocks that the table names for a kind of difference; a row without a reason does not count. */
const listed = (text: string, kind: string): ReadonlyArray<string> =>
  [...text.matchAll(/^\| (\w+) \| ([^|]+) \| ([^|]{20,}) \|$/gm)]
    .filter(([, one]) => one === kind)
    .flatMap(([, , ids = ""]) => [...ids.matchAll(/`([^`]+)`/g)].map(([, id = ""]) => id))

const contextOf = ({ asks }: Block) => ({
  "csi.storage.k8s.io/ephemeral": "true",
  "csi.storage.k8s.io/pod.name": "web-0",
  "csi.storage.k8s.io/pod.namespace": "apps",
  "csi.storage.k8s.io/pod.uid": "5f3c4f0e-9d53-4d0b-a6a7-0d1f0c2b7a11",
  "csi.storage.k8s.io/serviceAccount.name": "default",
  ...Object.fromEntries(
    Object.entries({ "issuer-name": "ca", "key-algorithm": "ECDSA", ...asks }).map(([key, text]) => [
      key.includes("/") ? key : `csi.cert-manager.io/${key}`,
      text
    ])
  )
})

const namesOf = (spec: VolumeSpec): ReadonlyArray<string> => [
  ...spec.dnsNames.map((name) => `DNS:${name}`),
  ...spec.ipAddresses.map((address) => `IP:${address}`),
  ...spec.uris.map((uri) => `URI:${uri}`),
  ...spec.emails.map((email) => `email:${email}`)
]

/** A name whose RDNs are sets. */
const asSets = (name: DistinguishedName) =>
  name.map((rdn) => rdn.map(({ type, value }) => `${type}=${value}`).toSorted())

const subjectIs = (spec: VolumeSpec, written: string): boolean => {
  const other = written === "" ? Result.succeed([]) : parseDistinguishedName(written)
  const hasEmpty = /=(?=$|[+,])/.test(written)
  return Result.isSuccess(other) && !hasEmpty && same(asSets(other.success), asSets(spec.subject))
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

/** How certlet differs from the other driver: it refuses the block, takes it, or makes another certificate of it. */
const difference = (block: Block): string | undefined => {
  const spec = Effect.runSync(Effect.result(decodeVolumeSpec(contextOf(block), settings)))
  if (Result.isFailure(spec)) return block.gets === undefined ? undefined : "refused"
  if (block.gets === undefined) return "taken"
  const { duration = "2160h", names = [], subject = "" } = block.gets
  const { usages = ["digital signature", "key encipherment"] } = block.gets
  const isSame =
    same(namesOf(spec.success).toSorted(), names.toSorted()) &&
    same(spec.success.usages, usages) &&
    Option.exists(parseGoDuration(duration), Duration.equals(spec.success.duration)) &&
    subjectIs(spec.success, subject)
  return isSame ? undefined : "other"
}

describe("blocks of attributes of the driver that certlet replaces", () => {
  const page = read("../../k8s/attributes.md")

  it("are as many as there were", () => {
    expect(blocks.length).toBe(317)
    expect(new Set(blocks.map(({ id }) => id)).size).toBe(317)
  })

  it.each(["refused", "taken", "other"])("are %s as the table of differences says", (kind) => {
    const found = blocks.filter((block) => difference(block) === kind).map(({ id }) => id)
    expect(found.toSorted()).toEqual(listed(page, kind).toSorted())
  })
})
