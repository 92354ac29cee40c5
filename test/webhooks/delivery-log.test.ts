/** What became of deliveries, and what is sent again, on a database of its own. */
import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { encodePublicEvent, type PublicEvent } from "../../src/publisher/public-event.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { type DeliveryFilter, DeliveryLog } from "../../src/webhooks/delivery-log.ts"
import { EndpointHealth } from "../../src/webhooks/endpoint-health.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { eventsOf, webhookPlatform } from "./webhook-platform.ts"

const by = { who: "partner:test" }
const DAY_MS = 86_400_000

const recorded = Effect.fnUntraced(function* (events: ReadonlyArray<PublicEvent>) {
  yield* (yield* Deliveries).record(
    events.map((event) => ({ event, body: encodePublicEvent(event), publishedAt: Date.now() })),
  )
})

/** An endpoint of a partner, and events whose deliveries wait. */
const waiting = Effect.fnUntraced(function* (partner: string, itemCount = 5) {
  const { endpoint } = yield* (yield* WebhookEndpoints).create({
    partner,
    url: `http://127.0.0.1:9/${randomUUID()}`,
  })
  const events = eventsOf(partner, itemCount)
  yield* recorded(events)
  return { endpoint: endpoint.id, events }
})

const attemptOf = (endpoint: string, eventId: string, attempts: number) => ({ endpoint, eventId, attempts })
const ended = { at: Date.UTC(2026, 10, 28), durationMs: 12, answer: "no" }
const failure = { ...ended, status: 500, reason: "HTTP 500" }

const run = (statement: string, parameters: ReadonlyArray<string> = []) =>
  Effect.flatMap(Postgres, ({ query }) => query("test", (sql) => sql.unsafe(statement, [...parameters])))

/** All entries of a list, by pages of `limit`. */
const all = Effect.fnUntraced(function* (partner: string, filter: DeliveryFilter, limit: number) {
  const { list } = yield* DeliveryLog
  const pages = []
  let cursor: string | undefined
  do {
    const page = yield* list(partner, filter, { limit, cursor })
    pages.push(page.deliveries)
    cursor = page.next
  } while (cursor !== undefined)
  return pages
})

layer(webhookPlatform(), { excludeTestServices: true })("the log of deliveries", (it) => {
  it.effect("has each attempt, the first ones in a table and the last one in the delivery", () =>
    Effect.gen(function* () {
      const { endpoint, events } = yield* waiting("attempts")
      const [deliveries, log] = [yield* Deliveries, yield* DeliveryLog]
      const [{ id = "", type = "" } = {}, second] = events
      yield* deliveries.failed(attemptOf(endpoint, id, 0), failure, 1_000)
      yield* deliveries.failed(attemptOf(endpoint, id, 0), { ...failure, reason: "late" }, 1_000)
      yield* deliveries.failed(
        attemptOf(endpoint, id, 1),
        { ...failure, status: undefined, reason: "timeout" },
        1,
      )
      yield* deliveries.delivered([
        { ...attemptOf(endpoint, id, 2), ...ended, status: 204, answer: undefined },
      ])
      const shown = yield* log.show("attempts", { endpoint, event: id })
      assert.deepInclude(shown, {
        event: id,
        endpoint,
        eventType: type,
        state: "delivered",
        attempts: 3,
        sequence: 1,
      })
      assert.deepStrictEqual(
        shown.ended.map(({ number, status, error, answer, durationMs }) => [
          number,
          status,
          error,
          answer,
          durationMs,
        ]),
        [
          [1, 500, "HTTP 500", "no", 12],
          [2, undefined, "timeout", "no", 12],
          [3, 204, undefined, undefined, 12],
        ],
      )
      assert.strictEqual(shown.body, encodePublicEvent(events[0] as PublicEvent))
      yield* deliveries.delivered([{ ...attemptOf(endpoint, second?.id ?? "", 0), ...ended, status: 200 }])
      const [count] = yield* run("select count(*)::int as n from webhook_attempts where endpoint = $1", [
        endpoint,
      ])
      assert.strictEqual(count?.n, 2, "a first attempt that arrived adds no row")
      const foreign = yield* Effect.flip(log.show("another", { endpoint, event: id }))
      assert.strictEqual(foreign._tag, "NoSuchDelivery")
    }),
  )

  it.effect("is listed by pages, the newest first, narrowed by each filter", () =>
    Effect.gen(function* () {
      const first = yield* waiting("listed", 20)
      const second = yield* waiting("listed", 5)
      const deliveries = yield* Deliveries
      for (const { id } of first.events.slice(0, 7))
        yield* deliveries.delivered([{ ...attemptOf(first.endpoint, id, 0), ...ended, status: 200 }])
      for (const { id } of first.events.slice(7, 9))
        yield* deliveries.failed(attemptOf(first.endpoint, id, 0), failure, undefined)
      // The first endpoint gets the events of both.
      const both = [...first.events, ...second.events].length
      const total = both + second.events.length
      for (const limit of [1, 3, 500]) {
        const pages = yield* all("listed", {}, limit)
        const found = pages.flat()
        assert.strictEqual(found.length, total)
        assert.isTrue(pages.every((page) => page.length <= limit))
        assert.strictEqual(new Set(found.map(({ endpoint, event }) => `${endpoint} ${event}`)).size, total)
        const times = found.map(({ createdAt }) => createdAt.getTime())
        assert.deepStrictEqual(
          times,
          times.toSorted((one, other) => other - one),
        )
      }
      const count = (filter: DeliveryFilter, limit = 2) =>
        Effect.map(all("listed", filter, limit), (pages) => pages.flat().length)
      const { endpoint } = first
      const batch = second.events[0]?.data.batchId ?? ""
      assert.strictEqual(yield* count({ state: "delivered" }), 7)
      assert.strictEqual(yield* count({ state: "dead" }), 2)
      assert.strictEqual(yield* count({ endpoint }), both)
      assert.strictEqual(yield* count({ endpoint: second.endpoint, state: "pending" }), second.events.length)
      const eventType = "com.atlaspay.payout-batch.accepted.v1"
      assert.strictEqual(yield* count({ eventType }), 3)
      assert.strictEqual(yield* count({ batch }), 2 * second.events.length)
      assert.strictEqual(yield* count({ batch, eventType, endpoint }), 1)
      assert.strictEqual(yield* count({ batch, state: "dead" }), 0)
      const since = Date.now() + 60_000
      assert.strictEqual(yield* count({ since }), 0)
      assert.strictEqual(yield* count({ until: since }), total)
      assert.strictEqual(yield* count({ batch, since }), 0)
      assert.strictEqual(yield* count({ endpoint: "we_none" }), 0)
      assert.deepStrictEqual(yield* all("nobody", { batch }, 5), [[]])
      assert.deepStrictEqual(yield* all("nobody", { endpoint }, 5), [[]])
      const sequences = (yield* all("listed", { batch, endpoint }, 2))
        .flat()
        .map(({ sequence }) => sequence ?? 0)
      assert.deepStrictEqual(
        sequences,
        sequences.toSorted((one, other) => other - one),
      )
    }),
  )

  it.effect("takes no cursor of another list, or of another partner", () =>
    Effect.gen(function* () {
      yield* waiting("cursors")
      const { list } = yield* DeliveryLog
      const { next: cursor } = yield* list("cursors", {}, { limit: 1 })
      assert.isString(cursor)
      const tags = yield* Effect.all([
        Effect.flip(list("cursors", { state: "dead" }, { limit: 1, cursor })),
        Effect.flip(list("listed", {}, { limit: 1, cursor })),
        Effect.flip(list("cursors", {}, { limit: 1, cursor: "x" })),
      ])
      assert.deepStrictEqual(new Set(tags.map(({ _tag }) => _tag)), new Set(["InvalidDeliveriesCursor"]))
    }),
  )

  it.effect("shows events that are not about a batch", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* waiting("bare")
      const { event } = yield* (yield* WebhookEndpoints).test("bare", endpoint)
      const log = yield* DeliveryLog
      const shown = yield* log.show("bare", { endpoint, event })
      assert.deepInclude(shown, { batch: undefined, sequence: undefined, ended: [], lastAttempt: undefined })
      const [page] = yield* all("bare", { eventType: shown.eventType }, 10)
      assert.deepStrictEqual(
        page?.map((one) => [one.event, one.batch, one.sequence]),
        [[event, undefined, undefined]],
      )
      assert.deepStrictEqual(
        (yield* all("bare", { endpoint }, 1)).flat().filter(({ batch }) => batch === ""),
        [],
      )
    }),
  )

  it.effect("resends in any state, under the same id, and keeps earlier attempts", () =>
    Effect.gen(function* () {
      const { endpoint, events } = yield* waiting("resent")
      const [deliveries, log] = [yield* Deliveries, yield* DeliveryLog]
      const [one = "", two = "", three = ""] = events.map(({ id }) => id)
      const again = (event: string) => log.resend("resent", { endpoint, event }, by)
      const claim = Effect.map(
        deliveries.claim({ allotted: new Map([[endpoint, 1_000]]), leaseMs: 60_000 }),
        (claimed) => new Map(claimed.map((delivery) => [delivery.eventId, delivery])),
      )
      yield* claim
      yield* deliveries.delivered([{ ...attemptOf(endpoint, one, 0), ...ended, status: 200 }])
      assert.deepStrictEqual(yield* again(one), { stateBefore: "delivered" })
      yield* deliveries.failed(attemptOf(endpoint, two, 0), failure, undefined)
      assert.deepStrictEqual(yield* again(two), { stateBefore: "dead" })
      yield* deliveries.failed(attemptOf(endpoint, three, 0), failure, 3_600_000)
      assert.deepStrictEqual(yield* again(three), { stateBefore: "pending" })
      // The others are claimed and not attempted yet: nothing changes.
      assert.deepStrictEqual(yield* again(events[3]?.id ?? ""), { stateBefore: "pending" })
      const claimed = yield* claim
      assert.sameMembers([...claimed.keys()], [one, two, three])
      assert.deepInclude(claimed.get(one), { attempts: 1, attemptsBefore: 1 })
      assert.deepInclude(claimed.get(two), { attempts: 1, attemptsBefore: 1 })
      assert.deepInclude(claimed.get(three), { attempts: 1, attemptsBefore: 0 })
      yield* deliveries.delivered([{ ...attemptOf(endpoint, one, 1), ...ended, status: 201 }])
      const shown = yield* log.show("resent", { endpoint, event: one })
      assert.deepStrictEqual(
        shown.ended.map(({ number, status }) => [number, status]),
        [
          [1, 200],
          [2, 201],
        ],
      )
      assert.strictEqual(
        (yield* Effect.flip(log.resend("other", { endpoint, event: one }, by)))._tag,
        "NoSuchDelivery",
      )
      const entries = yield* run("select act, subject, before from audit_trail where subject = $1", [
        `webhook-endpoint:${endpoint}`,
      ])
      assert.strictEqual(entries.filter(({ act }) => act === "webhook-delivery.resend").length, 4)
    }),
  )

  it.effect("does not take what arrived before a resend for what was asked for", () =>
    Effect.gen(function* () {
      const { endpoint, events } = yield* waiting("stale")
      const [deliveries, log] = [yield* Deliveries, yield* DeliveryLog]
      const event = events[0]?.id ?? ""
      yield* deliveries.delivered([{ ...attemptOf(endpoint, event, 0), ...ended, status: 200 }])
      yield* log.resend("stale", { endpoint, event }, by)
      yield* deliveries.delivered([{ ...attemptOf(endpoint, event, 0), ...ended, status: 200 }])
      assert.deepInclude(yield* log.show("stale", { endpoint, event }), { state: "pending", attempts: 1 })
    }),
  )

  it.effect("keeps a bounded number of attempts, however often a delivery is resent", () =>
    Effect.gen(function* () {
      const { endpoint, events } = yield* waiting("often")
      const [deliveries, log] = [yield* Deliveries, yield* DeliveryLog]
      const event = events[0]?.id ?? ""
      for (let attempts = 0; attempts < 105; attempts += 1) {
        yield* deliveries.delivered([{ ...attemptOf(endpoint, event, attempts), ...ended, status: 200 }])
        yield* log.resend("often", { endpoint, event }, by)
      }
      const shown = yield* log.show("often", { endpoint, event })
      assert.deepInclude(shown, { attempts: 105, state: "pending" })
      assert.deepStrictEqual(
        [shown.ended.length, shown.ended[0]?.number, shown.ended.at(-1)?.number],
        [100, 6, 105],
      )
      const [count] = yield* run("select count(*)::int as n from webhook_attempts where endpoint = $1", [
        endpoint,
      ])
      assert.strictEqual(count?.n, 100)
    }),
  )

  it.effect("redrives what was given up, in steps, of a time, and of its own endpoint alone", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* waiting("redriven")
      const other = yield* waiting("redriven")
      const log = yield* DeliveryLog
      yield* run(
        `with events as (
          insert into webhook_events (id, partner, batch, sequence, type, body)
          select 'redriven:' || n, 'redriven', 'pb_x', n, 'test', '{}' from generate_series(1, 2500) as n returning id
        )
        insert into webhook_deliveries (event_id, endpoint, state, attempts, last_attempt_at, created_at)
        select id, $1, 'dead', 11, now(), now() - interval '2 days' from events`,
        [endpoint],
      )
      yield* run("update webhook_deliveries set state = 'dead' where endpoint in ($1, $2) and attempts = 0", [
        endpoint,
        other.endpoint,
      ])
      const states = (id: string) =>
        Effect.map(
          run("select state, count(*)::int as n from webhook_deliveries where endpoint = $1 group by state", [
            id,
          ]),
          (rows) => Object.fromEntries(rows.map(({ state, n }) => [state, n])),
        )
      const dead = (yield* states(endpoint)).dead - 2_500
      const recent = yield* log.redrive("redriven", endpoint, { since: Date.now() - DAY_MS }, by)
      assert.deepStrictEqual(recent, { resent: dead, isComplete: true })
      const older = yield* log.redrive("redriven", endpoint, { until: Date.now() - DAY_MS }, by)
      assert.deepStrictEqual(older, { resent: 2_500, isComplete: true })
      assert.deepStrictEqual(yield* states(endpoint), { pending: 2_500 + dead })
      assert.deepStrictEqual(Object.keys(yield* states(other.endpoint)), ["dead"])
      assert.deepStrictEqual(yield* log.redrive("redriven", endpoint, {}, by), {
        resent: 0,
        isComplete: true,
      })
      assert.strictEqual(
        (yield* Effect.flip(log.redrive("another", endpoint, {}, by)))._tag,
        "NoSuchDelivery",
      )
    }),
  )

  it.effect("sends nothing again to a disabled endpoint, where it would be given up at once", () =>
    Effect.gen(function* () {
      const { endpoint, events } = yield* waiting("off")
      const log = yield* DeliveryLog
      yield* run("update webhook_endpoints set state = 'disabled', enabled = false where id = $1", [endpoint])
      yield* (yield* EndpointHealth).sweep
      const event = events[0]?.id ?? ""
      const refusals = [
        yield* Effect.flip(log.resend("off", { endpoint, event }, by)),
        yield* Effect.flip(log.redrive("off", endpoint, {}, by)),
        yield* Effect.flip(log.redrive("stranger", endpoint, {}, by)),
        yield* Effect.flip(log.resend("stranger", { endpoint, event }, by)),
      ]
      assert.deepStrictEqual(
        refusals.map(({ _tag }) => _tag),
        ["EndpointDisabled", "EndpointDisabled", "NoSuchDelivery", "NoSuchDelivery"],
      )
      const states = (yield* all("off", {}, 500)).flat().map(({ state }) => state)
      assert.deepStrictEqual([...new Set(states)], ["dead"])
      yield* run("update webhook_endpoints set state = 'active', enabled = true where id = $1", [endpoint])
      const again = yield* log.redrive("off", endpoint, {}, by)
      assert.deepStrictEqual(again, { resent: events.length, isComplete: true })
    }),
  )

  it.effect("is listed to the end of all days", () =>
    Effect.gen(function* () {
      const { events } = yield* waiting("late")
      const log = yield* DeliveryLog
      const until = Date.UTC(9_999, 11, 31) + DAY_MS
      assert.strictEqual((yield* all("late", { until }, 500)).flat().length, events.length)
      assert.deepStrictEqual(yield* all("late", { since: until }, 500), [[]])
      const [endpoint = ""] = (yield* all("late", {}, 1)).flat().map((one) => one.endpoint)
      assert.deepStrictEqual(yield* log.redrive("late", endpoint, { since: 0, until }, by), {
        resent: 0,
        isComplete: true,
      })
    }),
  )

  it.effect("forgets what ended long ago, and its events when nobody waits for them", () =>
    Effect.gen(function* () {
      const { endpoint, events } = yield* waiting("pruned")
      const other = yield* (yield* WebhookEndpoints).create({
        partner: "pruned",
        url: "http://127.0.0.1:9/p",
      })
      yield* recorded(events)
      const [deliveries, log] = [yield* Deliveries, yield* DeliveryLog]
      const [one = "", two = "", three = "", four = ""] = events.map(({ id }) => id)
      for (const id of [one, two, four])
        yield* deliveries.delivered([
          { ...attemptOf(endpoint, id, 0), ...ended, at: Date.now() - 40 * DAY_MS, status: 200 },
        ])
      yield* deliveries.delivered([
        { ...attemptOf(other.endpoint.id, one, 0), ...ended, at: Date.now() - 40 * DAY_MS, status: 200 },
      ])
      yield* deliveries.failed(
        attemptOf(other.endpoint.id, three, 0),
        { ...failure, at: Date.now() - 40 * DAY_MS },
        undefined,
      )
      yield* deliveries.delivered([
        { ...attemptOf(endpoint, three, 0), ...ended, at: Date.now(), status: 200 },
      ])
      yield* run(
        "update webhook_deliveries set created_at = now() - interval '40 days' where event_id <> $1",
        [four],
      )
      yield* run("update webhook_events set received_at = now() - interval '40 days'")
      yield* log.prune(30 * DAY_MS)
      const left = yield* run(
        "select event_id, endpoint from webhook_deliveries where event_id = any ($1::text::text[])",
        [`{${[one, two, three, four].map((id) => `"${id}"`).join(",")}}`],
      )
      assert.sameDeepMembers(
        left.map(({ event_id, endpoint: to }) => [event_id, to === endpoint]),
        [
          // Pending at the other endpoint, and attempted or stored a short time ago.
          [two, false],
          [three, true],
          [four, true],
          [four, false],
        ],
      )
      const kept = yield* run("select id from webhook_events where partner = 'pruned'")
      assert.sameMembers(
        kept.map(({ id }) => id),
        events.map(({ id }) => id).filter((id) => id !== one),
      )
    }),
  )

  it.effect("forgets what was given up without an attempt, because its endpoint was disabled", () =>
    Effect.gen(function* () {
      const { endpoint, events } = yield* waiting("never-tried")
      yield* run("update webhook_endpoints set state = 'disabled', enabled = false where id = $1", [endpoint])
      yield* (yield* EndpointHealth).sweep
      yield* run(
        "update webhook_deliveries set created_at = now() - interval '40 days' where endpoint = $1 and state = 'dead'",
        [endpoint],
      )
      const { deliveries, isComplete } = yield* (yield* DeliveryLog).prune(30 * DAY_MS)
      assert.deepStrictEqual([deliveries, isComplete], [events.length, true])
      assert.deepStrictEqual(yield* all("never-tried", {}, 5), [[]])
    }),
  )

  it.effect("does not take an event for new whose delivery it may have forgotten", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* waiting("forgotten")
      const old = eventsOf("forgotten").map((event) => ({
        ...event,
        time: new Date(Date.now() - 31 * DAY_MS).toISOString(),
      }))
      const young = eventsOf("forgotten")
      yield* recorded([...old, ...young])
      const found = (yield* all("forgotten", { endpoint }, 500)).flat().map(({ event }) => event)
      assert.includeMembers(
        found,
        young.map(({ id }) => id),
      )
      assert.isFalse(old.some(({ id }) => found.includes(id)))
    }),
  )
})
