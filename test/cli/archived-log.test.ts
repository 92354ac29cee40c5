/** What operators do about logs that have left Redis: they read them, and accept that a store came back older. */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { inject, vi } from "vitest"
import { ArchiveStore } from "../../src/archive/archive-store.ts"
import { archiveRound } from "../../src/archive/archiving.ts"
import { compareCounts } from "../../src/archive/count-comparison.ts"
import { unlinkRound } from "../../src/archive/unlinking.ts"
import { logReader, readLog } from "../../src/cli/batch-log.ts"
import { AppConfig } from "../../src/config.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { archiveStack, PARTITIONS, settledStory, written } from "../archive/archive-stack.ts"
import { wholeLog } from "../streams/whole-log.ts"

/** A batch whose log is in the archive alone. */
const archived = Effect.gen(function* () {
  const { batch } = yield* written(settledStory(2))
  const only = { afterMs: 0, which: { batches: [batch] } }
  yield* archiveRound(only)
  assert.deepStrictEqual((yield* unlinkRound(only, [])).unlinked, [batch])
  return batch
})

/** Reads a log as the command line does, with these variables besides those of Redis. */
const readAs = Effect.fnUntraced(
  function* (batch: BatchId, variables: Readonly<Record<string, string>>) {
    const { redis } = yield* AppConfig
    const own = { REDIS_URL: inject("redisUrl"), STREAM_PREFIX: redis.prefix, PARTITIONS: String(PARTITIONS) }
    vi.stubEnv("DATABASE_URL", undefined)
    for (const [name, value] of Object.entries({ ...own, ...variables })) vi.stubEnv(name, value)
    const types: Array<string> = []
    const read = yield* logReader("nowhere")
    yield* readLog(read, batch, 0, ({ event }) => types.push(event._tag))
    return types
  },
  Effect.scoped,
  Effect.ensuring(Effect.sync(() => vi.unstubAllEnvs())),
)

layer(archiveStack, { excludeTestServices: true })("an archived log", (it) => {
  it.effect("is read by the command line where it is told of the archive", () =>
    Effect.gen(function* () {
      const batch = yield* archived
      const { url } = (yield* AppConfig).postgres
      const types = yield* readAs(batch, { DATABASE_URL: Redacted.value(url) })
      const events = yield* (yield* wholeLog).read(batch, 0, 100)
      assert.deepStrictEqual(
        types,
        events.map(({ event }) => event._tag),
      )
      assert.deepInclude(yield* Effect.flip(readAs(batch, {})), { reason: `There is no log of ${batch}.` })
    }),
  )

  it.effect("is known again after Redis came back older and that was accepted", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { recount } = yield* LogUnlinking
      const { unlinked } = yield* ArchiveStore
      const { commands } = yield* RedisConnections
      const { redis } = yield* AppConfig
      const batch = yield* archived
      const partition = log.partitions.of(batch)
      const keys = partitionKeys(redis.prefix, partition)
      assert.deepStrictEqual(yield* compareCounts(), [])
      yield* Effect.promise(() => commands.del(keys.archived, keys.archivedNames, keys.restored))
      const [found] = yield* compareCounts()
      assert.deepInclude(found, { partition, older: "redis" })
      assert.strictEqual(yield* recount(partition, unlinked), found?.missing)
      assert.deepStrictEqual(yield* compareCounts(), [])
      const [first] = yield* log.read(batch, 0, 1)
      assert(first)
      assert.strictEqual((yield* log.open(batch, [first.event], "again"))._tag, "Exists")
    }),
  )
})
