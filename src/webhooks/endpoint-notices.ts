/**
 * Events about endpoints: each is stored in the transaction of the change that it reports, for the partner's other endpoints as
 * deliveries, and for NATS in the outbox, from which the webhooks role publishes it (see endpoint-keeper.ts).
 */
import type { TransactionSql } from "postgres"
import type { EndpointEvent } from "../publisher/endpoint-event.ts"

/** What the table of events has for the batch of an event about endpoints, whose sequence is 0. */
export const NO_BATCH = ""

/**
 * Stores an event once, however often it comes. No endpoint is notified of itself, and none that is disabled. To an ordered one it is a
 * batch of its own.
 */
export const storeNotice = async (sql: TransactionSql, event: EndpointEvent): Promise<void> => {
  const { id, partner, type } = event
  const body = JSON.stringify(event)
  await sql`insert into webhook_outbox (event_id, body) values (${id}, ${body}) on conflict do nothing`
  await sql`
    with wanted as (
      select id as endpoint, ordered from webhook_endpoints
      where partner = ${partner} and id <> ${event.data.endpoint} and state <> 'disabled'
        and (event_types is null or ${type} = any (event_types))
    ), stored as (
      insert into webhook_events (id, partner, batch, sequence, type, body)
      select ${id}, ${partner}, ${NO_BATCH}, 0, ${type}, ${body} where exists (select from wanted)
      on conflict do nothing
    )
    insert into webhook_deliveries (event_id, endpoint, batch, sequence)
    select ${id}, endpoint, case when ordered then ${id} end, case when ordered then 1 end from wanted
    on conflict do nothing`
}
