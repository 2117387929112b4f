/**
 * What a volume of a story asks for beyond a plain certificate: trust bundles, names that follow its pod, gates,
 * keystores, profiles. Each is drawn, and what a volume asks for is all that its pod's owner writes. Pure.
 */
import { prefix } from "../../spec/VolumeContext.ts"
import type { Dice } from "../parts/Dice.ts"
import { keystoreSecret, passwordMark } from "../parts/SimPod.ts"

// biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
const podAddress = "${POD_IP}"
// biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
const team = "${POD_LABEL:team}"
// biome-ignore lint/suspicious/noTemplateCurlyInString: certlet expands these, not JavaScript
const spiffeId = "spiffe://cluster.local/ns/${POD_NAMESPACE}/pod/${POD_NAME}"
/** The attribute that holds a volume back. */
export const gateAttribute = `${prefix}pod-readiness-gate`
/** The trust bundles that volumes name. */
export const bundles = ["ConfigMap/roots", "ClusterTrustBundle/corp"] as const

/** A keystore, and where its password comes from. */
const drawKeystore = (dice: Dice): Readonly<Record<string, string>> => {
  const kind = dice.pick(["pkcs12", "jks"])
  const password = `${passwordMark}${dice.hex(16)}`
  const source = dice.pick([
    { [`${kind}-password`]: password },
    { [`${kind}-password-from`]: `secret:${keystoreSecret}` },
    { [`${kind}-password-from`]: "generate" }
  ])
  const all = { [`${kind}-enable`]: "true", ...source, ...(dice.chance(0.5) ? { "truststore-enable": "true" } : {}) }
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [prefix + name, value]))
}

/** A certificate that has to be more than a server's: an SVID, or a CA whose names are constrained. */
const drawProfile = (dice: Dice): Readonly<Record<string, string>> =>
  dice.chance(0.5)
    ? { [`${prefix}spiffe`]: "true", [`${prefix}uri-sans`]: spiffeId }
    : { [`${prefix}is-ca`]: "true", [`${prefix}permitted-dns-domains`]: "apps.svc" }

/**
 * What a volume asks for beyond a plain certificate: each thing seldom, and any of them together. `labelled` is the
 * share of volumes with a name that follows a label.
 */
export const drawFeatures = (dice: Dice, host: string, labelled: number) => {
  const [bundle, address, label] = [dice.chance(0.2), dice.chance(0.15), dice.chance(labelled)]
  const gate = dice.chance(0.2) ? dice.pick(["pod-ip:any", "pod-condition:Provisioned"]) : undefined
  const attributes = {
    ...(bundle ? { [`${prefix}trust-bundle`]: dice.pick(bundles) } : {}),
    ...(address ? { [`${prefix}ip-sans`]: podAddress } : {}),
    ...(gate === undefined ? {} : { [gateAttribute]: gate }),
    ...(address || gate !== undefined ? { [`${prefix}continue-on-not-ready`]: "true" } : {}),
    ...(dice.chance(0.12) ? drawKeystore(dice) : {}),
    ...(dice.chance(0.15) ? drawProfile(dice) : {})
  }
  const names = label ? { dnsNames: [host, `${team}.${host}`] } : {}
  return { wish: { ...names, attributes }, label, gate }
}
