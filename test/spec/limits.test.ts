// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how pods write variables
import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { inThousands } from "../../src/pki/inThousands.ts"
import { limits } from "../../src/spec/Limits.ts"
import { passwordsOf, serviceAccountToken } from "../../src/spec/VolumeSecrets.ts"
import { decodeVolumeSpec } from "../../src/spec/VolumeSpec.ts"
import { settings } from "../kit/settings.ts"

type Texts = Readonly<Record<string, string>>

const ours = "csi.cert-manager.io/"
const kubelets = "csi.storage.k8s.io/"

const context = (attributes: Texts, others: Texts = {}): Texts => ({
  [`${kubelets}ephemeral`]: "true",
  [`${kubelets}pod.name`]: "web-0",
  [`${kubelets}pod.namespace`]: "shop",
  [`${kubelets}pod.uid`]: "0000-1",
  [`${kubelets}serviceAccount.name`]: "clerk",
  [`${ours}issuer-name`]: "ca",
  ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [ours + key, value])),
  ...others
})
const decode = (attributes: Texts, others: Texts = {}, followed: Option.Option<Texts> = Option.none()) =>
  decodeVolumeSpec(context(attributes, others), settings, followed)
const refusal = (attributes: Texts, others: Texts = {}, followed: Option.Option<Texts> = Option.none()) =>
  Effect.map(Effect.flip(decode(attributes, others, followed)), ({ message }) => message.replace(ours, ""))

const many = (count: number, name: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => name(index))

describe("what a pod asks for", () => {
  it.effect("may hold as many names as the table says, and is refused by name with one more", () =>
    Effect.gen(function* () {
      const host = (index: number) => `h${index}.example`
      expect((yield* decode({ "dns-names": many(1000, host).join(",") })).dnsNames).toHaveLength(1000)
      expect(yield* refusal({ "dns-names": many(1001, host).join(",") })).toBe(
        "dns-names: has 1,001 names; a certificate may hold 1,000"
      )
      expect(yield* refusal({ "other-names": many(1001, (index) => `upn=${index}`).join(",") })).toBe(
        "other-names: has 1,001 names; a certificate may hold 1,000"
      )
      expect(yield* refusal({ "dns-names": "a,".repeat(12_000) })).toBe(
        "dns-names: has 12,000 names; a certificate may hold 1,000"
      )
      const three = { "dns-names": many(500, host).join(","), organizations: many(501, String).join(",") }
      expect(yield* refusal(three)).toBe(
        "organizations: has 501 names, and with the other attributes there are 1,001; a certificate may hold 1,000"
      )
      expect(yield* refusal({ "literal-subject": many(1001, (index) => `O=${index}`).join("+") })).toBe(
        "literal-subject: has 1,001 names; a certificate may hold 1,000"
      )
      expect(yield* refusal({ "is-ca": "true", "permitted-ip-ranges": "::/0,".repeat(1001) })).toBe(
        "permitted-ip-ranges: has 1,001 names; a certificate may hold 1,000"
      )
    })
  )

  it.effect("is refused where an attribute, the context or its keys are too long", () =>
    Effect.gen(function* () {
      expect((yield* decode({ organizations: "x".repeat(limits.attributeLength) })).subject).toHaveLength(1)
      expect(yield* refusal({ organizations: "x".repeat(320_000) })).toBe(
        "organizations: has 320,000 characters, but may have 32,768 at most"
      )
      const notes = Object.fromEntries(
        many(9, (index) => `example.com/${index}`).map((key) => [key, "x".repeat(30_000)])
      )
      expect(yield* refusal({}, notes)).toMatch(
        /^volumeAttributes: has 270,\d{3} characters, with what the kubelet adds, but may have 262,144 at most$/
      )
      const keys = Object.fromEntries(many(300, (index) => `example.com/${index}`).map((key) => [key, ""]))
      expect(yield* refusal({}, keys)).toBe("volumeAttributes: has 306 keys, but may have 256 at most")
      expect(yield* refusal({}, { [`a/${"x".repeat(400)}`]: "" })).toMatch(
        /^volumeAttributes: has the key "a\/xxx.* 317 /
      )
    })
  )

  it.effect("is refused where its variables make it too long, however short it was", () =>
    Effect.gen(function* () {
      const rule = "dns-names: has more than 32,768 characters with its variables put in"
      const followed = Option.some({ "POD_ANNOTATION:x": "y".repeat(20_000) })
      expect(yield* refusal({ "dns-names": "${POD_ANNOTATION:x}${POD_ANNOTATION:x}" }, {}, followed)).toBe(rule)
      expect(
        yield* refusal(
          { "dns-names": "$POD_NAMESPACE,".repeat(2000) },
          { [`${kubelets}pod.namespace`]: "n".repeat(60) }
        )
      ).toBe(rule)
    })
  )

  it.effect("has tokens of a bounded length", () =>
    Effect.gen(function* () {
      const tokens = JSON.stringify({ "": { token: "x".repeat(70_000) } })
      const error = yield* Effect.flip(serviceAccountToken({ [`${kubelets}serviceAccount.tokens`]: tokens }, {}))
      expect(error.message).toMatch(/tokens: has 70,\d{3} characters, but may have 65,536 at most$/)
    })
  )

  it.effect("finds no password under a key that every object of JavaScript has", () =>
    Effect.gen(function* () {
      for (const key of ["constructor", "__proto__", "toString"]) {
        const attributes = { "pkcs12-enable": "true", "pkcs12-password-from": `secret:${key}` }
        const spec = yield* decode(attributes)
        const error = yield* Effect.flip(passwordsOf(spec, context(attributes), {}))
        expect(error.message).toContain(`finds no key "${key}"`)
        const secrets = Object.fromEntries([[key, Redacted.make("opensesame")]])
        const found = yield* passwordsOf(spec, context(attributes), secrets)
        expect(Option.map(Option.fromUndefinedOr(found.get("pkcs12")), Redacted.value)).toEqual(
          Option.some("opensesame")
        )
      }
    })
  )
})

describe("a variable within an attribute that has parts", () => {
  const x = (value: string) => Option.some({ "POD_ANNOTATION:x": value })

  it.effect("may be several elements of a list where it is an element by itself", () =>
    Effect.gen(function* () {
      for (const [text, expected] of [
        ["${POD_ANNOTATION:x}", ["a.svc", "b.svc"]],
        ["w.svc , ${POD_ANNOTATION:x} ", ["w.svc", "a.svc", "b.svc"]],
        ["${POD_ANNOTATION:x},w.svc", ["a.svc", "b.svc", "w.svc"]]
      ] as const) {
        expect((yield* decode({ "dns-names": text }, {}, x("a.svc,b.svc"))).dnsNames).toEqual(expected)
      }
      const { subject } = yield* decode({ organizations: "One,${POD_ANNOTATION:x}" }, {}, x('Two,"Three, Inc."'))
      expect(subject[0]?.map(({ value }) => value)).toEqual(["One", "Two", "Three, Inc."])
    })
  )

  it.effect("is text within an element: it cannot make two of one", () =>
    Effect.gen(function* () {
      const rule = (attribute: string, value: string, what: string) =>
        `${attribute}: may not hold \${POD_ANNOTATION:x} within an element, because its value ${JSON.stringify(value)} ` +
        `holds ${what}; give the variable an element of its own, or change its value`
      for (const text of [
        "web-${POD_ANNOTATION:x}.svc",
        "${POD_ANNOTATION:x}.svc",
        "web-${POD_ANNOTATION:x}",
        "a,b${POD_ANNOTATION:x}"
      ]) {
        expect(yield* refusal({ "dns-names": text }, {}, x("a,admin.svc"))).toBe(
          rule("dns-names", "a,admin.svc", "a comma")
        )
        expect((yield* decode({ "dns-names": text }, {}, x("a"))).dnsNames).not.toEqual([])
      }
      for (const value of ["a,b", 'a"b', "a\nb"]) {
        expect(yield* refusal({ organizations: "One ${POD_ANNOTATION:x}" }, {}, x(value))).toBe(
          rule("organizations", value, "a comma, a quote or a line break")
        )
      }
    })
  )

  it.effect("is text between the quotes of a CSV list", () =>
    Effect.gen(function* () {
      const { subject } = yield* decode(
        { organizations: '"${POD_ANNOTATION:x}","The ""${POD_ANNOTATION:x}"" group",Three' },
        {},
        x('Two, "Inc."')
      )
      expect(subject[0]?.map(({ value }) => value)).toEqual(['Two, "Inc."', 'The "Two, "Inc."" group', "Three"])
    })
  )

  it.effect("is text within a literal subject, and a subject where it is all of it", () =>
    Effect.gen(function* () {
      const value = ' a,O=evil+CN=b;#"\\'
      const { subject } = yield* decode({ "literal-subject": "CN=${POD_ANNOTATION:x},C=DE" }, {}, x(value))
      expect(subject.flat().map(({ value }) => value)).toEqual(["DE", value])
      const whole = yield* decode({ "literal-subject": " ${POD_ANNOTATION:x} " }, {}, x("CN=a,O=b"))
      expect(whole.subject).toHaveLength(2)
      expect(yield* refusal({ "literal-subject": "CN=\\${POD_ANNOTATION:x}" }, {}, x(",O=evil"))).toBe(
        "literal-subject: may not hold a backslash before ${POD_ANNOTATION:x}; its value is escaped as it is"
      )
    })
  )
})

describe("the table of limits", () => {
  it("stands in the manual as it stands in the code", () => {
    const manual = readFileSync(new URL("../../k8s/attributes.md", import.meta.url), "utf8")
    const section = manual.slice(manual.indexOf("## Limits"), manual.indexOf("## Variables"))
    const { ownFiles: _, ...stated } = limits
    const numbers = Object.values(stated).flatMap((limit) =>
      typeof limit === "number" ? [limit] : [limit.length, limit.blocks]
    )
    expect([...section.matchAll(/[\d,]*\d/g)].map(([number]) => number)).toEqual(numbers.map(inThousands))
  })
})
