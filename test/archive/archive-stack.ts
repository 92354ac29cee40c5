/** Logs on Redis and the archive in Postgres, with a key prefix and a database of the test file's own; and logs of closed batches. */
import { Effect, Layer } from "effect"
import { assert } from "vitest"
import { layer as archiveInPostgres } from "../../src/archive/archive-store-postgres.ts"
import { layer as logArchiveInPostgres } from "../../src/archive/log-archive-postgres.ts"
import { layer as storedLogsOnRedis } from "../../src/archive/stored-logs-redis.ts"
import { AppConfig } from "../../src/config.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import type { LogTail } from "../../src/register/log-tail.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import type { Ownership } from "../../src/streams/run-queue.ts"
import type { StreamEntry } from "../../src/streams/stream-entry.ts"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { accepted, intent, returned, Story, settled } from "../domain/batch-story.ts"
import { newBatchId } from "../projections/batch-life.ts"
import { rowsOf } from "../projections/read-model-stack.ts"
import { ownPrefix, settings } from "../settings.ts"
import { commandId, headAt, news, takeFrom } from "../streams/log-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"

export const PARTITIONS = 2

/** Everything that archives, on a database of its own. */
export const archiveStack = Layer.unwrap(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.promise(() => ownDatabase()),
      ({ drop }) => Effect.promise(drop),
    )
    const prefix = ownPrefix()
    return Layer.mergeAll(streamsOnRedis, storedLogsOnRedis).pipe(
      Layer.provideMerge(Layer.merge(archiveInPostgres, logArchiveInPostgres)),
      Layer.provideMerge(Layer.merge(databaseLayer, RedisConnections.layer)),
      Layer.provideMerge(
        settings({ STREAM_PREFIX: prefix, PARTITIONS: String(PARTITIONS), DATABASE_URL: database.url }),
      ),
    )
  }),
)

/** A batch all of whose payouts arrived. */
export const settledStory = (items: number, idempotencyKey = "key"): Story => {
  const story = new Story().started(items, { idempotencyKey }).posted("hold")
  for (const item of [...story.batch.tasks.request]) {
    story.tell(intent(item))
    story.hears(item, accepted)
    story.hears(item, settled)
  }
  story.posted("post").tell({ _tag: "CloseBatch" })
  return story
}

/** The bank brings a payout of a closed batch back. Gives what that adds to the log. */
export const comesBack = (story: Story, item = 1): ReadonlyArray<BatchEvent> => {
  const before = story.events.length
  story.hears(item, returned)
  story.posted("reverse")
  return story.events.slice(before)
}

/** Writes a whole log as workers leave it: closed, and in no queue. */
export const written = Effect.fnUntraced(function* ({ events }: Story) {
  const batch = newBatchId()
  const log = yield* wholeLog
  yield* log.open(batch, events.slice(0, -1), `open-${batch}`)
  yield* append(yield* owner(batch), events.length - 1, events.slice(-1))
  return yield* noteClosed(batch, events.length)
})

const owner = Effect.fnUntraced(function* (batch: BatchId) {
  const log = yield* wholeLog
  for (;;) {
    const taken = yield* takeFrom(log, "writer", 64, 1_000)
    const found = taken.find((owned) => owned.batch === batch)
    if (found !== undefined) return found
  }
})

const append = Effect.fnUntraced(function* (
  owned: Ownership,
  version: number,
  events: ReadonlyArray<BatchEvent>,
) {
  const log = yield* wholeLog
  yield* log.append(owned, {
    expectedVersion: version,
    head: yield* headAt(log, owned.batch, version),
    events,
    handled: (yield* log.mail(owned.batch, 100)).map(({ id }) => id),
    commandId: `${owned.batch}-${version}`,
    open: false,
    release: { wakeAt: undefined },
  })
})

/** Lets a closed batch go on, as mail does: somebody enqueues, and a worker appends. */
export const goesOn = Effect.fnUntraced(function* (
  { batch, version }: LogTail,
  events: ReadonlyArray<BatchEvent>,
) {
  const log = yield* wholeLog
  yield* log.enqueue(batch, news(1), commandId())
  yield* append(yield* owner(batch), version, events)
  return yield* noteClosed(batch, version + events.length)
})

/** Notes that a batch is closed at a version, as the projector does. Gives its tail. */
export const noteClosed = Effect.fnUntraced(function* (batch: BatchId, version: number) {
  const log = yield* wholeLog
  const head = yield* headAt(log, batch, version)
  const partition = log.partitions.of(batch)
  yield* rowsOf(
    (sql) => sql`
      insert into closed_batches (batch, partition, version, head, closed_at)
      values (${batch}, ${partition}, ${version}, ${head}, now())
      on conflict (batch) do update set version = excluded.version, head = excluded.head`,
  )
  return { batch, version, head } satisfies LogTail as LogTail
})

/** What Redis itself has of a log: ids, texts and hashes. */
export const inRedis = Effect.fnUntraced(function* (batch: BatchId) {
  const { commands } = yield* RedisConnections
  const { log } = yield* keysOf(batch)
  const entries = yield* Effect.promise(() => commands.xrange(log(batch), "-", "+"))
  return entries.map(([id, fields]): StreamEntry => [id, fields.slice(0, 4)])
})

/** The keys of a batch's partition. */
export const keysOf = Effect.fnUntraced(function* (batch: BatchId) {
  const { redis } = yield* AppConfig
  return partitionKeys(redis.prefix, (yield* wholeLog).partitions.of(batch))
})

/** A row of `closed_batches` and one of `archived_logs`. */
export const standingOf = Effect.fnUntraced(function* (batch: BatchId) {
  const [row] = yield* rowsOf(
    (sql) => sql<Array<Standing>>`
      select closed.version, archived_version, archive_failures, log.version as log_version, log.head as log_head,
        unlinked_at is not null as unlinked, unlinking, reserved_name
      from closed_batches as closed left join archived_logs as log using (batch) where batch = ${batch}`,
  )
  assert(row)
  return row
})

interface Standing {
  readonly version: number
  readonly archived_version: number
  readonly archive_failures: number
  readonly log_version: number | null
  readonly log_head: string | null
  readonly unlinked: boolean
  readonly unlinking: boolean | null
  readonly reserved_name: string | null
}

/** Changes stored chunks, as only who may switch triggers off can. */
export const tamper = (change: string) =>
  Effect.flatMap(Postgres, ({ query }) =>
    query("tamper", async (sql) => {
      await sql.unsafe("alter table archived_chunks disable trigger all")
      await sql.unsafe(change)
      await sql.unsafe("alter table archived_chunks enable trigger all")
    }),
  )
