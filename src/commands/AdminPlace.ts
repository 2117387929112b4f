/**
 * Where the operator's socket is: the process that serves it and the commands that ask it have to agree on this, so
 * they share the flags that say it.
 */
import { Option } from "effect"
import { Flag } from "effect/cli"
import * as Rules from "./FlagRules.ts"
import { place, socket } from "./Flags.ts"

/** The data root, and the socket where it lies elsewhere. */
export const placeFlags = {
  dataRoot: place(
    "data-root",
    Rules.path,
    "where the records of volumes are kept; memory-backed (default /run/certlet)"
  ).pipe(Flag.withDefault("/run/certlet")),
  adminSocket: socket(
    "admin-socket",
    "the socket of certlet status and certlet renew, for root only (default admin/certlet.sock below the data root)"
  ).pipe(Flag.optional)
}

/** What `placeFlags` read. */
export interface AdminPlace {
  readonly adminSocket: Option.Option<string>
  readonly dataRoot: string
}

/** The operator's socket: where the flag says, else below the data root. */
export const adminSocketOf = ({ adminSocket, dataRoot }: AdminPlace): string =>
  Option.getOrElse(adminSocket, () => `${dataRoot}/admin/certlet.sock`)
