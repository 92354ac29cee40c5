/** How deliveries that ended are sent again: the statement that a resend, a redrive and a replay share. */
import type { Fragment, TransactionSql } from "postgres"

/** Attempts that ended of one delivery that are kept, when it is sent again. */
export const ATTEMPTS_KEPT_MAX = 100

/**
 * Makes the deliveries that `again` selects (whole rows, locked) due now, with a schedule that begins anew. Their attempts stay: the last
 * one moves from the delivery's row to the table of attempts. Gives one row for each delivery.
 */
export const sendAgain = (sql: TransactionSql, again: Fragment) => sql`
  with again as materialized (${again}), kept as (
    insert into webhook_attempts (event_id, endpoint, number, at, duration_ms, status, error, answer)
    select event_id, endpoint, attempts, last_attempt_at, last_duration_ms, last_status, last_error, last_answer from again
    where attempts > 0 and last_attempt_at is not null
    on conflict do nothing
  ), dropped as (
    delete from webhook_attempts using again
    where webhook_attempts.event_id = again.event_id and webhook_attempts.endpoint = again.endpoint
      and webhook_attempts.number <= again.attempts - ${ATTEMPTS_KEPT_MAX}
  )
  update webhook_deliveries as delivery
  set state = 'pending', attempts_before = delivery.attempts, next_attempt_at = now()
  from again
  where delivery.event_id = again.event_id and delivery.endpoint = again.endpoint and delivery.state <> 'pending'
  returning delivery.event_id`
