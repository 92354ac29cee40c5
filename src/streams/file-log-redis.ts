/** The log of files on Redis: one stream and three hashes for each bank, laid out in docs/STREAMS.md. */
import { Effect, Layer, Result, Schema } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { StreamsUnavailable } from "./event-log.ts"
import { fieldIs, logUpTo } from "./evidence.ts"
import { FileLog, FileLogBroken, FileRecord, type LoggedFile } from "./file-log.ts"
import { openLibrary } from "./function-library-redis.ts"
import { linkOf } from "./hash-chain.ts"
import type { StreamEntry } from "./stream-entry.ts"

const json = Schema.fromJsonString(FileRecord)
const encode = Schema.encodeSync(json)
const decode = Schema.decodeUnknownResult(json)

export const layer = Layer.effect(
  FileLog,
  Effect.gen(function* () {
    const connections = yield* RedisConnections
    const { prefix } = (yield* AppConfig).redis
    const redis = connections.commands
    const call = yield* openLibrary(connections).pipe(unavailable("load"))
    const keysOf = (bank: string) => {
      const tag = `${prefix}:{files:${bank}}`
      return { log: `${tag}:log`, orders: `${tag}:orders`, files: `${tag}:files`, staged: `${tag}:staged` }
    }
    const start = (bank: string) => ({ version: 0, head: bank })
    return FileLog.of({
      start,

      tail: Effect.fn("FileLog.tail")(function* (bank) {
        const { log } = keysOf(bank)
        const entries = yield* attempt(() => redis.xrevrange(log, "+", "-", "COUNT", 1)).pipe(
          unavailable("read the log of files"),
        )
        const [last] = entries as ReadonlyArray<StreamEntry>
        return last === undefined ? start(bank) : { version: versionOf(last), head: last[1][3] ?? "" }
      }),

      read: Effect.fn("FileLog.read")(function* (bank, after, limit) {
        const { log } = keysOf(bank)
        const entries = yield* attempt(() =>
          redis.xrange(log, `${after.version + 1}-0`, "+", "COUNT", limit),
        ).pipe(unavailable("read the log of files"))
        const files: Array<LoggedFile> = []
        let previous = after
        for (const entry of entries as ReadonlyArray<StreamEntry>) {
          const [, text = "", , head = ""] = entry[1]
          const version = versionOf(entry)
          const file = decode(text)
          const follows = version === previous.version + 1 && linkOf(previous.head, text) === head
          if (!follows) return yield* broken("it does not follow from what was known of it")
          if (Result.isFailure(file)) return yield* broken(`file ${version} cannot be read`)
          previous = { version, head }
          files.push({ ...previous, file: file.success })
        }
        return files
      }),

      append: Effect.fn("FileLog.append")(function* (bank, after, file) {
        const { log, orders, files } = keysOf(bank)
        const text = encode(file)
        const head = linkOf(after.head, text)
        const references = file.orders.map(({ reference }) => reference)
        const answer = yield* call(
          "log-file",
          [log, orders, files],
          [after.version, after.head, file.messageId, text, head, ...references],
        ).pipe(unavailable("log a file"))
        const [outcome, detail] = answer as readonly [string, number | string]
        if (outcome === "MOVED") return { _tag: "Moved" }
        if (outcome === "FILED") return { _tag: "Filed", messageId: String(detail) }
        const tail = { version: Number(detail), head }
        yield* connections
          .replicated(log, logUpTo(log, tail.version, head))
          .pipe(unavailable("replicate a file"))
        return { _tag: "Logged", tail }
      }),

      staged: Effect.fn("FileLog.staged")(function* (bank, messageId) {
        const { staged } = keysOf(bank)
        return (
          (yield* attempt(() => redis.hget(staged, messageId)).pipe(unavailable("find a stage"))) ?? undefined
        )
      }),

      stage: Effect.fn("FileLog.stage")(function* (bank, messageId, name) {
        const { staged } = keysOf(bank)
        yield* attempt(() => redis.hsetnx(staged, messageId, name)).pipe(unavailable("stage a file"))
        const decided = yield* attempt(() => redis.hget(staged, messageId)).pipe(unavailable("stage a file"))
        if (decided === null)
          return yield* new StreamsUnavailable({ step: "stage a file", reason: "FAILED_OVER" })
        yield* connections
          .replicated(staged, fieldIs(staged, messageId, decided))
          .pipe(unavailable("replicate a stage"))
        return decided
      }),
    })
  }),
)

const versionOf = ([id]: StreamEntry): number => Number.parseInt(id, 10)

const broken = (reason: string) => new FileLogBroken({ step: "read the log of files", reason })

const unavailable = (step: string) =>
  Effect.mapError(({ reason }: RedisUnavailable) => new StreamsUnavailable({ step, reason }))
