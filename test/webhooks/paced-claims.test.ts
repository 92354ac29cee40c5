import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { change, claimPaced, endpointWith, idsOf, published, record } from "./paced-endpoints.ts"
import { deliveryRows, eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

const NOWHERE = "http://127.0.0.1:9/"
const NOTHING_FULL = { partners: [], hosts: [], endpoints: [], pairs: [] }

const isWaiting = Effect.fnUntraced(function* (endpoint: string) {
  const found = yield* (yield* Deliveries).waiting(NOTHING_FULL, 1_000)
  return found.some((one) => one.endpoint === endpoint)
})

const claimed = Effect.fnUntraced(function* (endpoint: string, most = 100) {
  return yield* (yield* Deliveries).claim({ allotted: new Map([[endpoint, most]]), leaseMs: 60_000 })
})

/** Whether attempts that have begun, or count as such, use up the limit of its rate now. */
const isUsedUp = (endpoint: string) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const [row] = yield* query(
      "look",
      (sql) => sql`select rate_used_until > now() as used from webhook_endpoints where id = ${endpoint}`,
    )
    return row?.used === true
  })

layer(webhookPlatform(), { excludeTestServices: true })("an endpoint", (it) => {
  it.effect(
    "that is paused has its deliveries stored, and nobody claims or reads them until it is resumed",
    () =>
      Effect.gen(function* () {
        const deliveries = yield* Deliveries
        const endpoint = yield* endpointWith("paused", NOWHERE, { state: "paused" })
        const events = eventsOf("paused", 5)
        const ahead = { rooms: new Map([[endpoint, 100]]), leaseMs: 60_000 }
        assert.lengthOf((yield* deliveries.record(published(events), ahead)).claimed, 0)
        assert.lengthOf(yield* deliveryRows(endpoint), events.length)
        assert.isFalse(yield* isWaiting(endpoint))
        assert.lengthOf(yield* claimed(endpoint), 0)
        assert.deepStrictEqual(yield* deliveries.halted([endpoint]), [endpoint])
        yield* change(endpoint, { state: "active" })
        assert.isTrue(yield* isWaiting(endpoint))
        assert.deepStrictEqual(yield* deliveries.halted([endpoint]), [])
        assert.deepStrictEqual(idsOf(yield* claimed(endpoint)), idsOf(events))
      }),
  )

  it.effect("that is paused and ordered is not claimed for", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("both", NOWHERE, { state: "paused", ordered: true })
      yield* record(eventsOf("both", 5))
      const one = { endpoint, ordered: true, limited: false, most: 16, run: 16 }
      assert.lengthOf((yield* claimPaced(one)).claimed, 0)
      yield* change(endpoint, { state: "active" })
      assert.isAbove((yield* claimPaced(one)).claimed.length, 0)
    }),
  )

  it.effect("that is disabled has nothing stored", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("disabled", NOWHERE, { state: "disabled" })
      yield* record(eventsOf("disabled", 5))
      assert.lengthOf(yield* deliveryRows(endpoint), 0)
    }),
  )

  it.effect(
    "that asked not to be called is held until then, or until it is resumed, or has another URL",
    () =>
      Effect.gen(function* () {
        const deliveries = yield* Deliveries
        const endpoint = yield* endpointWith("held", NOWHERE, {})
        const other = yield* endpointWith("beside", NOWHERE, {})
        yield* record([...eventsOf("held", 5), ...eventsOf("beside", 5)])
        yield* deliveries.hold(endpoint, 3_600_000)
        yield* deliveries.hold(endpoint, 1)
        const isHeld = Effect.map(isWaiting(endpoint), (yes) => !yes)
        assert.isTrue(yield* isHeld)
        assert.isTrue(yield* isWaiting(other))
        assert.lengthOf(yield* claimed(endpoint), 0)
        assert.deepStrictEqual(yield* deliveries.halted([endpoint, other]), [endpoint])
        yield* change(endpoint, { url: `${NOWHERE}new` })
        assert.isFalse(yield* isHeld)
        yield* deliveries.hold(endpoint, 3_600_000, NOWHERE)
        assert.isFalse(yield* isHeld, "a late answer of the URL of before")
        yield* deliveries.hold(endpoint, 3_600_000)
        yield* change(endpoint, { state: "paused" })
        yield* change(endpoint, { state: "active" })
        assert.isFalse(yield* isHeld)
        yield* deliveries.hold(endpoint, 200)
        assert.isTrue(yield* isHeld)
        yield* until(isWaiting(endpoint))
        const rooms = new Map([[other, 100]])
        yield* claimed(other)
        yield* deliveries.hold(other, 3_600_000)
        const stored = yield* deliveries.record(published(eventsOf("beside", 5)), { rooms, leaseMs: 60_000 })
        assert.lengthOf(stored.claimed, 0, "nor is anything claimed for it with the storing")
      }),
  )

  it.effect("with a limit is claimed for within it, by all processes together, and not as others are", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const endpoint = yield* endpointWith("limited", NOWHERE, { rate_limit: 40 })
      const ahead = { rooms: new Map([[endpoint, 100]]), leaseMs: 60_000 }
      assert.lengthOf((yield* deliveries.record(published(eventsOf("limited", 200)), ahead)).claimed, 0)
      assert.lengthOf(yield* claimed(endpoint), 0)
      const one = { endpoint, ordered: false, limited: true, most: 16, run: 1 }
      const startedAt = performance.now()
      let [count, most, lastAt] = [0, 0, startedAt]
      while (performance.now() - startedAt < 1_000) {
        const claims = yield* Effect.all([claimPaced(one), claimPaced(one), claimPaced(one)], {
          concurrency: 3,
        })
        for (const { claimed } of claims) count += claimed.length
        const now = performance.now()
        // What is not claimed within a tenth of a second is lost, also if the machine is too busy for that.
        most += Math.min(4, (40 * (now - lastAt)) / 1_000)
        lastAt = now
      }
      const seconds = (performance.now() - startedAt) / 1_000
      assert.isAtMost(count, 40 * seconds + 4)
      assert.isAtLeast(count, most / 2)
    }),
  )

  it.effect("with a limit keeps what it did not use, and is told when more may begin", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointWith("unused", NOWHERE, { rate_limit: 30 })
      const one = { endpoint, ordered: false, limited: true, most: 16, run: 1 }
      for (let nth = 0; nth < 20; nth += 1) assert.lengthOf((yield* claimPaced(one)).claimed, 0)
      // One a second: an attempt that is counted would show for a whole second, however busy the machine is.
      const slow = yield* endpointWith("unused", `${NOWHERE}/slow`, { rate_limit: 1 })
      for (let nth = 0; nth < 5; nth += 1) {
        yield* claimPaced({ ...one, endpoint: slow })
        assert.isFalse(yield* isUsedUp(slow))
      }
      yield* record(eventsOf("unused", 30))
      const { claimed, readyInMs } = yield* claimPaced(one)
      assert.lengthOf(claimed, 3)
      assert.isAtLeast(readyInMs.get(endpoint) ?? 0, 1)
      assert.isAtMost(readyInMs.get(endpoint) ?? 0, 34)
    }),
  )
})
