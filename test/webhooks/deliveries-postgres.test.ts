import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { encodePublicEvent, type PublicEvent } from "../../src/publisher/public-event.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { type Claim, Deliveries } from "../../src/webhooks/deliveries.ts"
import { makeWakeUps, runDispatcher } from "../../src/webhooks/dispatcher.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import type { Full } from "../../src/webhooks/shares.ts"
import { silence, startReceiver } from "./receiver.ts"
import { deliveryRows, eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

/** Claims so many of an endpoint's deliveries. */
const claimOf = (endpoint: string, most: number, leaseMs = 60_000): Claim => ({
  allotted: new Map([[endpoint, most]]),
  leaseMs,
})

const published = (events: ReadonlyArray<PublicEvent>, publishedAt = Date.now()) =>
  events.map((event) => ({ event, body: encodePublicEvent(event), publishedAt }))

/** A partner with an endpoint, and events for it that are stored and wait. */
const waiting = Effect.fnUntraced(function* (partner: string, url: string, itemCount: number) {
  const deliveries = yield* Deliveries
  const { endpoint } = yield* (yield* WebhookEndpoints).create({ partner, url })
  const events = eventsOf(partner, itemCount)
  yield* deliveries.record(published(events))
  return { deliveries, endpoint, events }
})

layer(webhookPlatform({ WEBHOOK_TIMEOUT_MS: "500" }), { excludeTestServices: true })("deliveries", (it) => {
  it.effect("are claimed in the order of the events, by one process each, and room is kept to", () =>
    Effect.gen(function* () {
      const { deliveries, endpoint, events } = yield* waiting("ordered", "http://127.0.0.1:9/", 30)
      const ids = events.map(({ id }) => id)
      const [one, other] = yield* Effect.all(
        [deliveries.claim(claimOf(endpoint.id, 10)), deliveries.claim(claimOf(endpoint.id, 10))],
        { concurrency: 2 },
      )
      const claimed = [...one, ...other].map(({ eventId }) => eventId)
      assert.strictEqual(new Set(claimed).size, claimed.length, "nothing is claimed twice")
      for (const { eventId } of yield* deliveries.claim(claimOf(endpoint.id, 100))) claimed.push(eventId)
      assert.sameMembers(claimed, ids)
      assert.deepStrictEqual(
        one.map(({ eventId }) => eventId),
        ids.filter((id) => one.some(({ eventId }) => eventId === id)),
      )
      assert.lengthOf(yield* deliveries.claim(claimOf(endpoint.id, 100)), 0)
      yield* (yield* WebhookEndpoints).remove("ordered", endpoint.id)
    }),
  )

  it.effect("are looked for where there is room, however much is due elsewhere", () =>
    Effect.gen(function* () {
      const { deliveries, endpoint } = yield* waiting("busy", "http://busy.example.com/", 10)
      const other = yield* waiting("idle", "http://idle.example.com/", 5)
      const none: Full = { partners: [], hosts: [], endpoints: [], pairs: [] }
      const look = (full: Partial<Full>, limit = 10) =>
        Effect.map(deliveries.waiting({ ...none, ...full }, limit), (found) =>
          found.map(({ partner }) => partner),
        )
      assert.deepStrictEqual(yield* deliveries.waiting(none, 1), [
        { endpoint: endpoint.id, partner: "busy", host: "busy.example.com", ordered: false, limited: false },
      ])
      assert.deepStrictEqual(yield* look({}), ["busy", "idle"])
      assert.deepStrictEqual(yield* look({ partners: ["busy"] }, 1), ["idle"])
      assert.deepStrictEqual(yield* look({ hosts: ["busy.example.com"] }, 1), ["idle"])
      assert.deepStrictEqual(yield* look({ endpoints: [endpoint.id] }, 1), ["idle"])
      const pairs = [
        { partner: "busy", host: "busy.example.com" },
        { partner: "idle", host: "busy.example.com" },
      ]
      assert.deepStrictEqual(yield* look({ pairs }, 1), ["idle"])
      yield* (yield* WebhookEndpoints).remove("busy", endpoint.id)
      yield* (yield* WebhookEndpoints).remove("idle", other.endpoint.id)
    }),
  )

  it.effect("are stored once, however often an event comes", () =>
    Effect.gen(function* () {
      const { deliveries, endpoint, events } = yield* waiting("again", "http://127.0.0.1:9/", 5)
      yield* deliveries.record(published([...events, ...events]))
      assert.deepStrictEqual(
        (yield* deliveryRows(endpoint.id)).map(({ event_id }) => event_id),
        events.map(({ id }) => id),
      )
      yield* (yield* WebhookEndpoints).remove("again", endpoint.id)
    }),
  )

  it.effect("are none for an endpoint that was added long after the event was published", () =>
    Effect.gen(function* () {
      const { deliveries, endpoint, events } = yield* waiting("replayed", "http://127.0.0.1:9/", 5)
      const hourAgo = Date.now() - 3_600_000
      yield* deliveries.record(published(eventsOf("replayed", 6), hourAgo))
      assert.lengthOf(yield* deliveryRows(endpoint.id), events.length)
      yield* (yield* WebhookEndpoints).remove("replayed", endpoint.id)
    }),
  )

  it.effect("are due again when the process that claimed them died, under the same id", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      const { deliveries, endpoint, events } = yield* waiting("orphaned", url, 5)
      assert.lengthOf(yield* deliveries.claim(claimOf(endpoint.id, 100, 200)), events.length)
      yield* Effect.forkScoped(runDispatcher(yield* makeWakeUps))
      yield* until(
        Effect.map(deliveryRows(endpoint.id), (rows) => rows.every(({ state }) => state === "delivered")),
      )
      assert.sameMembers(
        received.map(({ headers }) => headers["webhook-id"]),
        events.map(({ id }) => id),
      )
    }),
  )

  it.effect("are claimed with their storing where there is room, but not before what is due", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const { endpoint } = yield* (yield* WebhookEndpoints).create({
        partner: "ahead",
        url: "http://127.0.0.1:9/",
      })
      const ahead = { rooms: new Map([[endpoint.id, 4]]), leaseMs: 60_000 }
      const [first, second, third] = [eventsOf("ahead", 8), eventsOf("ahead", 8), eventsOf("ahead", 8)]
      const stored = yield* deliveries.record(published(first), ahead)
      const early = first.slice(0, 4).map(({ id }) => id)
      assert.deepStrictEqual(
        stored.claimed.map(({ eventId }) => eventId),
        early,
      )
      assert.isTrue(stored.othersAreDue)
      assert.deepStrictEqual(yield* deliveries.record(published(first), ahead), {
        claimed: [],
        othersAreDue: true,
      })
      // The others of the first are due, so no later one is claimed before them.
      assert.lengthOf((yield* deliveries.record(published(second), ahead)).claimed, 0)
      const due = yield* deliveries.claim(claimOf(endpoint.id, 100))
      assert.deepStrictEqual(
        due.map(({ eventId }) => eventId),
        [...first.slice(4), ...second].map(({ id }) => id),
      )
      const last = yield* deliveries.record(published(third), {
        ...ahead,
        rooms: new Map([[endpoint.id, 100]]),
      })
      assert.lengthOf(last.claimed, third.length)
      assert.isFalse(last.othersAreDue)
      yield* (yield* WebhookEndpoints).remove("ahead", endpoint.id)
    }),
  )

  it.effect("that are released are due as before, unless the claim ran out and is another's", () =>
    Effect.gen(function* () {
      const { deliveries, endpoint, events } = yield* waiting("released", "http://127.0.0.1:9/", 5)
      const ids = events.map(({ id }) => id)
      const later = eventsOf("released", 5)
      const [one, ...others] = yield* deliveries.claim(claimOf(endpoint.id, events.length, 1))
      if (one === undefined) throw new Error("nothing was claimed")
      yield* deliveries.record(published(later))
      yield* until(
        Effect.map(deliveries.claim(claimOf(endpoint.id, 1)), ([again]) => again?.eventId === one.eventId),
      )
      yield* deliveries.release([one, ...others])
      const rest = yield* deliveries.claim(claimOf(endpoint.id, 100))
      assert.deepStrictEqual(
        rest.map(({ eventId }) => eventId),
        [...ids.slice(1), ...later.map(({ id }) => id)],
      )
      yield* (yield* WebhookEndpoints).remove("released", endpoint.id)
    }),
  )

  it.effect("end a dispatcher at once that waits for an answer, and lose nothing", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver(silence)
      const { endpoint, events } = yield* waiting("drained", url, 5)
      const scope = yield* Scope.make()
      const dispatcher = yield* Effect.forkIn(runDispatcher(yield* makeWakeUps), scope)
      yield* until(Effect.sync(() => received.length === events.length))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(dispatcher)
      for (const row of yield* deliveryRows(endpoint.id))
        assert.deepInclude(row, { state: "pending", attempts: 0 })
    }),
  )

  it.effect("that were claimed ahead and have not begun are due at once when the dispatcher ends", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver(silence)
      const { deliveries, endpoint, events } = yield* waiting("stopped", url, 60)
      const ahead = new ClaimedAhead()
      for (let nth = 0; nth < 100; nth += 1) ahead.took(endpoint.id, Date.now())
      const scope = yield* Scope.make()
      const dispatcher = yield* Effect.forkIn(runDispatcher(yield* makeWakeUps, undefined, ahead), scope)
      yield* until(Effect.sync(() => received.length === 16 && ahead.has(endpoint.id)))
      assert.lengthOf(yield* deliveries.claim(claimOf(endpoint.id, 100)), 0)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(dispatcher)
      const due = yield* deliveries.claim(claimOf(endpoint.id, 100))
      assert.lengthOf(received, 16)
      assert.deepStrictEqual(
        due.map(({ eventId }) => eventId),
        events.slice(16).map(({ id }) => id),
      )
      yield* (yield* WebhookEndpoints).remove("stopped", endpoint.id)
    }),
  )

  it.effect("that arrived are recorded when the dispatcher ends while it records them", () =>
    Effect.gen(function* () {
      const { url } = yield* startReceiver()
      const { deliveries, endpoint } = yield* waiting("recorded", url, 5)
      const held: Array<string> = []
      const halting = Deliveries.of({
        ...deliveries,
        // As when all connections to the database are in use.
        delivered: (arrived) => {
          if (held.length > 0) return deliveries.delivered(arrived)
          held.push(...arrived.map(({ eventId }) => eventId))
          return Effect.never
        },
      })
      const scope = yield* Scope.make()
      const dispatcher = yield* runDispatcher(yield* makeWakeUps).pipe(
        Effect.provideService(Deliveries, halting),
        Effect.forkIn(scope),
      )
      yield* until(Effect.sync(() => held.length > 0))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(dispatcher)
      const rows = yield* deliveryRows(endpoint.id)
      assert.includeMembers(
        rows.filter(({ state }) => state === "delivered").map(({ event_id }) => event_id),
        held,
      )
      yield* (yield* WebhookEndpoints).remove("recorded", endpoint.id)
    }),
  )

  it.effect("whose id Postgres writes in another way are not sent without their body", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const { endpoint } = yield* (yield* WebhookEndpoints).create({
        partner: "rewritten",
        url: "http://127.0.0.1:9/",
      })
      const events = published(eventsOf("rewritten", 5)).map(({ event, ...of }, index) => ({
        ...of,
        event: index === 0 ? { ...event, id: `${event.id}\0` } : event,
      }))
      const ahead = { rooms: new Map([[endpoint.id, 100]]), leaseMs: 60_000 }
      const { claimed } = yield* deliveries.record(events, ahead)
      assert.deepStrictEqual(
        claimed.map(({ body }) => body),
        events.slice(1).map(({ body }) => body),
      )
      yield* (yield* WebhookEndpoints).remove("rewritten", endpoint.id)
    }),
  )
})
