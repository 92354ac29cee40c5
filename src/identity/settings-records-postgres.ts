/** The settings in the table of partners. */
import { Effect, Layer, Result, Schema } from "effect"
import { Database } from "../database/database.ts"
import { PartnerId } from "../domain/identifiers.ts"
import { NO_SETTINGS, PartnerSettings, type StoredSettings } from "../domain/partner-settings.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { PARTNERS_MAX } from "./access-register.ts"
import { type SettingsRecord, SettingsRecords } from "./settings-records.ts"

/** The columns of a partner's settings. */
export interface SettingsRow {
  readonly settings: unknown
  readonly settings_ms: string
}

interface Row extends SettingsRow {
  readonly id: string
}

const decode = Schema.decodeUnknownResult(PartnerSettings, { onExcessProperty: "error" })
const isPartnerId = Schema.is(PartnerId)

/** The settings in a row; nothing if this release cannot read them. */
export const settingsIn = ({ settings, settings_ms }: SettingsRow): StoredSettings | undefined => {
  const read = decode(settings)
  return Result.isFailure(read) ? undefined : { version: Number(settings_ms), settings: read.success }
}

/** Fails for settings that this release cannot read. */
export const readableSettings = Effect.fnUntraced(function* (
  partner: string,
  stored: StoredSettings | undefined,
) {
  if (stored !== undefined) return stored
  yield* Effect.logError("settings of a partner cannot be read by this release", { partner })
  const step = "read a partner's settings"
  return yield* new StoreUnavailable({ store: "postgres", step, reason: "UNREADABLE" })
})

export const layer = Layer.effect(
  SettingsRecords,
  Effect.map(Database, ({ query }) =>
    SettingsRecords.of({
      versions: query(
        "read the versions of settings",
        (sql) => sql<Array<Omit<Row, "settings">>>`
          select id, settings_ms::text from partners where settings_ms > 0 limit ${PARTNERS_MAX}`,
      ).pipe(
        Effect.map((rows) => new Map(rows.map(({ id, settings_ms }) => [id, Number(settings_ms)]))),
        Effect.withSpan("SettingsRecords.versions"),
      ),
      recent: Effect.fn("SettingsRecords.recent")(function* (limit) {
        const rows = yield* query(
          "read recent settings",
          (sql) => sql<Array<Row>>`
            select id, settings, settings_ms::text from partners where settings_ms > 0
            order by settings_ms desc limit ${limit}`,
        )
        return rows.flatMap(recordOf)
      }),
      of: Effect.fn("SettingsRecords.of")(function* (partner) {
        const [row] = yield* query(
          "read a partner's settings",
          (sql) => sql<Array<Row>>`
            select id, settings, settings_ms::text from partners where id = ${partner}`,
        )
        if (row === undefined) return NO_SETTINGS
        return yield* readableSettings(partner, settingsIn(row))
      }),
    }),
  ),
)

const recordOf = (row: Row): ReadonlyArray<SettingsRecord> => {
  const stored = settingsIn(row)
  return stored === undefined || !isPartnerId(row.id) ? [] : [{ ...stored, partner: row.id }]
}
