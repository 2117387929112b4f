/**
 * Bills of materials in CycloneDX' format (1.6): of the bundle, written by the build, and of an image, which has Node
 * and Debian's packages too. The same parts give the same bytes: no clock, no random serial number, everything sorted.
 */
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library"
import { type BundledPackage, isAllowed } from "./bundled.ts"

/** One thing that something is made of. */
export interface Part {
  readonly name: string
  readonly version: string
  /** A package URL: `pkg:npm/effect@4.1.0`. */
  readonly purl: string
  /** An SPDX expression. */
  readonly license?: string
  /** A hash of what was fetched, in hex. */
  readonly hash?: { readonly algorithm: "SHA-256" | "SHA-512"; readonly hex: string }
}

const algorithms = { "SHA-256": Enums.HashAlgorithm["SHA-256"], "SHA-512": Enums.HashAlgorithm["SHA-512"] } as const

const componentOf = ({ hash, license, name, purl, version }: Part): Models.Component => {
  const component = new Models.Component(Enums.ComponentType.Library, name, { version, purl, bomRef: purl })
  if (hash !== undefined) component.hashes.set(algorithms[hash.algorithm], hash.hex)
  if (license !== undefined) component.licenses.add(new Models.LicenseExpression(license))
  return component
}

/** The bill of something, as JSON. */
export const billOf = (whole: Part, type: "application" | "container", parts: ReadonlyArray<Part>): string => {
  const top = componentOf(whole)
  top.type = type === "application" ? Enums.ComponentType.Application : Enums.ComponentType.Container
  const bom = new Models.Bom({ metadata: new Models.Metadata({ component: top }) })
  for (const part of parts) {
    const component = componentOf(part)
    bom.components.add(component)
    top.dependencies.add(component.bomRef)
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`
}

/** What a bundled package is in a bill, with the hash that the lock holds of it. */
export const partOf = ({ license, name, version }: BundledPackage, integrity: string | undefined): Part => ({
  name,
  version,
  purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
  ...(isAllowed(license) ? { license } : {}),
  ...(integrity?.startsWith("sha512-")
    ? { hash: { algorithm: "SHA-512", hex: Buffer.from(integrity.slice(7), "base64").toString("hex") } }
    : {})
})
