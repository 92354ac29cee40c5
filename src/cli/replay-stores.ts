/**
 * The stores that replays read: logs in Redis and in the archive. There is nothing else in these programs. They never import app.ts,
 * whose layers call banks, publish and deliver; test/replay/reach.test.ts follows every import.
 */
import { Effect, Result, type Scope } from "effect"
import type { Redis } from "ioredis"
import { decodeEvent } from "../domain/event-codec.ts"
import { primariesOf } from "../platform/redis-client.ts"
import { attempt } from "../platform/redis-failure.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { StoredLogs, WrittenEvent } from "../replay/stored-logs.ts"
import { storedLogs } from "../replay/stored-logs-redis.ts"
import type { CorruptEntry } from "../streams/event-store.ts"
import { logIndex } from "../streams/log-index-redis.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { openArchive } from "./archived-logs.ts"
import { logKeys } from "./log-keys.ts"
import { openRedis } from "./redis-connection.ts"

/** Exit status of a replay that could not be done: 1 says that something differs. */
export const NOT_DONE = 2

/** The logs of the stores in the environment, or else of the local stack's, which are started if they do not run. */
export const openLogs = Effect.fn("openLogs")(function* (
  dataDir: string,
): Effect.fn.Return<StoredLogs["Service"], CliFailure, Scope.Scope> {
  const { commands: redis } = yield* openRedis(dataDir)
  const archive = yield* openArchive(dataDir)
  const { prefix, partitions } = logKeys()
  const onEachPrimary = <A>(command: (primary: Redis) => Promise<A>) =>
    Effect.forEach(primariesOf(redis), (primary) => attempt(() => command(primary)), {
      concurrency: "unbounded",
    })
  const { page } = logIndex({ onEachPrimary, prefix, archive })
  return storedLogs({ redis, prefix, partitions }, archive, page)
})

/** A log that cannot be read, as a command says it. */
export const asFailure = (error: StoreUnavailable | CorruptEntry): CliFailure =>
  new CliFailure({ reason: reasonOf(error), status: NOT_DONE })

/** Why a log cannot be read, with the entry. */
export const reasonOf = (error: StoreUnavailable | CorruptEntry): string =>
  error._tag === "CorruptEntry"
    ? `Entry ${error.entry} of the log of ${error.batch} cannot be read: ${error.reason}`
    : error.message

/** Reads an event, or throws why it cannot be read. */
export const eventOf = ({ text }: WrittenEvent) =>
  Result.getOrThrowWith(decodeEvent(text), (reason) => new Error(reason))
