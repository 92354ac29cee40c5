/** A rebuild of the read models that is killed at any point is continued by the next one, and the service shows nothing of it. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { inject } from "vitest"
import type { CrashPoint } from "../../src/platform/crash-point.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { layer as readModelsOnPostgres } from "../../src/projections/read-models-postgres.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { lifeOf, live } from "../projections/batch-life.ts"
import { anotherProjector, caughtUp, rowsOf, tables } from "../projections/read-model-stack.ts"
import { masterKeys, ownPrefix, settings } from "../settings.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"

const own = { PARTITIONS: "2", STREAM_PREFIX: ownPrefix() }
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
      Layer.mergeAll(cursorsOnPostgres, readModelsOnPostgres).pipe(Layer.provideMerge(databaseLayer)),
    ).pipe(Layer.provide(settings({ ...own, DATABASE_URL: database.url })))
  }),
)

const run = (crashAt: string | undefined, ...words: ReadonlyArray<string>) =>
  Effect.promise(() =>
    atlaspay(
      {
        ...own,
        ...(crashAt === undefined ? {} : { CRASH_AT: crashAt }),
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
      "projections",
      ...words,
      "--json",
    ).end(),
  )

/** What another process waits for, as if the time had passed. */
const leaseOver = rowsOf(
  (sql) =>
    sql`update read_model_rebuilds set held_until = now() - interval '1 second' where ended_at is null`,
)

const deaths: ReadonlyArray<CrashPoint> = ["within-rebuild", "before-switch", "after-switch"]

layer(platform, { excludeTestServices: true, timeout: "60 seconds" })("a rebuild survives a kill", (it) => {
  it.effect(
    "at each of its points, one after the other, while batches go on",
    () =>
      Effect.gen(function* () {
        yield* live(lifeOf("acme", 9))
        yield* Effect.gen(function* () {
          yield* caughtUp
          const writing = Effect.repeat(live(lifeOf("globex", 8), 3), Schedule.spaced(100))
          const rebuilds = Effect.gen(function* () {
            for (const point of deaths) {
              yield* rowsOf((sql) => sql`delete from payout_items where item = 3`)
              const killed = yield* run(`${point}:1`, "rebuild")
              assert.isNull(killed.status, point)
              yield* leaseOver
            }
            return yield* run(undefined, "rebuild")
          })
          const { status, lines } = yield* Effect.raceFirst(rebuilds, Effect.andThen(writing, Effect.never))
          assert.strictEqual(status, 0)
          assert.strictEqual(JSON.parse(lines.at(-1) ?? "").state, "switched")
          yield* caughtUp
        }).pipe(Effect.provide(anotherProjector()))
        const ended = yield* rowsOf(
          (sql) => sql<Array<{ state: string }>>`select state from read_model_rebuilds order by id`,
        )
        // The first three processes had one rebuild: the third was killed when it was over.
        assert.deepStrictEqual(
          ended.map(({ state }) => state),
          ["switched", "switched"],
        )
        const shown = yield* tables
        assert.isNotEmpty(shown.items.filter(({ item }) => item === 3))
        const audit = yield* run(undefined, "audit", "--all")
        assert.deepStrictEqual(
          [audit.status, JSON.parse(audit.lines.at(-1) ?? "").differences],
          [0, 0],
          audit.lines.join("\n"),
        )
        yield* rowsOf((sql) => sql`update payout_items set state = 'settled' where item = 3`)
        const wrong = yield* run(undefined, "audit", "--all")
        assert.strictEqual(wrong.status, 1)
        assert.include(wrong.lines[0], '"column":"state"')
      }),
    120_000,
  )
})
