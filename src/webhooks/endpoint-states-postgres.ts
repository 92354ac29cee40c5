/** What partners and operators do to the state of an endpoint, each in one transaction with its entry in the audit trail. */
import type { TransactionSql } from "postgres"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import { endpointDisabled } from "../publisher/endpoint-event.ts"
import { storeNotice } from "./endpoint-notices.ts"
import { auditedEndpoint, type EndpointRow, endpointColumns } from "./endpoint-rows.ts"
import type { EndpointState } from "./endpoints.ts"

interface Wanted {
  readonly partner: PartnerId
  readonly id: string
  /** The version that it has to have; any if absent. */
  readonly version: number | undefined
}

const acts = { active: "resume", paused: "pause", disabled: "disable" } as const

/** `undefined` if there is no such endpoint. Not `isExpected`: it has another version, and nothing was done. */
export const changeState = async (
  sql: TransactionSql,
  by: Actor,
  { partner, id, version }: Wanted,
  state: EndpointState,
): Promise<{ readonly row: EndpointRow; readonly isExpected: boolean } | undefined> => {
  const [before] = await sql<Array<EndpointRow>>`
    select ${endpointColumns(sql)} from webhook_endpoints where partner = ${partner} and id = ${id} for no key update`
  if (before === undefined) return undefined
  if ((version ?? before.version) !== before.version) return { row: before, isExpected: false }
  if (before.state === state) return { row: before, isExpected: true }
  const [row] = await (state === "disabled" ? disable(sql, id) : enable(sql, id, state))
  if (row === undefined) return undefined
  if (state === "disabled")
    await storeNotice(sql, endpointDisabled(row, { reason: "operator", since: row.state_since }))
  await writeAudit(sql, by, {
    act: `webhook-endpoint.${acts[state]}`,
    subject: `webhook-endpoint:${id}`,
    before: auditedEndpoint(before),
    after: auditedEndpoint(row),
  })
  return { row, isExpected: true }
}

const disable = (sql: TransactionSql, id: string) => sql<Array<EndpointRow>>`
  update webhook_endpoints set state = 'disabled', enabled = false, state_reason = 'operator', state_since = now(),
    version = version + 1
  where id = ${id}
  returning ${endpointColumns(sql)}`

/**
 * An endpoint that was disabled begins anew, and it is noted what it missed. The time for which one was paused does not count as
 * time in which nothing arrived.
 */
const enable = (sql: TransactionSql, id: string, state: "active" | "paused") => sql<Array<EndpointRow>>`
  update webhook_endpoints set state = ${state}, enabled = true, state_reason = null, state_since = now(),
    version = version + 1,
    missed_from = case when state = 'disabled' then state_since else missed_from end,
    missed_until = case when state = 'disabled' then now() else missed_until end,
    failing_since = case state when 'disabled' then null when 'paused' then failing_since + (now() - state_since)
      else failing_since end,
    failing_notified_at = case state when 'disabled' then null
      when 'paused' then failing_notified_at + (now() - state_since) else failing_notified_at end
  where id = ${id}
  returning ${endpointColumns(sql)}`
