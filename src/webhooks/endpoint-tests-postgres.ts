/**
 * Test events. The delivery of one to an active endpoint is like any other. Endpoints that are paused or disabled get no others, so
 * theirs are listed apart, and each is claimed from that list once.
 */
import { randomBytes } from "node:crypto"
import type { TransactionSql } from "postgres"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import { endpointTest } from "../publisher/endpoint-event.ts"
import { NO_BATCH } from "./endpoint-notices.ts"
import { auditedEndpoint, type EndpointRow } from "./endpoint-rows.ts"

/** An endpoint is tested this often at most. Seconds. */
export const TEST_EVERY_S = 5

/** Gives the id of the event, or `undefined` if one was sent a moment ago or the endpoint is gone. */
export const sendTest = async (
  sql: TransactionSql,
  by: Actor,
  endpoint: EndpointRow,
): Promise<string | undefined> => {
  const [row] = await sql<Array<{ readonly url: string; readonly state: string; readonly at: Date }>>`
    update webhook_endpoints set tested_at = now()
    where id = ${endpoint.id} and (tested_at is null or tested_at <= now() - ${TEST_EVERY_S} * interval '1 second')
    returning url, state, now() as at`
  if (row === undefined) return undefined
  const event = endpointTest({ ...endpoint, url: row.url }, row.at, randomBytes(8).toString("hex"))
  const { id, partner, type } = event
  await sql`
    insert into webhook_events (id, partner, batch, sequence, type, body)
    values (${id}, ${partner}, ${NO_BATCH}, 0, ${type}, ${JSON.stringify(event)})`
  await sql`
    insert into webhook_deliveries (event_id, endpoint, batch, sequence)
    select ${id}, id, case when ordered then ${id} end, case when ordered then 1 end
    from webhook_endpoints where id = ${endpoint.id}`
  if (row.state !== "active")
    await sql`insert into webhook_tests (event_id, endpoint) values (${id}, ${endpoint.id})`
  const seen = auditedEndpoint(endpoint)
  await writeAudit(sql, by, {
    act: "webhook-endpoint.test",
    subject: `webhook-endpoint:${endpoint.id}`,
    before: seen,
    after: seen,
  })
  return id
}
