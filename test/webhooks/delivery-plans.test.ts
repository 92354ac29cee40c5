/** Lists of deliveries, what sends them again, and what removes them read an index, however much there is. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Sql } from "postgres"
import { PartnerId } from "../../src/domain/identifiers.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { byTime, ofBatch } from "../../src/webhooks/delivery-list-postgres.ts"
import type { DeliveryFilter } from "../../src/webhooks/delivery-log.ts"
import { deadOnes } from "../../src/webhooks/delivery-log-postgres.ts"
import { oldEvents, removeDeliveries } from "../../src/webhooks/delivery-pruning-postgres.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { batchesAfter } from "../../src/webhooks/replays-postgres.ts"
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

  it.effect("is sent again, replayed and removed without reading what is not meant", () =>
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const { endpoint } = yield* (yield* WebhookEndpoints).create({
        partner: "most",
        url: "http://127.0.0.1:9/most",
      })
      yield* query("fill", (sql) =>
        sql.begin(async (sql) => {
          await sql`
            insert into webhook_events (id, partner, batch, sequence, type, body, received_at)
            select 'most:' || n, 'most', 'pb_most', n, 'test', '{}', now() - n * interval '1 hour' from generate_series(1, 20000) as n`
          await sql`
            insert into webhook_deliveries (event_id, endpoint, state, created_at, last_attempt_at)
            select id, ${endpoint.id}, case sequence % 2 when 0 then 'dead' else 'delivered' end, received_at, received_at
            from webhook_events where partner = 'most'`
          await sql`
            insert into payout_batches (id, partner, idempotency_key, state, item_count, version, received_at, updated_at, totals)
            select 'pb_' || n, case when n % 20 = 0 then 'most' else 'other' end, n, 'closed', 5, 1,
              now() - n * interval '1 minute', now() - n * interval '1 minute', '{}'
            from generate_series(1, 20000) as n`
        }),
      )
      yield* query("analyze", (sql) =>
        sql.unsafe("analyze webhook_events; analyze webhook_deliveries; analyze payout_batches"),
      )
      const dayMs = 86_400_000
      const ago = (days: number) => new Date(Date.now() - days * dayMs).toISOString()
      const partner = PartnerId.make("most")
      const place = { batch: "pb_9000", receivedAt: ago(6), sequence: undefined } as Parameters<
        typeof batchesAfter
      >[2]
      const statements: Readonly<Record<string, (sql: Sql) => Parameters<Sql>[1]>> = {
        "a redrive": (sql) => deadOnes(sql, endpoint.id, "-infinity", "infinity"),
        "a redrive of a day": (sql) => deadOnes(sql, endpoint.id, ago(401), ago(400)),
        "a removal of deliveries": (sql) => removeDeliveries(sql, "", 800 * dayMs),
        "a look for events to remove": (sql) => oldEvents(sql, undefined, 800 * dayMs),
        "a replay's walk": (sql) => batchesAfter(sql, partner, undefined, 500),
        "a replay's walk that goes on": (sql) => batchesAfter(sql, partner, place, 500),
      }
      for (const [name, statement] of Object.entries(statements)) {
        const lines = yield* query(
          "explain",
          (sql) => sql<Array<Record<string, string>>>`explain ${statement(sql)}`,
        )
        const plan = lines.map((line) => line["QUERY PLAN"]).join("\n")
        assert.notMatch(plan, /Seq Scan on (webhook_(deliveries|events)|payout_batches)/, `${name}\n${plan}`)
        assert.match(plan, /Index Scan|Index Only Scan/, `${name}\n${plan}`)
        assert.notMatch(plan, /Sort Key: .*::text/, `${name} is not ordered by texts of times\n${plan}`)
      }
    }),
  )
})
