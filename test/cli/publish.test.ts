import { randomUUID } from "node:crypto"
import { it as alone, assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { inject } from "vitest"
import { fromOf } from "../../src/cli/publish.ts"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { projectorLayer } from "../../src/projections/projector.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { layer as readModelsOnPostgres } from "../../src/projections/read-models-postgres.ts"
import { layer as publisher } from "../../src/publisher/relay.ts"
import { CursorStore } from "../../src/streams/cursor-store.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { newBatchId, storyOf } from "../publisher/story.ts"
import { masterKeys, ownPrefix, settings } from "../settings.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"
import { until } from "../webhooks/webhook-platform.ts"
import { atlaspay } from "./atlaspay-process.ts"

const own = {
  PARTITIONS: "1",
  NATS_STREAM: `T${randomUUID().slice(0, 8)}`,
  STREAM_PREFIX: ownPrefix(),
}
let databaseUrl = ""

const platform = Layer.unwrap(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.promise(() => ownDatabase()),
      ({ drop }) => Effect.promise(drop),
    )
    databaseUrl = database.url
    return Layer.mergeAll(
      streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
      Nats.layer,
      Layer.mergeAll(cursorsOnPostgres, readModelsOnPostgres).pipe(Layer.provideMerge(databaseLayer)),
    ).pipe(Layer.provideMerge(settings({ ...own, DATABASE_URL: database.url })))
  }),
)

const run = (...words: ReadonlyArray<string>) =>
  Effect.promise(() =>
    atlaspay(
      {
        ...own,
        REDIS_URL: inject("redisUrl"),
        DATABASE_URL: databaseUrl,
        NATS_URL: inject("natsUrl"),
        MASTER_KEYS: masterKeys,
        API_KEYS: "acme=acme-key",
        COMPLIANCE_URL: "http://127.0.0.1:9",
        LEDGER_URL: "http://127.0.0.1:9",
        BANKS: "north=http://127.0.0.1:9",
        BANK_ROUTES: "*=north",
        BANK_CALLBACK_SECRET: `whsec_${Buffer.alloc(24, 1).toString("base64")}`,
      },
      ...words,
    ).end(),
  )

const messages = Effect.gen(function* () {
  const { manager } = yield* Nats
  const { state } = yield* Effect.promise(async () => manager.streams.info(own.NATS_STREAM))
  return state.messages
})

layer(platform, { excludeTestServices: true, timeout: 120_000 })("atlaspay publish", (it) => {
  it.effect(
    "counts, publishes what is missing, and shows and changes the stream",
    () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* AppConfig).nats.stream, own.NATS_STREAM)
        const { manager } = yield* Nats
        const log = yield* wholeLog
        const cursors = yield* CursorStore
        const batches = [newBatchId(), newBatchId()]
        for (const batch of batches) yield* log.open(batch, storyOf("acme", 10), `open-${batch}`)
        const [tail] = (yield* log.entries(0, "0-0", 10)).slice(-1)
        yield* until(
          Effect.map(Effect.all([cursors.positions(PROJECTION), cursors.positions("publisher")]), (all) =>
            all.every((positions) => positions.get(0) === tail?.id),
          ),
        ).pipe(Effect.provide(Layer.merge(projectorLayer, Layer.fresh(publisher))))
        const all = yield* messages
        assert.strictEqual(all, 24)

        yield* Effect.promise(() => manager.streams.purge(own.NATS_STREAM))
        const counted = yield* run("publish", "--from", "start", "--dry-run", "--json")
        assert.deepStrictEqual(counted, {
          status: 0,
          lines: [JSON.stringify({ batches: 2, events: 24, corrupt: 0 })],
        })
        assert.strictEqual(yield* messages, 0)
        const later = yield* run("publish", "--from", "2026-02-01T00:00:00Z", "--dry-run")
        assert.deepStrictEqual(later.lines, ["0 events of 0 batches would be published"])

        yield* Effect.promise(() => manager.streams.delete(own.NATS_STREAM))
        const one = yield* run("publish", "--from", `${batches[0]}:4`)
        // All but the acceptance of the batch and the screening of two items.
        assert.deepStrictEqual(one.lines, ["9 events of 1 batch are published"])
        const unknown = yield* run("publish", "--from", `${newBatchId()}:1`)
        assert.notStrictEqual(unknown.status, 0)
        const both = yield* run("publish", "--from", `${batches[0]}:4`, "--after", `${batches[1]}`)
        assert.notStrictEqual(both.status, 0)
        const rest = yield* run("publish", "--from", "start")
        assert.deepStrictEqual(rest, { status: 0, lines: ["24 events of 2 batches are published"] })
        assert.strictEqual(yield* messages, 24)

        const shown = yield* run("stream", "show")
        assert.deepStrictEqual(shown.status, 0)
        assert.match(shown.lines[0] ?? "", /24 messages/)
        assert.strictEqual((yield* run("stream", "apply")).status, 0)
      }),
    // It starts a dozen processes, one after the other.
    { timeout: 180_000 },
  )
})

alone("--from names a time with its zone, or a batch and a version", () => {
  const batch = newBatchId()
  assert.deepStrictEqual(fromOf("start"), { since: 0 })
  assert.deepStrictEqual(fromOf("2026-02-01T00:00:00Z"), { since: Date.UTC(2026, 1, 1) })
  for (const place of [`${batch}:41`, `${batch}:41:7`, `${batch}:41:7:2`])
    assert.deepStrictEqual(fromOf(place), { batch, version: 41 }, place)
  for (const text of [
    "",
    "now",
    "2026-02-01",
    "2026-02-01T00:00:00",
    "2026-13-01T00:00:00Z",
    batch,
    `${batch}:0`,
    `${batch}:1:x`,
    `${batch}:1:2:2:2`,
  ])
    assert.isUndefined(fromOf(text), text)
})
