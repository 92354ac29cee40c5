/** The age of the oldest webhook that is due: only what the dispatchers owe, and not what an endpoint itself holds up. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { measureDue } from "../../src/webhooks/due-gauge.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { webhookPlatform } from "./webhook-platform.ts"

/** The first reading. */
const oldest = Effect.gen(function* () {
  const { webhookDueOldestSeconds } = yield* Metrics
  yield* measureDue
  while (true) {
    const [read] = (yield* Effect.promise(() => webhookDueOldestSeconds.get())).values
    if (read !== undefined) return read.value
    yield* Effect.sleep(5)
  }
}).pipe(Effect.scoped, Effect.provide(freshMetrics))

layer(webhookPlatform(), { excludeTestServices: true })("the oldest webhook that is due", (it) => {
  it.effect("is 0 if none is, and leaves out those of endpoints that hold theirs up", () =>
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const { create } = yield* WebhookEndpoints
      const endpointWith = Effect.fnUntraced(function* (number: number, agoSeconds: number) {
        const url = `http://127.0.0.1:9/${number}`
        const { endpoint } = yield* create({ partner: "acme", url })
        yield* query("fill", (sql) =>
          sql.begin(async (sql) => {
            await sql`
              insert into webhook_events (id, partner, batch, sequence, type, body)
              values (${`event:${number}`}, 'acme', 'pb_a', ${number}, 'test', '{}')`
            await sql`
              insert into webhook_deliveries (event_id, endpoint, next_attempt_at)
              values (${`event:${number}`}, ${endpoint.id}, now() - ${agoSeconds} * interval '1 second')`
          }),
        )
        return endpoint.id
      })
      yield* endpointWith(1, -60)
      assert.strictEqual(yield* oldest, 0)
      yield* endpointWith(2, 100)
      const holding = [
        "state = 'paused'",
        "state = 'disabled', enabled = false",
        "ordered = true",
        "rate_limit = 1",
        "failing_since = now()",
        "held_until = now() + interval '1 minute'",
      ]
      for (const [index, change] of holding.entries()) {
        const id = yield* endpointWith(3 + index, 5_000)
        yield* query("hold", (sql) => sql.unsafe(`update webhook_endpoints set ${change} where id = '${id}'`))
      }
      const seconds = yield* oldest
      assert.isAtLeast(seconds, 100)
      assert.isBelow(seconds, 400)
    }),
  )
})
