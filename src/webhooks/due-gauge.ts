/**
 * For how long the oldest webhook that is due has waited for its attempt, as a gauge: how far the dispatchers are behind. What an endpoint
 * itself holds up does not count: one that is ordered, limited, paused, disabled, failing, or asked for rest.
 */
import { Effect } from "effect"
import { Database } from "../database/database.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"

const EVERY_MS = 10_000

/** Keeps the gauge up to date while the scope lives. It reads the index of what is due once for each endpoint. */
export const measureDue = Effect.gen(function* () {
  const { webhookDueOldestSeconds } = yield* Metrics
  const { query } = yield* Database
  const oldest = query(
    "find the oldest webhook that is due",
    (sql) => sql<Array<{ readonly seconds: number | null }>>`
      select extract(epoch from now() - min(due.next_attempt_at))::float8 as seconds
      from webhook_endpoints cross join lateral (
        select next_attempt_at from webhook_deliveries
        where endpoint = webhook_endpoints.id and state = 'pending' and next_attempt_at <= now()
        order by next_attempt_at, position
        limit 1
      ) as due
      where enabled and webhook_endpoints.state = 'active' and not ordered and rate_limit is null
        and failing_since is null and (held_until is null or held_until <= now())`,
  )
  yield* keepReading(
    "webhooks-due",
    EVERY_MS,
    Effect.map(oldest, ([row]) => webhookDueOldestSeconds.set(Math.max(0, row?.seconds ?? 0))),
  )
})
