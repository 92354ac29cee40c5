/** What the service reads of partners' settings: the port to the record in Postgres. */
import { Context, type Effect } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoredSettings } from "../domain/partner-settings.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

export interface SettingsRecord extends StoredSettings {
  readonly partner: PartnerId
}

export class SettingsRecords extends Context.Service<
  SettingsRecords,
  {
    /** The version of the settings of every partner that ever had some. */
    readonly versions: Effect.Effect<ReadonlyMap<string, number>, StoreUnavailable>
    /** The settings that were set last, at most `limit`. Those that this release cannot read are left out. */
    readonly recent: (limit: number) => Effect.Effect<ReadonlyArray<SettingsRecord>, StoreUnavailable>
    /**
     * The settings of a partner; none for a partner that has none, or is not in the record. Fails with `UNREADABLE` for settings
     * that this release does not know: a limit that cannot be read must not be passed over.
     */
    readonly of: (partner: PartnerId) => Effect.Effect<StoredSettings, StoreUnavailable>
  }
>()("atlaspay/identity/SettingsRecords") {}
