/** The change of a partner's settings, with its entry in the audit trail. */
import { isDeepStrictEqual } from "node:util"
import { Result } from "effect"
import type { TransactionSql } from "postgres"
import { writeAudit } from "../database/audit-entry.ts"
import type { PartnerSettings, StoredSettings } from "../domain/partner-settings.ts"
import { NoSuchSubject } from "./access-register.ts"
import type { Administrator } from "./audit-trail.ts"
import { type SettingsRow, settingsIn } from "./settings-records-postgres.ts"

/**
 * Changes the settings in a transaction. Each change has a later version than the one before, whatever the clocks: of two marks in
 * Redis the later one counts. So does a repetition, which is not in the trail: if Postgres was set back to these settings, processes
 * that know a later version use them again. Gives nothing if this release cannot read what is stored, which then stays.
 */
export const updateSettings = async (
  sql: TransactionSql,
  by: Administrator,
  id: string,
  change: (stored: PartnerSettings) => PartnerSettings,
): Promise<Result.Result<StoredSettings | undefined, NoSuchSubject>> => {
  const [row] = await sql<Array<SettingsRow>>`
    select settings, settings_ms::text from partners where id = ${id} for update`
  if (row === undefined) return Result.fail(new NoSuchSubject({ what: "partner" }))
  const before = settingsIn(row)
  if (before === undefined) return Result.succeed(undefined)
  const after = change(before.settings)
  const [changed] = await sql<Array<SettingsRow>>`
    update partners set settings = ${JSON.stringify(after)}::text::jsonb, settings_ms = greatest(settings_ms + 1, ${Date.now()})
    where id = ${id} returning settings, settings_ms::text`
  if (!isDeepStrictEqual(before.settings, after))
    await writeAudit(sql, by, {
      act: "partner.settings",
      subject: `partner:${id}`,
      before: before.settings,
      after,
    })
  return Result.succeed(changed && settingsIn(changed))
}
