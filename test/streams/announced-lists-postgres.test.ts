import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { LISTS_MAX, makeAnnouncedLists } from "../../src/streams/announced-lists.ts"
import { postgresListStore } from "../../src/streams/announced-lists-postgres.ts"
import { redisListStore } from "../../src/streams/announced-lists-redis.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { ownPrefix, settings } from "../settings.ts"

const prefix = ownPrefix()

const inBoth = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(Effect.promise(ownDatabase), ({ drop }) => Effect.promise(drop)),
    ({ url }) =>
      Layer.mergeAll(Layer.fresh(RedisConnections.layer), Layer.fresh(databaseLayer)).pipe(
        Layer.provide(settings({ DATABASE_URL: url, STREAM_PREFIX: prefix })),
      ),
  ),
)

it.live("goes by what either store knows, when the other one was set back", () =>
  Effect.gen(function* () {
    const connections = yield* RedisConnections
    const postgres = yield* Postgres
    const stores = [postgresListStore(postgres), redisListStore(connections, prefix)]
    const keep = (version: string, since: number) =>
      Effect.forEach(stores, ({ keep }) => keep(version, since))
    const inForce = Effect.flatMap(makeAnnouncedLists(stores), ({ current }) => current)
    const redisForgets = (version: string) =>
      Effect.promise(() => connections.commands.zrem(`${prefix}:lists`, version))
    yield* keep("a", 1_000)
    yield* keep("b", 2_000)
    yield* redisForgets("b")
    assert.deepStrictEqual(yield* inForce, { version: "b", since: 2_000 }, "Redis forgot it")
    yield* keep("c", 3_000)
    yield* postgres.query("set back", (sql) => sql`delete from announced_lists where version <> 'a'`)
    assert.deepStrictEqual(yield* inForce, { version: "c", since: 3_000 }, "Postgres forgot it")
    yield* redisForgets("c")
    assert.deepStrictEqual(yield* inForce, { version: "a", since: 1_000 }, "both forgot what came after it")
  }).pipe(Effect.provide(inBoth)),
)

it.live(
  "takes lists that are told again for as old as they are, when one store had not kept them before",
  () =>
    Effect.gen(function* () {
      const connections = yield* RedisConnections
      const postgres = yield* Postgres
      const [table, set] = [postgresListStore(postgres), redisListStore(connections, ownPrefix())]
      const either = [
        [table, set],
        [set, table],
      ] as const
      for (const [n, [kept, failed]] of either.entries()) {
        const [second, third] = [`second-${n}`, `third-${n}`]
        const began = 10_000 * (n + 1)
        const gone = new StoreUnavailable({ store: "redis", step: "announce lists", reason: "gone" })
        const down = { ...failed, keep: () => Effect.fail(gone) }
        yield* Effect.flip((yield* makeAnnouncedLists([kept, down])).announce(second, began))
        const lists = yield* makeAnnouncedLists([table, set])
        yield* lists.announce(third, began + 1)
        yield* lists.announce(second, began + 2)
        assert.deepStrictEqual(yield* lists.current, { version: third, since: began + 1 })
      }
    }).pipe(Effect.provide(inBoth)),
)

it.live("remembers a bounded number of versions, each by its first announcement", () =>
  Effect.gen(function* () {
    const postgres = yield* Postgres
    const { keep, latest } = postgresListStore(postgres)
    assert.isUndefined(yield* latest)
    yield* keep("first", 1)
    yield* postgres.query(
      "fill",
      (sql) => sql`
        insert into announced_lists select 'old-' || n, n + 1 from generate_series(1, ${LISTS_MAX - 1}) n`,
    )
    yield* keep("new", 1_000_000)
    yield* keep("new", 2_000_000)
    assert.deepStrictEqual(yield* latest, { version: "new", since: 1_000_000 })
    const [row] = yield* postgres.query(
      "count",
      (sql) => sql<Array<{ all: string; first: string }>>`
        select count(*) as all, count(*) filter (where version = 'first') as first from announced_lists`,
    )
    assert.deepStrictEqual([row?.all, row?.first], [String(LISTS_MAX), "0"])
  }).pipe(Effect.provide(inBoth)),
)
