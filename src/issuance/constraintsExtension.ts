/**
 * Name constraints as X.509 has them (RFC 5280, 4.2.1.10), in a signing request and in what an issuer made of it. Pure.
 * The extension is critical, as the standard demands of CAs: a program that does not understand it must not trust the
 * certificate.
 */
import { AsnConvert } from "@peculiar/asn1-schema"
import {
  type Certificate,
  type GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints
} from "@peculiar/asn1-x509"
import { type Extension, extensionIn, generalName } from "../pki/Extension.ts"
import type { NameConstraint } from "../spec/NameConstraints.ts"

const subtrees = (constraints: ReadonlyArray<NameConstraint>, side: NameConstraint["side"]) => {
  const own = constraints.filter((constraint) => constraint.side === side)
  return own.length === 0
    ? undefined
    : new GeneralSubtrees(
        own.map((constraint) => new GeneralSubtree({ base: generalName(constraint.type, constraint.value) }))
      )
}

/** The extension for these constraints, of which there must be one at least. */
export const constraintsExtension = (constraints: ReadonlyArray<NameConstraint>): Extension => {
  const [permitted, excluded] = [subtrees(constraints, "permitted"), subtrees(constraints, "excluded")]
  const value = new NameConstraints({
    ...(permitted === undefined ? {} : { permittedSubtrees: permitted }),
    ...(excluded === undefined ? {} : { excludedSubtrees: excluded })
  })
  return { id: id_ce_nameConstraints, critical: true, value }
}

/**
 * A constraint as one text that begins with its kind; the case of domains makes no difference, that of mailboxes may.
 */
const encoded = (base: GeneralName): string => {
  const bytes = new Uint8Array(AsnConvert.serialize(base))
  const [kind = 0] = bytes
  const text = [...bytes].map((byte) => String.fromCharCode(byte)).join("")
  return base.dNSName !== undefined || base.uniformResourceIdentifier !== undefined
    ? `${kind}:${text.toLowerCase()}`
    : `${kind}:${text}`
}

type Sides = Readonly<Record<NameConstraint["side"], ReadonlyArray<GeneralName>>>

const constraintsOf = (certificate: Certificate): Sides => {
  const extension = extensionIn(certificate, id_ce_nameConstraints)
  if (extension === undefined) return { permitted: [], excluded: [] }
  const { excludedSubtrees, permittedSubtrees } = AsnConvert.parse(extension.extnValue, NameConstraints)
  return {
    permitted: [...(permittedSubtrees ?? [])].map(({ base }) => base),
    excluded: [...(excludedSubtrees ?? [])].map(({ base }) => base)
  }
}

const kindOf = (encoding: string): string => encoding.slice(0, encoding.indexOf(":"))

/**
 * What makes a certificate's constraints weaker than those that were asked for; nothing where they are as strict. An
 * issuer may forbid more. A further permitted subtree of a kind that was asked for would allow more, and is weaker.
 */
export const weakerThanAsked = (certificate: Certificate, asked: ReadonlyArray<NameConstraint>): string | undefined => {
  if (asked.length === 0) return undefined
  const found = constraintsOf(certificate)
  const has = (side: NameConstraint["side"]) => new Set(found[side].map(encoded))
  const present = { permitted: has("permitted"), excluded: has("excluded") }
  const missing = asked.find(
    (constraint) => !present[constraint.side].has(encoded(generalName(constraint.type, constraint.value)))
  )
  if (missing !== undefined) return `it lacks the constraint "${missing.side} ${missing.value}"`
  const wanted = new Set(
    asked.filter(({ side }) => side === "permitted").map((one) => encoded(generalName(one.type, one.value)))
  )
  const kinds = new Set([...wanted].map(kindOf))
  const further = [...present.permitted].some((one) => kinds.has(kindOf(one)) && !wanted.has(one))
  return further ? "it permits more names than were asked for" : undefined
}
