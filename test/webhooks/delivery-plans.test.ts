/** Lists of deliveries read an index, whatever they are narrowed to, and so does pruning. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { byTime, ofBatch } from "../../src/webhooks/delivery-list-postgres.ts"
import type { DeliveryFilter } from "../../src/webhooks/delivery-log.ts"
import { oldEvents } from "../../src/webhooks/delivery-pruning-postgres.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { webhookPlatform } from "./webhook-platform.ts"

const END = { at: 4_102_444_800_000_000, position: Number.MAX_SAFE_INTEGER }

layer(webhookPlatform(), { excludeTestServices: true })("deliveries", (it) => {
  it.effect("are listed and pruned without reading a table from its begin", () =>
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const { endpoint } = yield* (yield* WebhookEndpoints).create({
        partner: "many",
        url: "http://127.0.0.1:9/",
      })
      yield* query("fill", (sql) =>
        sql.begin(async (sql) => {
          await sql`
            insert into webhook_events (id, partner, batch, sequence, type, body, received_at)
            select 'many:' || n, 'many', 'pb_' || n % 100, n, 'test', repeat('x', 500), now() - n * interval '1 second'
            from generate_series(1, 20000) as n`
          await sql`
            insert into webhook_deliveries (event_id, endpoint, state, created_at)
            select 'many:' || n, ${endpoint.id}, case n % 50 when 0 then 'dead' when 1 then 'pending' else 'delivered' end,
              now() - n * interval '1 second'
            from generate_series(1, 20000) as n`
        }),
      )
      yield* query("analyze", (sql) => sql.unsafe("analyze webhook_events; analyze webhook_deliveries"))
      const filters: ReadonlyArray<DeliveryFilter> = [
        {},
        { endpoint: endpoint.id },
        { state: "dead" },
        { eventType: "test" },
        { since: Date.now() - 60_000, until: Date.now() },
        { batch: "pb_7" },
        { batch: "pb_7", state: "dead", eventType: "test" },
      ]
      for (const filter of filters) {
        const lines = yield* query("explain", (sql) => {
          const list = filter.batch === undefined ? byTime : ofBatch
          return sql<Array<Record<string, string>>>`explain ${list(sql, "many", filter, END, 101)}`
        })
        const plan = lines.map((line) => line["QUERY PLAN"]).join("\n")
        assert.notMatch(plan, /Seq Scan on webhook_(deliveries|events)/, JSON.stringify(filter))
        assert.match(plan, /webhook_deliveries/)
      }
      const lines = yield* query(
        "explain",
        (sql) => sql<Array<Record<string, string>>>`explain ${oldEvents(sql, undefined, 0)}`,
      )
      const plan = lines.map((line) => line["QUERY PLAN"]).join("\n")
      assert.match(plan, /Index Scan using webhook_events_by_age/)
      // Those that came in one moment are sorted, not all that are old.
      assert.notMatch(plan, /(?<!Incremental )Sort {2}\(/, plan)
    }),
  )
})
