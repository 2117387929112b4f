/**
 * What looks like a mistake in a volume's attributes and does not keep its pod from being served. Pure. The driver that
 * certlet replaces knows fewer attributes, and reads some of them only where others are set: what it passes over is set
 * aside here before it is read, and is told to the pod's owner as a remark. `--strict-attributes` makes an error of it.
 */
import { Option, Record } from "effect"
import { attributeNames, subjectTypes } from "./Attributes.ts"
import { keystoreNames } from "./KeystoreRules.ts"
import { meantBy } from "./nearestOf.ts"
import { says } from "./Rule.ts"
import type { BrokenRule } from "./SpecError.ts"
import { prefix } from "./VolumeContext.ts"

type Texts = Readonly<Record<string, string>>

/** What people call an attribute that has a name unlike that. */
const synonyms: Texts = {
  algorithm: "key-algorithm",
  cn: "common-name",
  dns: "dns-names",
  "dns-sans": "dns-names",
  email: "email-sans",
  emails: "email-sans",
  "email-addresses": "email-sans",
  expiry: "duration",
  group: "issuer-group",
  "ip-addresses": "ip-sans",
  ips: "ip-sans",
  issuer: "issuer-name",
  kind: "issuer-kind",
  lifetime: "duration",
  o: "organizations",
  othernames: "other-names",
  ou: "organizationalunits",
  san: "dns-names",
  sans: "dns-names",
  size: "key-size",
  subject: "literal-subject",
  ttl: "duration",
  upn: "other-names",
  uris: "uri-sans",
  usages: "key-usages",
  validity: "duration"
}

/** The attribute that a name most likely means; none where nothing is near. */
const meant = (name: string): Option.Option<string> => {
  const bare = name.toLowerCase().replace(/^keystores?-/, "")
  return Option.orElse(Option.fromUndefinedOr(Object.hasOwn(synonyms, bare) ? synonyms[bare] : undefined), () =>
    meantBy(bare, attributeNames)
  )
}

const unknown = (name: string): string =>
  Option.match(meant(name), {
    onNone: () => "is not a known attribute",
    onSome: (near) => `is not a known attribute; did you mean ${prefix}${near}?`
  })

/** The attributes that mean the same where they hold nothing but blanks as where they are left out. */
const blankable = ["literal-subject", "common-name", "serialnumber", "issuer-kind", "issuer-group"]

const singles: ReadonlyArray<string> = subjectTypes.map(([name]) => name)

/** Why an attribute has no effect next to the others; undefined where it has one. */
const overruled = (name: string, written: Texts): string | undefined => {
  const has = (other: string, word: "on" | "off") => says(written[other], word)
  if (singles.includes(name) && (written["literal-subject"] ?? "").trim() !== "") {
    return "has no effect with literal-subject; write the whole subject in one of the two ways"
  }
  const kind = (["pkcs12", "jks"] as const).find((kind) => keystoreNames[kind].some((one) => one === name))
  if (kind !== undefined && has(`${kind}-enable`, "off")) return `has no effect with ${kind}-enable: "false"`
  const isTruststore = name.endsWith("-truststore-filename") || name === "truststore-passwordless"
  if (isTruststore && has("truststore-enable", "off")) return 'has no effect with truststore-enable: "false"'
  const noKeystore = ["pkcs12-enable", "jks-enable"].every((enable) => !has(enable, "on"))
  const isOff = has("pkcs12-enable", "off") || has("jks-enable", "off")
  return name === "truststore-enable" && has(name, "on") && noKeystore && isOff
    ? "has no effect where every keystore is disabled"
    : undefined
}

/** The attributes that are to be read, and a remark about each that is set aside. */
export const setAside = (written: Texts): readonly [asked: Texts, remarks: ReadonlyArray<BrokenRule>] => {
  const remarks: Array<BrokenRule> = []
  const asked = Record.filter(written, (text, name) => {
    if (text === "" && attributeNames.includes(name)) return false
    const remark = !attributeNames.includes(name)
      ? unknown(name)
      : blankable.includes(name) && text.trim() === ""
        ? "holds nothing but spaces"
        : overruled(name, written)
    if (remark !== undefined) remarks.push([name, remark])
    return remark === undefined
  })
  return [asked, remarks]
}
