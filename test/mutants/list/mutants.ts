/** All mutants, room by room. */
import type { Mutant } from "../Mutant.ts"
import { inDriver } from "./driver.ts"
import { inIssuance } from "./issuance.ts"
import { inKube } from "./kube.ts"
import { inSpec } from "./spec.ts"
import { inVolume } from "./volume.ts"

/** The list. */
export const mutants: ReadonlyArray<Mutant> = [...inDriver, ...inIssuance, ...inVolume, ...inKube, ...inSpec]
