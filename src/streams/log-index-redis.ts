/** The names of all logs: those in Redis, by a scan of the keys of each primary, and then those in the archive. */
import { Effect, Layer } from "effect"
import type { Redis } from "ioredis"
import { AppConfig } from "../config.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { RedisConnections } from "../platform/redis.ts"
import { LogArchive } from "./log-archive.ts"
import { LogIndex, type LogIndexPage } from "./log-index.ts"
import { unavailable } from "./partition-steps-redis.ts"

/** `redis <cursor of each primary, or - where it is done>`, then `archive <last batch>`. */
const REDIS = "redis"
const ARCHIVE = "archive"
const DONE = "-"

export const layer = Layer.effect(
  LogIndex,
  Effect.gen(function* () {
    const { onEachPrimary } = yield* RedisConnections
    const { prefix } = (yield* AppConfig).redis
    return logIndex({ onEachPrimary, prefix, archive: yield* LogArchive })
  }),
)

/** The logs on these primaries whose keys have this prefix, and those in the archive. */
export const logIndex = ({
  onEachPrimary,
  prefix,
  archive,
}: Pick<RedisConnections["Service"], "onEachPrimary"> & {
  readonly prefix: string
  readonly archive: Pick<LogArchive["Service"], "logs">
}): LogIndex["Service"] => {
  const pattern = `${globbed(prefix)}:{*}:log:*`

  /** A step of each primary's scan that is not done. The primaries answer in the same order each time. */
  const scan = Effect.fnUntraced(function* (cursors: ReadonlyArray<string>, limit: number) {
    let primary = 0
    const answers = yield* onEachPrimary((client: Redis) => {
      const cursor = cursors.length === 0 ? "0" : (cursors[primary] ?? DONE)
      primary += 1
      return cursor === DONE
        ? Promise.resolve<[string, Array<string>]>([DONE, []])
        : client.scan(cursor, "MATCH", pattern, "COUNT", limit)
    }).pipe(unavailable("scan"))
    const next = answers.map(([cursor]) => (cursor === "0" ? DONE : cursor))
    return {
      batches: answers.flatMap(([, keys]) => keys.map(batchOf)),
      next: next.every((cursor) => cursor === DONE) ? `${ARCHIVE} ` : [REDIS, ...next].join(" "),
    }
  })

  const archived = Effect.fnUntraced(function* (
    after: string,
    limit: number,
  ): Effect.fn.Return<LogIndexPage, Effect.Error<ReturnType<LogArchive["Service"]["logs"]>>> {
    const logs = yield* archive.logs(after, limit)
    const last = logs.at(-1)
    return {
      batches: logs.map(({ batch }) => batch),
      next: last === undefined || logs.length < limit ? undefined : `${ARCHIVE} ${last.batch}`,
      isInOrder: true,
    }
  })

  return {
    page: Effect.fn("LogIndex.page")(function* (cursor, limit) {
      const [place = "", ...rest] = cursor.split(" ")
      return place === ARCHIVE ? yield* archived(rest[0] ?? "", limit) : yield* scan(rest, limit)
    }),
  }
}

const batchOf = (key: string): BatchId => key.slice(key.lastIndexOf(":") + 1) as BatchId

/** The prefix as a pattern that matches only itself. */
const globbed = (prefix: string): string => prefix.replace(/[\\*?[\]]/g, "\\$&")
