/** Reading a batch's log straight from Redis. It only reads: no function is loaded, no consumer group is touched. */
import { Effect, Result, type Scope } from "effect"
import { decodeEvent } from "../domain/event-codec.ts"
import type { RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { startStack } from "../platform/embedded-stack.ts"
import { readAddress } from "../platform/redis-address.ts"
import { openClient } from "../platform/redis-client.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { partitionKeys, partitionOf } from "../streams/partition.ts"
import { asCliFailure, CliFailure } from "./cli-failure.ts"

const PAGE = 500
const PARTITIONS_DEFAULT = 16
const PATIENCE = { silenceMsMax: 5_000, commandMsMax: 10_000, retries: 1 }

/** Gives the events after a version, in order; fewer than {@link PAGE} of them mean that this is the end for now. */
export type LogReader = (
  batch: BatchId,
  after: number,
) => Effect.Effect<ReadonlyArray<RecordedEvent>, CliFailure>

/** Connects to the Redis in REDIS_URL, else to the local stack's, which is started when nobody runs it. */
export const logReader = Effect.fn("logReader")(function* (
  dataDir: string,
): Effect.fn.Return<LogReader, CliFailure, Scope.Scope> {
  const redisUrl = process.env.REDIS_URL || (yield* localRedis(dataDir))
  const address = yield* Effect.fromResult(readAddress(redisUrl)).pipe(
    Effect.mapError(
      (expected) => new CliFailure({ reason: `REDIS_URL is malformed: expected ${expected}.` }),
    ),
  )
  const redis = yield* Effect.acquireRelease(
    // What goes wrong with the connection, the command that needs it tells.
    Effect.sync(() => openClient(address, "replay", PATIENCE, () => undefined)),
    (redis) => Effect.sync(() => redis.disconnect()),
  )
  yield* attempt(() => redis.connect()).pipe(Effect.mapError(noLog))
  const prefix = process.env.STREAM_PREFIX || "ap"
  const partitions = Number(process.env.PARTITIONS || PARTITIONS_DEFAULT)
  return (batch, after) => {
    const { log } = partitionKeys(prefix, partitionOf(batch, partitions))
    return attempt(() => redis.xrange(log(batch), `${after + 1}-0`, "+", "COUNT", PAGE)).pipe(
      Effect.mapError(noLog),
      Effect.flatMap((entries) =>
        Effect.forEach(entries, (entry, index) => recorded(entry, after + index + 1)),
      ),
    )
  }
})

const noLog = ({ reason }: RedisUnavailable) =>
  new CliFailure({ reason: `Redis does not give the log: ${reason}` })

/** Reads a log after a version, to its end; fails when there is none. */
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

const localRedis = (dataDir: string): Effect.Effect<string, CliFailure, Scope.Scope> =>
  startStack({ dataDir }).pipe(
    Effect.map(({ redisUrl }) => redisUrl),
    Effect.mapError(asCliFailure),
  )

const recorded = (
  [id, fields]: readonly [string, ReadonlyArray<string>],
  version: number,
): Effect.Effect<RecordedEvent, CliFailure> => {
  if (id !== `${version}-0`)
    return Effect.fail(new CliFailure({ reason: `The log has a gap: expected ${version}-0, found ${id}.` }))
  const event = decodeEvent(fields[1] ?? "")
  return Result.isSuccess(event)
    ? Effect.succeed({ version, event: event.success })
    : Effect.fail(new CliFailure({ reason: `Entry ${id} of the log cannot be read: ${event.failure}` }))
}
