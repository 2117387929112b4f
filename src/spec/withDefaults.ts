/**
 * Attributes that a node adds where a pod does not write them (`--default-attribute`). Pure. What the pod writes wins,
 * also where it is empty: so a pod does without a default. Attributes that make one choice together, such as the issuer
 * or the key, are not mixed from both. A default that only means something with another attribute is left out without
 * it, because nobody has asked for it.
 */
import { Record, Result } from "effect"
import { attributeNames, subjectTypes } from "./Attributes.ts"
import { keystoreNames } from "./KeystoreRules.ts"
import { type Rule, says } from "./Rule.ts"
import { prefix } from "./VolumeContext.ts"

type Texts = Readonly<Record<string, string>>

/** A default as a flag writes it: `duration=24h`. Passwords are none, because everybody may read a command line. */
export const defaultAttribute: Rule<readonly [name: string, value: string]> = (text) => {
  const equals = text.indexOf("=")
  const [name, value] = [text.slice(0, Math.max(0, equals)).trim().replace(prefix, ""), text.slice(equals + 1)]
  if (name === "pkcs12-password" || name === "jks-password") {
    return Result.fail(`${name}-from=generate or ${name}-from=secret:KEY instead of a password that everybody can read`)
  }
  return attributeNames.includes(name) && value.trim() !== ""
    ? Result.succeed([name, value])
    : Result.fail("ATTRIBUTE=VALUE with an attribute of volumes and a value that is not empty")
}

/** Attributes that make one choice: whoever writes one of them chooses for all. */
const choices: ReadonlyArray<ReadonlyArray<string>> = [
  ["renew-before", "renew-before-percentage"],
  ["key-algorithm", "key-size", "key-encoding"],
  ["pkcs12-password", "pkcs12-password-from"],
  ["jks-password", "jks-password-from"]
]
const issuer: ReadonlyArray<string> = ["issuer-name", "issuer-kind", "issuer-group"]
const singles: ReadonlyArray<string> = subjectTypes.map(([name]) => name)

/** True where the pod has chosen itself what a default is for. */
const isChosen = (name: string, written: Texts, defaults: Texts): boolean => {
  const writes = (names: ReadonlyArray<string>) => names.some((one) => one in written)
  if (name in written || choices.some((choice) => choice.includes(name) && writes(choice))) return true
  // A kind alone is a default for every issuer; with a name it belongs to that issuer.
  if (issuer.includes(name)) return "issuer-name" in defaults && writes(issuer)
  return name === "literal-subject" ? writes(singles) : singles.includes(name) && writes(["literal-subject"])
}

/** True where nothing that a default belongs to is asked for. */
const isIdle = (name: string, texts: Texts): boolean => {
  const isOn = (enable: string) => says(texts[enable], "on")
  const kind = (["pkcs12", "jks"] as const).find((kind) => keystoreNames[kind].some((one) => one === name))
  if (kind !== undefined && !isOn(`${kind}-enable`)) return true
  if (name.endsWith("-truststore-filename")) return !isOn("truststore-enable")
  if (name.endsWith("-password-file")) return texts[name.replace("-file", "-from")] !== "generate"
  if (name === "other-names") return isOn("spiffe")
  const hasStore = isOn("pkcs12-enable") || isOn("jks-enable")
  if (name === "truststore-passwordless") return !hasStore || !isOn("truststore-enable")
  return name === "truststore-enable" && !hasStore
}

/** The attributes that a pod asks for, with the defaults; `written` is everything that it writes, empty ones too. */
export const withDefaults = (asked: Texts, written: Texts, defaults: Texts): Texts => {
  const chosen = { ...Record.filter(defaults, (_, name) => !isChosen(name, written, defaults)), ...asked }
  return Record.filter(chosen, (_, name) => name in asked || !isIdle(name, chosen))
}
