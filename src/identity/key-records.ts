/** What the service reads of the stored keys to authenticate callers: the port to the record in Postgres. */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Marks } from "./access-marks.ts"
import type { Caller } from "./caller.ts"

/** A key as it is needed to authenticate a request. */
export interface KeyRecord {
  readonly id: string
  /** The keyed hash of the key. It must not get into logs or errors. */
  readonly hash: string
  /** The terms that the hash is bound to, as one text. */
  readonly terms: string
  readonly caller: Caller
  /** The networks from which it works, in CIDR notation; from everywhere if there are none. */
  readonly networks: ReadonlyArray<string>
  /** The time from which it does not work, in milliseconds since 1970; infinite if there is none. */
  readonly endsMs: number
  readonly partnerSuspended: boolean
}

export class KeyRecords extends Context.Service<
  KeyRecords,
  {
    /** The records of some keys, at most 1,000. Ids of no key are left out. */
    readonly find: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<KeyRecord>, StoreUnavailable>
    /** The keys that work, those that were used last first. */
    readonly recent: (limit: number) => Effect.Effect<ReadonlyArray<KeyRecord>, StoreUnavailable>
    /** Notes when keys were last used, in milliseconds since 1970. A use within a minute of the last noted one is dropped. */
    readonly noteUses: (uses: ReadonlyMap<string, number>) => Effect.Effect<void, StoreUnavailable>
    /** When any of some operators was last signed out, in milliseconds since 1970. */
    readonly lastSignOut: (
      operators: ReadonlyArray<string>,
    ) => Effect.Effect<number | undefined, StoreUnavailable>
    /**
     * What took access away since a time, by the record: keys that were revoked or replaced, partners,
     * settings, and sign-outs.
     */
    readonly marksSince: (sinceMs: number) => Effect.Effect<Marks, StoreUnavailable>
  }
>()("atlaspay/identity/KeyRecords") {}
