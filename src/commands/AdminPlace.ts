/**
 * Where the operator's socket is: the process that serves it and the commands that ask it have to agree on this, so
 * they share the flags that say it.
 */
import { Option } from "effect"
import { Flag } from "effect/cli"
import * as Rules from "./FlagRules.ts"
import { setting, settingOr } from "./Flags.ts"

/** The data root, and the socket where it lies elsewhere. */
export const placeFlags = {
  dataRoot: settingOr(
    "data-root",
    Rules.absolutePath,
    "where the records of volumes are kept; memory-backed",
    "/run/certlet",
    "/run/certlet"
  ),
  adminSocket: setting(
    "admin-socket",
    Rules.endpoint,
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
