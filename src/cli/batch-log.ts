/**
 * Reads a batch's log directly from Redis, or, where Redis does not have it, from the archive. It only reads: it loads no function,
 * and touches no consumer group. Postgres is connected to when a log is not in Redis.
 */
import { Effect, Scope } from "effect"
import { startStack } from "../dev/embedded-stack.ts"
import type { RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { beginningOf } from "../streams/event-range.ts"
import { partitionKeys, partitionOf } from "../streams/partition.ts"
import { readEvents, type StreamEntry } from "../streams/stream-entry.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { logKeys } from "./log-keys.ts"
import { openRedis } from "./redis-connection.ts"

const PAGE = 500

/** Returns the events after a version, in order. Fewer than {@link PAGE} events mean that the log has no more now. */
export type LogReader = (
  batch: BatchId,
  after: number,
) => Effect.Effect<ReadonlyArray<RecordedEvent>, CliFailure>

/**
 * Connects to the Redis in REDIS_URL, or else to the local stack's, which it starts if it does not run. Its archive is in the Postgres
 * of DATABASE_URL, or in the local stack's; with a REDIS_URL alone, logs are read only from Redis.
 */
export const logReader = Effect.fn("logReader")(function* (
  dataDir: string,
): Effect.fn.Return<LogReader, CliFailure, Scope.Scope> {
  const { commands: redis } = yield* openRedis(dataDir)
  const { prefix, partitions } = logKeys()
  const archive = yield* archiveOnce(dataDir)
  /** The last event that was read of each batch; the next one has to follow from it in the hash chain. */
  const tails = new Map<BatchId, { readonly version: number; readonly head: string }>()
  return Effect.fnUntraced(function* (batch, after) {
    const { log } = partitionKeys(prefix, partitionOf(batch, partitions))
    const tail = after === 0 ? beginningOf(batch) : tails.get(batch)
    const key = log(batch)
    const inRedis = attempt(() => redis.xrange(key, `${after + 1}-0`, "+", "COUNT", PAGE)).pipe(
      Effect.mapError(noLog),
    )
    const isInRedis = Effect.map(
      attempt(() => redis.exists(key)).pipe(Effect.mapError(noLog)),
      (count) => count > 0,
    )
    let entries: ReadonlyArray<StreamEntry> = yield* inRedis
    // It may be restored between the two steps.
    if (entries.length === 0 && !(yield* isInRedis)) entries = yield* archive(batch, after)
    if (entries.length === 0 && (yield* isInRedis)) entries = yield* inRedis
    const events = yield* readEvents(
      batch,
      after,
      entries,
      tail?.version === after ? tail.head : undefined,
    ).pipe(
      Effect.mapError(
        ({ entry, reason }) =>
          new CliFailure({ reason: `Entry ${entry} of the log cannot be read: ${reason}` }),
      ),
    )
    const last = events.at(-1)
    if (last !== undefined) tails.set(batch, { version: last.version, head: last.hash })
    return events
  })
})

/** Reads a page of an archived log after a version. Nothing where there is no Postgres to look in. */
const archiveOnce = Effect.fnUntraced(function* (dataDir: string) {
  const scope = yield* Effect.scope
  const open = yield* Effect.cached(archiveOf(dataDir).pipe(Effect.provideService(Scope.Scope, scope)))
  return Effect.fnUntraced(function* (batch: BatchId, after: number) {
    const archive = yield* open
    if (archive === undefined) return []
    return yield* archive
      .entries(batch, after, PAGE)
      .pipe(
        Effect.mapError(
          ({ reason }) => new CliFailure({ reason: `The log cannot be read from the archive: ${reason}` }),
        ),
      )
  })
})

const archiveOf = Effect.fnUntraced(function* (dataDir: string) {
  if (process.env.REDIS_URL && !process.env.DATABASE_URL) return undefined
  const url =
    process.env.DATABASE_URL ||
    (yield* startStack({ dataDir }).pipe(Effect.mapError(asCliFailure))).databaseUrl
  // Imported here, because most logs are in Redis.
  const { openLogArchive } = yield* Effect.promise(() => import("./archived-log.ts"))
  return yield* openLogArchive(url).pipe(Effect.mapError(asCliFailure))
})

const noLog = ({ reason }: RedisUnavailable) =>
  new CliFailure({ reason: `The log cannot be read from Redis: ${reason}` })

/** Reads a log after a version, to its end. Fails if there is no log. */
export const readLog = Effect.fnUntraced(function* (
  read: LogReader,
  batch: BatchId,
  after: number,
  each: (event: RecordedEvent) => void,
): Effect.fn.Return<void, CliFailure> {
  let version = after
  for (;;) {
    const page = yield* read(batch, version)
    for (const event of page) each(event)
    version += page.length
    if (version === 0) return yield* new CliFailure({ reason: `There is no log of ${batch}.` })
    if (page.length < PAGE) return
  }
})
