/** What the gauges say of real servers of Redis: those that keep what they acknowledge, those that do not, and one that does not tell. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { RedisConnections } from "../../src/platform/redis.ts"
import { redisGaugesLayer } from "../../src/platform/redis-gauges.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { RedisServer } from "../cluster/redis-server.ts"
import { settings } from "../settings.ts"

const folder = mkdtempSync(join(tmpdir(), "redis-gauges-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The flags and the memory limit by the first reading. */
const read = (url: string) =>
  Effect.gen(function* () {
    yield* Layer.build(redisGaugesLayer)
    const { redisDurability, redisMemory, redisMemoryMax, redisReplicas, redisReplicasWanted } =
      yield* Metrics
    const values = (gauge: {
      readonly get: () => Promise<{ values: ReadonlyArray<{ readonly value: number }> }>
    }) =>
      Effect.map(
        Effect.promise(() => gauge.get()),
        ({ values }) => values.map(({ value }) => value),
      )
    while ((yield* values(redisDurability)).length === 0) yield* Effect.sleep(5)
    const { values: flags } = yield* Effect.promise(() => redisDurability.get())
    return {
      flags: Object.fromEntries(flags.map(({ labels, value }) => [labels.flag, value])),
      memory: yield* values(redisMemory),
      memoryMax: yield* values(redisMemoryMax),
      replicas: yield* values(redisReplicas),
      wanted: yield* values(redisReplicasWanted),
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.fresh(RedisConnections.layer)),
    Effect.provide(settings({ REDIS_URL: url, REDIS_REPLICAS: "2" })),
    Effect.provide(freshMetrics),
    Effect.runPromise,
  )

const sound = { aof: 1, fsync_always: 1, noeviction: 1, aof_write_ok: 1, rdb_ok: 1, loading: 1 }

describe("a Redis", () => {
  it("that keeps what it acknowledges has 1 in every flag, until it is set otherwise", async () => {
    await using server = await RedisServer.start({ folder, settings: { maxmemory: "100mb" } })
    const found = await read(server.url)
    expect(found.flags).toEqual(sound)
    expect(found.memoryMax).toEqual([104_857_600])
    expect(found.memory[0]).toBeGreaterThan(100_000)
    expect([found.replicas, found.wanted]).toEqual([[0], [2]])
    await server.ask(async (redis) => {
      await redis.config("SET", "appendfsync", "everysec")
      await redis.config("SET", "maxmemory-policy", "allkeys-lru")
      await redis.config("SET", "appendonly", "no")
    })
    expect((await read(server.url)).flags).toEqual({ ...sound, aof: 0, fsync_always: 0, noeviction: 0 })
  })

  it("that does not tell its settings has no flag for them, rather than a good or a bad one", async () => {
    await using server = await RedisServer.start({ folder, settings: {} })
    await server.ask((redis) =>
      redis.acl("SETUSER", "guest", "on", ">canary", "~*", "&*", "+@all", "-config"),
    )
    const { fsync_always: _, ...told } = sound
    expect((await read(`redis://guest:canary@${server.name}`)).flags).toEqual(told)
  })
})
