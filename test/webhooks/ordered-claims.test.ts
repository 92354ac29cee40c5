import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { type PublicEvent, publicEventTypes } from "../../src/publisher/public-event.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import {
  arrived,
  change,
  claimInOrder,
  endpointWith,
  failed,
  idsOf,
  published,
  record,
} from "./paced-endpoints.ts"
import { eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

const NOWHERE = "http://127.0.0.1:9/"
const orderedOf = (partner: string) => endpointWith(partner, NOWHERE, { ordered: true })

/** Events of a batch by their sequence, from 1. */
const storyOf = (partner: string, count: number): ReadonlyArray<PublicEvent> => {
  const events = eventsOf(partner, 12).slice(0, count)
  assert.lengthOf(events, count)
  return events
}

const first = (events: ReadonlyArray<PublicEvent>): PublicEvent => {
  const [event] = events
  assert.exists(event)
  return event
}

layer(webhookPlatform(), { excludeTestServices: true })("an ordered endpoint", (it) => {
  it.effect(
    "gets several deliveries of a batch in a row, by their sequence, and none behind one that is claimed",
    () =>
      Effect.gen(function* () {
        const endpoint = yield* orderedOf("row")
        const events = storyOf("row", 6)
        yield* record(events)
        const first = yield* claimInOrder(endpoint, { run: 3 })
        assert.deepStrictEqual(idsOf(first), idsOf(events.slice(0, 3)))
        assert.lengthOf(yield* claimInOrder(endpoint), 0)
        yield* arrived(first.slice(0, 2))
        assert.lengthOf(yield* claimInOrder(endpoint), 0, "the third is claimed, and holds back the others")
        yield* arrived(first.slice(2))
        assert.deepStrictEqual(idsOf(yield* claimInOrder(endpoint)), idsOf(events.slice(3)))
      }),
  )

  it.effect("gets nothing of a batch while an earlier one waits for its retry, until that is dead", () =>
    Effect.gen(function* () {
      const endpoint = yield* orderedOf("dead")
      const [mine, other] = [storyOf("dead", 3), storyOf("dead", 2)]
      yield* record(mine)
      const [one, ...behind] = yield* claimInOrder(endpoint)
      assert.exists(one)
      yield* failed(one, 3_600_000)
      yield* (yield* Deliveries).release(behind)
      assert.lengthOf(yield* claimInOrder(endpoint), 0)
      yield* record(other)
      assert.deepStrictEqual(
        idsOf(yield* claimInOrder(endpoint)),
        idsOf(other),
        "another batch does not wait",
      )
      yield* failed({ ...one, attempts: 1 }, undefined)
      assert.deepStrictEqual(idsOf(yield* claimInOrder(endpoint)), idsOf(mine.slice(1)))
    }),
  )

  it.effect("waits for an event that has not come, and not for one of a type that it does not want", () =>
    Effect.gen(function* () {
      const endpoint = yield* orderedOf("gap")
      const [first, second, third, fourth] = storyOf("gap", 4)
      assert.exists(first)
      assert.exists(second)
      assert.exists(third)
      assert.exists(fourth)
      yield* record([first, fourth])
      assert.deepStrictEqual(idsOf(yield* claimInOrder(endpoint)), idsOf([first]))
      yield* arrived(yield* claimed(endpoint, [first]))
      assert.lengthOf(yield* claimInOrder(endpoint), 0)
      yield* record([third])
      assert.lengthOf(yield* claimInOrder(endpoint), 0)
      const unwanted = Object.values(publicEventTypes).filter((type) => type !== second.type)
      yield* change(endpoint, { event_types: unwanted })
      yield* record([second])
      assert.deepStrictEqual(idsOf(yield* claimInOrder(endpoint)), idsOf([third, fourth]))
    }),
  )

  it.effect("waits no longer when the gap is closed", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const endpoint = yield* orderedOf("closed")
      const [, , third, , fifth] = storyOf("closed", 5)
      assert.exists(third)
      assert.exists(fifth)
      yield* record([third])
      const { batchId: batch } = third.data
      const mine = Effect.map(deliveries.gaps, (gaps) => gaps.filter((gap) => gap.batch === batch))
      assert.deepStrictEqual(yield* mine, [{ batch, end: 4 }])
      assert.lengthOf(yield* claimInOrder(endpoint), 0)
      yield* record([fifth])
      yield* deliveries.closeGaps([{ batch, end: 4 }])
      const claimed = yield* claimInOrder(endpoint)
      assert.deepStrictEqual(idsOf(claimed), idsOf([third]))
      yield* arrived(claimed)
      assert.lengthOf(yield* claimInOrder(endpoint), 0, "another gap is before the fifth")
      yield* deliveries.closeGaps(yield* mine)
      assert.deepStrictEqual(yield* mine, [])
      assert.deepStrictEqual(idsOf(yield* claimInOrder(endpoint)), idsOf([fifth]))
    }),
  )

  it.effect("is claimed for by one process at a time, batch by batch", () =>
    Effect.gen(function* () {
      const endpoint = yield* orderedOf("two")
      const stories = Array.from({ length: 8 }, () => storyOf("two", 5))
      for (const events of stories) yield* record(events)
      const claims = yield* Effect.all(
        Array.from({ length: 12 }, (_, nth) =>
          claimInOrder(endpoint, { most: 40, run: nth % 2 === 0 ? 1 : 4 }),
        ),
        { concurrency: 12 },
      )
      const owners = new Map<string, number>()
      claims.forEach((claimed, owner) => {
        for (const { batch, eventId } of claimed) {
          assert.exists(batch)
          assert.strictEqual(
            owners.get(batch) ?? owner,
            owner,
            `${eventId} was claimed beside another of its batch`,
          )
          owners.set(batch, owner)
        }
      })
      for (const events of stories) {
        const mine = claims.flat().filter(({ batch }) => batch === events[0]?.data.batchId)
        assert.deepStrictEqual(idsOf(mine), idsOf(events.slice(0, mine.length)))
      }
      assert.strictEqual(owners.size, stories.length)
    }),
  )

  it.effect("gets nothing of a batch whose first delivery another process is claiming at this moment", () =>
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const endpoint = yield* orderedOf("moment")
      const events = storyOf("moment", 4)
      yield* record(events)
      const isClaiming = Promise.withResolvers<void>()
      const mayEnd = Promise.withResolvers<void>()
      const claiming = yield* query("claim slowly", (sql) =>
        sql.begin(async (sql) => {
          await sql`
            update webhook_deliveries set next_attempt_at = now() + interval '1 minute'
            where event_id = ${first(events).id}`
          isClaiming.resolve()
          await mayEnd.promise
        }),
      ).pipe(Effect.forkChild)
      yield* Effect.promise(() => isClaiming.promise)
      const other = yield* Effect.forkChild(claimInOrder(endpoint))
      yield* Effect.sleep(200)
      mayEnd.resolve()
      yield* Fiber.join(claiming)
      assert.deepStrictEqual(idsOf(yield* Fiber.join(other)), [])
    }),
  )

  it.effect("gets a delivery again whose process died before any behind it", () =>
    Effect.gen(function* () {
      const endpoint = yield* orderedOf("died")
      const events = storyOf("died", 4)
      yield* record(events)
      yield* claimInOrder(endpoint, { run: 2, leaseMs: 100 })
      const again: Array<string> = []
      yield* until(
        Effect.map(claimInOrder(endpoint, { run: 1 }), (claimed) => again.push(...idsOf(claimed)) > 0),
      )
      assert.deepStrictEqual(again, idsOf(events.slice(0, 1)))
    }),
  )

  it.effect("gets also what was stored before it was ordered, in order", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("before", NOWHERE, {})
      const events = storyOf("before", 4)
      yield* record(events.slice(0, 2))
      yield* change(endpoint, { ordered: true })
      yield* record(events.slice(2))
      const { batchId: batch } = first(events).data
      yield* (yield* Deliveries).closeGaps([{ batch, end: 5 }])
      assert.deepStrictEqual(idsOf(yield* claimInOrder(endpoint)), idsOf(events))
    }),
  )

  it.effect("is claimed for neither with the storing nor as others are", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const endpoint = yield* orderedOf("ahead")
      const rooms = new Map([[endpoint, 100]])
      const stored = yield* deliveries.record(published(storyOf("ahead", 3)), { rooms, leaseMs: 60_000 })
      assert.deepStrictEqual(stored, { claimed: [], othersAreDue: true })
      assert.lengthOf(yield* deliveries.claim({ allotted: rooms, leaseMs: 60_000 }), 0)
    }),
  )

  it.effect(
    "costs others nothing: their batches are not followed, and their deliveries are in no order",
    () =>
      Effect.gen(function* () {
        const { query } = yield* Postgres
        yield* endpointWith("plain", NOWHERE, {})
        const events = storyOf("plain", 3)
        yield* record(events)
        const { batchId: batch } = first(events).data
        const [row] = yield* query(
          "look at what is kept for order",
          (sql) => sql<Array<{ readonly batches: number; readonly ordered: number }>>`
          select (select count(*) from webhook_batches where batch = ${batch})::int as batches,
            (select count(*) from webhook_deliveries where event_id = ${first(events).id} and batch is not null)::int as ordered`,
        )
        assert.deepStrictEqual(row, { batches: 0, ordered: 0 })
      }),
  )
})

/** As claimed, without another look. */
const claimed = (endpoint: string, events: ReadonlyArray<PublicEvent>) =>
  Effect.succeed(
    events.map(({ id, partner }) => ({
      eventId: id,
      endpoint,
      partner,
      host: "127.0.0.1",
      url: NOWHERE,
      secret: undefined,
      body: "",
      attempts: 0,
      dueAt: "",
      claimedUntil: "",
    })),
  )
