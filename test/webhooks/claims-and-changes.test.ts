/** Claims and outcomes while their endpoints change: what is ordered, tested, disabled, resent or replayed meanwhile. */
import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { PartnerId } from "../../src/domain/identifiers.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { DeliveryLog } from "../../src/webhooks/delivery-log.ts"
import { makeWakeUps, runDispatcher } from "../../src/webhooks/dispatcher.ts"
import { EndpointHealth } from "../../src/webhooks/endpoint-health.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { BATCHES_PER_CLAIM_MAX, PUT_IN_ORDER_MAX } from "../../src/webhooks/paced-claims-postgres.ts"
import {
  arrived,
  change,
  claimInOrder,
  claimPaced,
  endpointWith,
  failed,
  idsOf,
  published,
  record,
} from "./paced-endpoints.ts"
import { startReceiver } from "./receiver.ts"
import { deliveryRows, eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

const nowhere = () => `http://127.0.0.1:9/${randomUUID()}`
const LEASE_MS = 60_000
const by = { who: "partner:test" }

const claimed = Effect.fnUntraced(function* (endpoint: string, most = 100, leaseMs = LEASE_MS) {
  return yield* (yield* Deliveries).claim({ allotted: new Map([[endpoint, most]]), leaseMs })
})

const claimedTests = Effect.fnUntraced(function* () {
  return yield* (yield* Deliveries).claimTests(16, LEASE_MS)
})

const run = (statement: string, parameters: ReadonlyArray<string> = []) =>
  Effect.flatMap(Postgres, ({ query }) => query("test", (sql) => sql.unsafe(statement, [...parameters])))

layer(webhookPlatform(), { excludeTestServices: true })("an ordered endpoint", (it) => {
  it.effect("that was not for a while gets what came then, though nobody followed the batch", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("break", nowhere(), { ordered: true })
      const events = eventsOf("break", 12)
      yield* record(events.slice(0, 3))
      yield* change(endpoint, { ordered: false })
      yield* arrived(yield* claimed(endpoint))
      yield* record(events.slice(3))
      yield* change(endpoint, { ordered: true })
      assert.deepStrictEqual(
        idsOf(yield* claimInOrder(endpoint, { run: 100, most: 100 })),
        idsOf(events.slice(3)),
      )
    }),
  )

  it.effect("gets what is resent before what is behind it in its batch", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("resent", nowhere(), { ordered: true })
      const events = eventsOf("resent", 12).slice(0, 4)
      yield* record(events)
      yield* arrived(yield* claimInOrder(endpoint, { run: 2 }))
      const [first] = events
      assert.exists(first)
      yield* (yield* DeliveryLog).resend("resent" as PartnerId, { endpoint, event: first.id }, by)
      const again = yield* claimInOrder(endpoint)
      assert.deepStrictEqual(idsOf(again), idsOf([first, ...events.slice(2)]))
      assert.deepInclude(again[0], { attempts: 1, attemptsBefore: 1 })
    }),
  )

  it.effect("gets tests and events about endpoints at once, each as a batch of its own", () =>
    Effect.gen(function* () {
      const endpoints = yield* WebhookEndpoints
      const endpoint = yield* endpointWith("notices", nowhere(), { ordered: true })
      const other = yield* endpointWith("notices", nowhere(), {})
      // What is not in order yet is looked for at intervals: this was the last look for a while.
      yield* claimInOrder(endpoint)
      const events = eventsOf("notices", 12).slice(1, 2)
      yield* record(events)
      yield* endpoints.setState("notices" as PartnerId, other, "disabled")
      const { event } = yield* endpoints.test("notices" as PartnerId, endpoint)
      const ids = idsOf(yield* claimInOrder(endpoint))
      assert.lengthOf(ids, 2)
      assert.include(ids, event)
      assert.notInclude(ids, events[0]?.id)
    }),
  )

  it.effect("that is gone in the middle of a run gets nothing more of it, and all of it is given up", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const health = yield* EndpointHealth
      const url = nowhere()
      const endpoint = yield* endpointWith("run", url, { ordered: true })
      yield* record(eventsOf("run", 12))
      const [first, second, ...behind] = yield* claimInOrder(endpoint, { run: 5 })
      assert.exists(first)
      assert.exists(second)
      yield* arrived([first])
      yield* health.failed(endpoint, { url, at: Date.now(), gone: true })
      yield* failed(second, undefined)
      yield* deliveries.release(behind)
      yield* health.sweep
      const states = (yield* deliveryRows(endpoint)).map(({ state }) => state)
      assert.deepStrictEqual([...new Set(states)], ["delivered", "dead"])
      assert.lengthOf(yield* claimInOrder(endpoint), 0)
    }),
  )
})

/** Pending deliveries of as many batches, by their number, in how many seconds they are due. */
const backlogOf = (endpoint: string, count: number, dueInS: string) =>
  Effect.flatMap(Postgres, ({ query }) =>
    query(
      "make a backlog",
      (sql) => sql`
        with events as (
          insert into webhook_events (id, partner, batch, sequence, type, body)
          select ${endpoint} || ':' || nth, 'backlog', ${endpoint} || ':' || lpad(nth::text, 6, '0'), 1, 'test', '{}'
          from generate_series(1, ${count}::int) as nth
          returning id, batch, substring(batch from '[0-9]+$')::int as nth
        )
        insert into webhook_deliveries (event_id, endpoint, next_attempt_at)
        select id, ${endpoint}, now() + (${sql.unsafe(dueInS)}) * interval '1 second' from events`,
    ),
  )

layer(webhookPlatform(), { excludeTestServices: true })("a backlog of an ordered endpoint", (it) => {
  it.effect("of very many batches is looked at in steps, and each gets its turn", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("many", nowhere(), { ordered: true })
      const last = BATCHES_PER_CLAIM_MAX + 1
      yield* backlogOf(endpoint, last, `case when nth in (1, ${last}) then 0 else 3600 end`)
      const turn = Effect.map(claimInOrder(endpoint, { leaseMs: 0 }), idsOf)
      const turns = [yield* turn, yield* turn, yield* turn]
      assert.deepStrictEqual(turns, [[`${endpoint}:1`], [`${endpoint}:${last}`], [`${endpoint}:1`]])
    }),
  )

  it.effect("that became ordered is put in order in steps, before anything of it is claimed", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("turned", nowhere(), {})
      yield* backlogOf(endpoint, PUT_IN_ORDER_MAX + 1, "0")
      yield* change(endpoint, { ordered: true })
      assert.lengthOf(yield* claimInOrder(endpoint), 0)
      const [row] = yield* run(
        "select count(*)::int as left from webhook_deliveries where endpoint = $1 and batch is null",
        [endpoint],
      )
      assert.strictEqual(row?.left, 1)
      assert.lengthOf(yield* claimInOrder(endpoint), 16)
    }),
  )
})

layer(webhookPlatform(), { excludeTestServices: true })("a delivery", (it) => {
  it.effect("that its endpoint's end gives up while it is attempted keeps that attempt", () =>
    Effect.gen(function* () {
      const health = yield* EndpointHealth
      const url = nowhere()
      const endpoint = yield* endpointWith("gone", url, {})
      const [event] = eventsOf("gone", 5)
      assert.exists(event)
      yield* record([event])
      const [first] = yield* claimed(endpoint)
      assert.exists(first)
      yield* failed(first, 0)
      const [second] = yield* claimed(endpoint)
      assert.exists(second)
      assert.isTrue(yield* health.failed(endpoint, { url, at: Date.now(), gone: true }))
      yield* (yield* Deliveries).failed(
        second,
        { status: 410, reason: "HTTP 410", at: Date.now(), durationMs: 1, answer: undefined },
        1_000,
      )
      const { delivery, ended } = yield* shown("gone", endpoint, event.id)
      assert.deepInclude(delivery, { state: "dead", attempts: 2 })
      assert.deepStrictEqual(
        ended.map(({ status }) => status),
        [500, 410],
      )
    }),
  )

  it.effect(
    "that was given up after its schedule is not changed by the late failure of an earlier attempt",
    () =>
      Effect.gen(function* () {
        const endpoint = yield* endpointWith("late", nowhere(), {})
        const [event] = eventsOf("late", 5)
        assert.exists(event)
        yield* record([event])
        const [zombie] = yield* claimed(endpoint, 1, 0)
        assert.exists(zombie)
        const [second] = yield* claimed(endpoint, 1)
        assert.exists(second)
        yield* failed(second, undefined)
        yield* failed(zombie, 0)
        const { delivery } = yield* shown("late", endpoint, event.id)
        assert.deepInclude(delivery, { state: "dead", attempts: 1 })
      }),
  )
})

const shown = Effect.fnUntraced(function* (partner: string, endpoint: string, event: string) {
  const found = yield* (yield* DeliveryLog).show(partner as PartnerId, { endpoint, event })
  return { delivery: found, ended: found.ended }
})

layer(webhookPlatform(), { excludeTestServices: true })("a test", (it) => {
  for (const state of ["paused", "disabled"] as const)
    it.effect(`of an endpoint that is ${state} is claimed again after it was claimed and did not begin`, () =>
      Effect.gen(function* () {
        const deliveries = yield* Deliveries
        const partner = `test-${state}` as PartnerId
        const endpoint = yield* endpointWith(partner, nowhere(), { state })
        const { event } = yield* (yield* WebhookEndpoints).test(partner, endpoint)
        const first = yield* claimedTests()
        assert.deepStrictEqual(idsOf(first), [event])
        assert.lengthOf(yield* claimedTests(), 0)
        yield* deliveries.release(first)
        const again = yield* claimedTests()
        assert.deepStrictEqual(idsOf(again), [event])
        yield* arrived(again)
        assert.lengthOf(yield* claimedTests(), 0)
      }),
    )

  it.effect("is claimed once if its endpoint is resumed meanwhile", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("resumed", nowhere(), { state: "paused" })
      const { event } = yield* (yield* WebhookEndpoints).test("resumed" as PartnerId, endpoint)
      yield* change(endpoint, { state: "active" })
      assert.deepStrictEqual(idsOf(yield* claimed(endpoint)), [event])
      assert.lengthOf(yield* claimedTests(), 0)
    }),
  )
})

layer(webhookPlatform(), { excludeTestServices: true })("a process", (it) => {
  it.effect("starts nothing more of what it has claimed for an endpoint that is gone", () =>
    Effect.gen(function* () {
      const { url, received } = yield* startReceiver((response) =>
        setTimeout(() => response.writeHead(410).end(), 20),
      )
      const endpoint = yield* endpointWith("claimed", url, {})
      const ahead = new ClaimedAhead()
      yield* Effect.forkScoped(runDispatcher(yield* makeWakeUps, [LEASE_MS], ahead))
      const events = eventsOf("claimed", 100)
      const deliveries = yield* Deliveries
      yield* until(Effect.sync(() => ahead.onAdded !== undefined))
      const stored = yield* deliveries.record(published(events), {
        rooms: new Map([[endpoint, events.length]]),
        leaseMs: LEASE_MS,
      })
      assert.lengthOf(stored.claimed, events.length)
      ahead.add(stored.claimed, Date.now())
      const { sweep } = yield* EndpointHealth
      yield* until(
        sweep.pipe(
          Effect.andThen(deliveryRows(endpoint)),
          Effect.map((rows) => rows.every(({ state }) => state === "dead")),
        ),
      )
      assert.isAtMost(received.length, 16)
    }),
  )

  it.effect("records what arrived when the store answers again, and sends none of it twice", () =>
    Effect.gen(function* () {
      const { url, received } = yield* startReceiver()
      const endpoint = yield* endpointWith("recorded", url, {})
      const deliveries = yield* Deliveries
      let failures = 0
      const failing = Deliveries.of({
        ...deliveries,
        delivered: (arrived) => {
          failures += 1
          return failures > 2
            ? deliveries.delivered(arrived)
            : new StoreUnavailable({ store: "postgres", step: "record", reason: "40P01" })
        },
      })
      const events = eventsOf("recorded", 12)
      yield* record(events)
      yield* runDispatcher(yield* makeWakeUps).pipe(
        Effect.provideService(Deliveries, failing),
        Effect.forkScoped,
      )
      yield* until(
        Effect.map(deliveryRows(endpoint), (rows) => rows.every(({ state }) => state === "delivered")),
      )
      assert.lengthOf(received, events.length)
      assert.isAbove(failures, 2)
    }),
  )

  it.effect("records at once when much arrived meanwhile, so that there is room for more", () =>
    Effect.gen(function* () {
      const { url, received } = yield* startReceiver()
      yield* endpointWith("much", url, {})
      const deliveries = yield* Deliveries
      const order: Array<"recorded" | "90 ms later"> = []
      let groups = 0
      const counting = Deliveries.of({
        ...deliveries,
        delivered: () => {
          groups += 1
          if (groups > 1) return Effect.sync(() => void order.push("recorded"))
          const laterOn = Effect.sync(() => void setTimeout(() => order.push("90 ms later"), 90))
          // More than may be unrecorded begins only when this ends.
          return Effect.andThen(until(Effect.sync(() => received.length >= 512)), laterOn)
        },
      })
      yield* record(eventsOf("much", 600))
      yield* runDispatcher(yield* makeWakeUps).pipe(
        Effect.provideService(Deliveries, counting),
        Effect.forkScoped,
      )
      yield* until(Effect.sync(() => order.includes("90 ms later")))
      assert.strictEqual(order[0], "recorded")
    }),
  )
})

layer(webhookPlatform(), { excludeTestServices: true })("clocks", (it) => {
  it.effect("of a process that is years ahead drop no event", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("ahead", nowhere(), {})
      const events = eventsOf("ahead", 5)
      const now = Date.now
      Date.now = () => now() + 3 * 366 * 86_400_000
      yield* (yield* Deliveries)
        .record(published(events))
        .pipe(Effect.ensuring(Effect.sync(() => (Date.now = now))))
      assert.lengthOf(yield* deliveryRows(endpoint), events.length)
    }),
  )

  it.effect("of Postgres that were set back stop no endpoint with a limit", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("back", nowhere(), { rate_limit: 50 })
      yield* record(eventsOf("back", 12))
      yield* run("update webhook_endpoints set rate_used_until = now() + interval '1 day' where id = $1", [
        endpoint,
      ])
      const one = { endpoint, ordered: false, limited: true, most: 16, run: 1 }
      assert.lengthOf((yield* claimPaced(one)).claimed, 5)
    }),
  )
})
