/** Replays of events from the logs of batches to an endpoint. */
import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { BatchId, PartnerId } from "../../src/domain/identifiers.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { encodePublicEvent, type PublicEvent } from "../../src/publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { DeliveryLog } from "../../src/webhooks/delivery-log.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { workOff } from "../../src/webhooks/replaying.ts"
import { type ClaimedReplay, type NewReplay, Replays } from "../../src/webhooks/replays.ts"
import { newBatchId, recorded, storyOf } from "../publisher/story.ts"
import { deliveryRows, webhookPlatform } from "./webhook-platform.ts"

const by = { who: "partner:test" }
const LEASE_MS = 60_000
const DAY_MS = 86_400_000

const run = (statement: string, parameters: ReadonlyArray<string> = []) =>
  Effect.flatMap(Postgres, ({ query }) => query("test", (sql) => sql.unsafe(statement, [...parameters])))

/** A batch with its log, its row in the read model, and its public events. It was received and changed at a time. */
const batchOf = Effect.fnUntraced(function* (partner: string, at = Date.now(), itemCount = 5) {
  const id = newBatchId()
  const story = storyOf(partner, itemCount).map((event) => ({ ...event, at }))
  yield* (yield* EventStore).open(id, story, randomUUID())
  yield* run(
    `insert into payout_batches (id, partner, idempotency_key, state, item_count, version, received_at, updated_at, totals)
    values ($1, $2, $1, 'closed', 5, 1, $3::text::timestamptz, $3::text::timestamptz, '{}')`,
    [id, partner, new Date(at).toISOString()],
  )
  const history = emptyHistory(id)
  const events: ReadonlyArray<PublicEvent> = recorded(story).flatMap((event) =>
    advanceHistory(history, event),
  )
  return { id, events }
})

const endpointOf = Effect.fnUntraced(function* (
  partner: string,
  eventTypes?: ReadonlyArray<PublicEvent["type"]>,
) {
  const { endpoint } = yield* (yield* WebhookEndpoints).create({
    partner,
    url: `http://127.0.0.1:9/${randomUUID()}`,
    ...(eventTypes === undefined ? {} : { eventTypes }),
  })
  return endpoint.id
})

const started = Effect.fnUntraced(function* (partner: string, endpoint: string, asked: NewReplay) {
  const replays = yield* Replays
  yield* replays.start(partner as PartnerId, endpoint, asked, by)
  const claimed = yield* replays.claim(LEASE_MS)
  if (claimed === undefined) throw new Error("a replay that was started can be claimed")
  return claimed
})

const shown = ({ id, endpoint, partner }: ClaimedReplay) =>
  Effect.flatMap(Replays, ({ show }) => show(partner, endpoint, id))

const eventsTo = (endpoint: string) =>
  Effect.map(deliveryRows(endpoint), (rows) => rows.map(({ event_id }) => event_id))

const idsOf = (events: ReadonlyArray<PublicEvent>) => events.map(({ id }) => id)

layer(webhookPlatform(), { excludeTestServices: true })("a replay", (it) => {
  it.effect("sends a batch from one of its events on, also those that the endpoint never got", () =>
    Effect.gen(function* () {
      const { id, events } = yield* batchOf("acme")
      const endpoint = yield* endpointOf("acme")
      const replay = yield* started("acme", endpoint, { batch: id, fromSequence: 3 })
      yield* workOff(replay)
      const expected = events.slice(2)
      assert.deepStrictEqual(yield* eventsTo(endpoint), idsOf(expected))
      assert.deepInclude(yield* shown(replay), { state: "done", batches: 1, events: expected.length })
      const [first] = expected
      const { body } = yield* (yield* DeliveryLog).show("acme", { endpoint, event: first?.id ?? "" })
      assert.strictEqual(
        body,
        encodePublicEvent(first as PublicEvent),
        "byte for byte as the publisher has it",
      )
      const [audited] = yield* run("select who, after from audit_trail where act = 'webhook-endpoint.replay'")
      assert.deepInclude(audited, { who: by.who })
      yield* (yield* WebhookEndpoints).remove("acme", endpoint)
    }),
  )

  it.effect("sends again what arrived or was given up, and leaves what is pending as it is", () =>
    Effect.gen(function* () {
      const { id, events } = yield* batchOf("again")
      const endpoint = yield* endpointOf("again")
      const deliveries = yield* Deliveries
      yield* deliveries.record(
        events.map((event) => ({ event, body: encodePublicEvent(event), publishedAt: Date.now() })),
      )
      const [one, two, three] = idsOf(events)
      const ended = { at: Date.now(), durationMs: 1, answer: undefined }
      const of = (eventId = "") => ({ endpoint, eventId, attempts: 0, ...ended })
      yield* deliveries.delivered([{ ...of(one), status: 200 }])
      yield* deliveries.failed(of(two), { ...ended, status: 500, reason: "HTTP 500" }, undefined)
      yield* deliveries.failed(of(three), { ...ended, status: 500, reason: "HTTP 500" }, LEASE_MS)
      yield* workOff(yield* started("again", endpoint, { batch: id, fromSequence: 1 }))
      assert.isTrue((yield* deliveryRows(endpoint)).every(({ state }) => state === "pending"))
      const claimed = yield* deliveries.claim({ allotted: new Map([[endpoint, 100]]), leaseMs: LEASE_MS })
      const begun = new Map(
        claimed.map(({ eventId, attempts, attemptsBefore }) => [eventId, [attempts, attemptsBefore]]),
      )
      assert.deepStrictEqual(begun.get(one ?? ""), [1, 1])
      assert.deepStrictEqual(begun.get(two ?? ""), [1, 1])
      assert.isFalse(begun.has(three ?? ""), "a pending one keeps its schedule")
    }),
  )

  it.effect(
    "of a time sends the events of that time, of all of the partner's batches and of no other's",
    () =>
      Effect.gen(function* () {
        const now = Date.now()
        const old = yield* batchOf("timed", now - 3 * DAY_MS)
        const first = yield* batchOf("timed", now - DAY_MS - 1_000)
        const second = yield* batchOf("timed", now - DAY_MS + 1_000)
        const late = yield* batchOf("timed", now - 1_000)
        yield* batchOf("stranger", now - DAY_MS)
        // Changed in the time, but nothing of it happened then.
        yield* run("update payout_batches set updated_at = now() where id = $1", [old.id])
        const type = "com.atlaspay.payout.settled.v1"
        const [endpoint, settled] = [yield* endpointOf("timed"), yield* endpointOf("timed", [type])]
        const time = { since: now - DAY_MS - 2_000, until: now - 600_000 }
        const replay = yield* started("timed", endpoint, time)
        yield* workOff(replay)
        const expected = [...first.events, ...second.events]
        assert.deepStrictEqual(yield* eventsTo(endpoint), idsOf(expected))
        assert.deepInclude(yield* shown(replay), { state: "done", batches: 3, events: expected.length })
        yield* workOff(yield* started("timed", settled, time))
        assert.deepStrictEqual(
          yield* eventsTo(settled),
          idsOf(expected.filter((event) => event.type === type)),
        )
        assert.isFalse((yield* eventsTo(endpoint)).some((id) => id.startsWith(late.id)))
      }),
  )

  it.effect("never sends a batch of another partner", () =>
    Effect.gen(function* () {
      const { id } = yield* batchOf("victim")
      const endpoint = yield* endpointOf("thief")
      const replay = yield* started("thief", endpoint, { batch: id, fromSequence: 1 })
      yield* workOff(replay)
      assert.deepStrictEqual(yield* eventsTo(endpoint), [])
      const { state, reason } = yield* shown(replay)
      assert.deepStrictEqual([state, reason], ["stopped", `there is no batch ${id} of the partner`])
    }),
  )

  it.effect("stops at a batch without a log", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointOf("lost")
      const batch = newBatchId()
      const replay = yield* started("lost", endpoint, { batch, fromSequence: 1 })
      yield* workOff(replay)
      assert.deepInclude(yield* shown(replay), { state: "stopped", reason: `there is no log of ${batch}` })
    }),
  )

  it.effect("goes on behind its last step when its process died, and does no step twice", () =>
    Effect.gen(function* () {
      const now = Date.now()
      const first = yield* batchOf("died", now - 2_000)
      const second = yield* batchOf("died", now - 1_000, 1_500)
      const endpoint = yield* endpointOf("died")
      const replays = yield* Replays
      yield* replays.start("died" as PartnerId, endpoint, { since: now - DAY_MS }, by)
      const dying = yield* replays.claim(1)
      if (dying === undefined) throw new Error("no claim")
      const [row] = yield* replays.batchesAfter("died" as PartnerId, undefined, 1)
      const place = { batch: first.id, receivedAt: row?.receivedAt, sequence: undefined }
      const moved = yield* replays.send(dying, first.events, place, 1)
      const begun = second.events.slice(0, 700)
      const [, next] = yield* replays.batchesAfter("died" as PartnerId, undefined, 2)
      const middle = { batch: second.id, receivedAt: next?.receivedAt, sequence: 700 }
      yield* replays.send(moved as ClaimedReplay, begun, middle, 1)
      yield* Effect.sleep(20)
      // All of them arrive meanwhile: what is sent again is pending afterwards.
      yield* run("update webhook_deliveries set state = 'delivered', attempts = 1 where endpoint = $1", [
        endpoint,
      ])
      const claimed = yield* replays.claim(LEASE_MS)
      // Who had it before changes nothing while another process works it off.
      assert.isUndefined(yield* replays.send(dying, second.events, place, LEASE_MS))
      yield* workOff(claimed as ClaimedReplay)
      const rows = yield* deliveryRows(endpoint)
      assert.sameMembers(
        rows.filter(({ state }) => state === "delivered").map(({ event_id }) => event_id),
        idsOf([...first.events, ...begun]),
      )
      assert.strictEqual(rows.length, first.events.length + second.events.length)
      assert.deepInclude(yield* shown(claimed as ClaimedReplay), {
        state: "done",
        batches: 2,
        events: rows.length,
      })
      // Nor afterwards.
      assert.isUndefined(yield* replays.send(dying, second.events, place, LEASE_MS))
    }),
  )

  it.effect("is the only one of its endpoint, and nobody else's", () =>
    Effect.gen(function* () {
      const endpoint = yield* endpointOf("one")
      const replays = yield* Replays
      const asked = { since: 0 }
      const { id } = yield* replays.start("one" as PartnerId, endpoint, asked, by)
      const other = yield* Effect.flip(replays.start("one" as PartnerId, endpoint, asked, by))
      assert.deepInclude(other, { _tag: "ReplayUnderWay", replay: id })
      const foreign = "other" as PartnerId
      assert.strictEqual(
        (yield* Effect.flip(replays.start(foreign, endpoint, asked, by)))._tag,
        "NoSuchEndpoint",
      )
      assert.strictEqual((yield* Effect.flip(replays.show(foreign, endpoint, id)))._tag, "NoSuchReplay")
      assert.strictEqual((yield* Effect.flip(replays.list(foreign, endpoint)))._tag, "NoSuchEndpoint")
      assert.deepStrictEqual(
        (yield* replays.list("one" as PartnerId, endpoint)).map((one) => one.id),
        [id],
      )
      const claimed = yield* replays.claim(LEASE_MS)
      assert.isUndefined(yield* replays.claim(LEASE_MS), "one process has it")
      yield* replays.end(claimed as ClaimedReplay)
      assert.strictEqual((yield* replays.start("one" as PartnerId, endpoint, asked, by)).state, "running")
      yield* (yield* WebhookEndpoints).remove("one", endpoint)
    }),
  )

  it.effect("ends at its limit, and says where", () =>
    Effect.gen(function* () {
      const { id } = yield* batchOf("much")
      const endpoint = yield* endpointOf("much")
      const replay = yield* started("much", endpoint, { batch: id, fromSequence: 1 })
      yield* run("update webhook_replays set events = 99999 where id = $1", [replay.id])
      yield* workOff({ ...replay, events: 99_999 })
      const { state, reason = "" } = yield* shown(replay)
      assert.strictEqual(state, "stopped")
      assert.include(reason, `in ${id satisfies BatchId} before sequence 1`)
      assert.deepStrictEqual(yield* eventsTo(endpoint), [])
    }),
  )

  it.effect("keeps its claim while it reads much and sends nothing, and goes on from there", () =>
    Effect.gen(function* () {
      const now = Date.now()
      const partner = "reader"
      yield* run(
        `insert into payout_batches (id, partner, idempotency_key, state, item_count, version, received_at, updated_at, totals)
        select 'pb_reader' || n, $1, 'reader' || n, 'closed', 5, 1, at, at, '{}'
        from generate_series(1, 1200) as n, lateral (select now() - (2000 - n) * interval '1 day' as at) as times`,
        [partner],
      )
      const { id, events } = yield* batchOf(partner, now - 1_000)
      const endpoint = yield* endpointOf(partner)
      const replay = yield* started(partner, endpoint, { since: now - DAY_MS })
      const places: Array<string> = []
      const replays = yield* Replays
      const noting = Replays.of({
        ...replays,
        keep: (replay, place, leaseMs) => {
          places.push(place?.batch ?? "in a batch")
          return replays.keep(replay, place, leaseMs)
        },
      })
      yield* workOff(replay, { renewEveryMs: 0 }).pipe(Effect.provideService(Replays, noting))
      assert.deepStrictEqual(places, ["pb_reader500", "pb_reader1000", "in a batch", id])
      assert.deepInclude(yield* shown(replay), { state: "done", batches: 1, events: events.length })
      assert.isUndefined(yield* replays.keep(replay, undefined, LEASE_MS), "the claim of before is over")
    }),
  )

  it.effect("of a time reads batches whose last change has an earlier time, by another clock", () =>
    Effect.gen(function* () {
      const now = Date.now()
      const { id, events } = yield* batchOf("skewed", now - 1_000)
      yield* run("update payout_batches set updated_at = now() - interval '1 minute' where id = $1", [id])
      const endpoint = yield* endpointOf("skewed")
      yield* workOff(yield* started("skewed", endpoint, { since: now - 10_000 }))
      assert.deepStrictEqual(yield* eventsTo(endpoint), idsOf(events))
    }),
  )

  it.effect("is refused, or ends, when its endpoint is disabled", () =>
    Effect.gen(function* () {
      const { id } = yield* batchOf("off")
      const endpoint = yield* endpointOf("off")
      const asked = { batch: id, fromSequence: 1 }
      const replay = yield* started("off", endpoint, asked)
      yield* run("update webhook_endpoints set state = 'disabled', enabled = false where id = $1", [endpoint])
      yield* workOff(replay)
      assert.deepStrictEqual(yield* eventsTo(endpoint), [])
      assert.deepInclude(yield* shown(replay), {
        state: "stopped",
        events: 0,
        reason: `the endpoint is disabled, in ${id} before sequence 1`,
      })
      const { start } = yield* Replays
      const refused = yield* Effect.flip(start("off" as PartnerId, endpoint, asked, by))
      assert.strictEqual(refused._tag, "EndpointDisabled")
    }),
  )

  it.effect(
    "goes out in order where JetStream lost the rest of a batch, and is no part of an order elsewhere",
    () =>
      Effect.gen(function* () {
        const { id, events } = yield* batchOf("ordered")
        const [endpoint, other] = [yield* endpointOf("ordered"), yield* endpointOf("ordered")]
        yield* run("update webhook_endpoints set ordered = true where id = $1", [endpoint])
        const deliveries = yield* Deliveries
        yield* deliveries.record(
          events
            .slice(0, 2)
            .map((event) => ({ event, body: encodePublicEvent(event), publishedAt: Date.now() })),
        )
        yield* workOff(yield* started("ordered", endpoint, { batch: id, fromSequence: 1 }))
        yield* workOff(yield* started("ordered", other, { batch: id, fromSequence: 1 }))
        const paced = { endpoint, ordered: true, limited: false, most: 100, run: 100 }
        const { claimed } = yield* deliveries.claimPaced([paced], LEASE_MS)
        assert.deepStrictEqual(
          claimed.map(({ eventId }) => eventId),
          idsOf(events),
        )
        const [inOrder] = yield* run(
          "select count(*)::int as n from webhook_deliveries where endpoint = $1 and batch is not null",
          [other],
        )
        assert.strictEqual(inOrder?.n, 0)
      }),
  )
})
