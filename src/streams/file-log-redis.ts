/** The log of files on Redis: one stream and three hashes for each bank, laid out in docs/STREAMS.md. */
import { Effect, Layer, Result, Schema } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { fieldIs, logUpTo } from "./evidence.ts"
import { FileLog, FileLogBroken, FileRecord, type LoggedFile, type LoggedStanding } from "./file-log.ts"
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
    /** Sets a field unless it is set. Gives its value once that is replicated. */
    const decide = Effect.fnUntraced(function* (key: string, field: string, value: string, step: string) {
      yield* attempt(() => redis.hsetnx(key, field, value)).pipe(unavailable(step))
      const decided = yield* attempt(() => redis.hget(key, field)).pipe(unavailable(step))
      if (decided === null)
        return yield* new StoreUnavailable({ store: "redis", step, reason: "FAILED_OVER" })
      yield* connections.replicated(key, fieldIs(key, field, decided)).pipe(unavailable(step))
      return decided
    })
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
          if (!follows) return yield* broken("it does not follow from what was read before")
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
        const [outcome, detail, ...others] = answer as readonly [string, number | string, ...Array<string>]
        if (outcome === "MOVED") return { _tag: "Moved" }
        if (outcome === "FILED") return { _tag: "Filed", messageId: String(detail) }
        if (outcome === "WITHDRAWN") return { _tag: "Withdrawn", references: [String(detail), ...others] }
        const tail = { version: Number(detail), head }
        yield* connections
          .replicated(log, logUpTo(log, tail.version, head))
          .pipe(unavailable("replicate a file"))
        return { _tag: "Logged", tail }
      }),

      standing: Effect.fn("FileLog.standing")(function* (bank, reference) {
        const { orders } = keysOf(bank)
        const filed = yield* attempt(() => redis.hget(orders, reference)).pipe(unavailable("find an order"))
        return filed === null ? undefined : standingOf(filed)
      }),

      withdraw: Effect.fn("FileLog.withdraw")(function* (bank, reference, without = "") {
        const { orders, staged } = keysOf(bank)
        const step = "withdraw an order"
        const answer = yield* call("withdraw-order", [orders, staged], [reference, without]).pipe(
          unavailable(step),
        )
        const logged = String(answer)
        yield* connections.replicated(orders, fieldIs(orders, reference, logged)).pipe(unavailable(step))
        return standingOf(logged)
      }),

      withdrawn: Effect.fn("FileLog.withdrawn")(function* (bank, references) {
        if (references.length === 0) return []
        const { orders } = keysOf(bank)
        const filed = yield* attempt(() => redis.hmget(orders, ...references)).pipe(
          unavailable("find withdrawn orders"),
        )
        return references.filter((_, index) => filed[index] === WITHDRAWN)
      }),

      staged: Effect.fn("FileLog.staged")(function* (bank, messageId) {
        const { staged } = keysOf(bank)
        return (
          (yield* attempt(() => redis.hget(staged, messageId)).pipe(unavailable("find a stage"))) ?? undefined
        )
      }),

      stage: Effect.fn("FileLog.stage")(function* (bank, messageId, name) {
        const { staged } = keysOf(bank)
        return yield* decide(staged, messageId, name, "stage a file")
      }),
    })
  }),
)

/** The value of a withdrawn order, in place of a message id. No file has it. */
const WITHDRAWN = ""

const standingOf = (messageId: string): LoggedStanding =>
  messageId === WITHDRAWN ? { _tag: "Withdrawn" } : { _tag: "Filed", messageId }

const versionOf = ([id]: StreamEntry): number => Number.parseInt(id, 10)

const broken = (reason: string) => new FileLogBroken({ step: "read the log of files", reason })

const unavailable = (step: string) =>
  Effect.mapError(({ reason }: RedisUnavailable) => new StoreUnavailable({ store: "redis", step, reason }))
