/** The event log on Redis Streams. docs/STREAMS.md lays out the keys; functions/*.lua hold the atomic steps. */
import { Clock, Effect, Layer, Result } from "effect"
import { AppConfig } from "../config.ts"
import { decodeEvent, decodeMail, encodeEvent, encodeMail } from "../domain/event-codec.ts"
import type { BatchEvent, RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { Metrics } from "../telemetry/metrics.ts"
import {
  CorruptEntry,
  EventLog,
  type FeedEntry,
  type Mail,
  MailboxFull,
  NoSuchBatch,
  type Ownership,
  OwnershipLost,
  StreamsUnavailable,
} from "./event-log.ts"
import { type FunctionName, functionName, libraryCode } from "./function-library.ts"
import { partitionKeys, partitionOf } from "./partition.ts"

/** An entry of a stream as Redis gives it: its id, and fields and values in turn. */
type Entry = readonly [id: string, fields: ReadonlyArray<string>]

const GROUP = "workers"

export const layer = Layer.effect(
  EventLog,
  Effect.gen(function* () {
    const connections = yield* RedisConnections
    const { prefix, partitions, mailboxMax } = (yield* AppConfig).redis
    const redis = connections.commands
    const { eventsAppended } = yield* Metrics
    const count = (events: ReadonlyArray<BatchEvent>) => {
      for (const { _tag } of events) eventsAppended.inc({ type: _tag })
    }
    const keys = Array.from({ length: partitions }, (_, partition) => partitionKeys(prefix, partition))
    const keysOf = (batch: BatchId) => partitionKeys(prefix, partitionOf(batch, partitions))

    const loadLibrary = connections.onEachPrimary((primary) =>
      primary.function("LOAD", "REPLACE", libraryCode),
    )
    /** Runs a function; a server that came back without it is given it again. */
    const call = (
      name: FunctionName,
      keys: ReadonlyArray<string>,
      args: ReadonlyArray<string | number | Buffer>,
    ) => {
      const run = attempt(() => redis.fcall(functionName(name), keys.length, ...keys, ...args))
      return run.pipe(
        Effect.catchIf(
          (error) => error.reason === "NOFUNCTION",
          () => Effect.andThen(loadLibrary, run),
        ),
        unavailable(name),
      )
    }

    yield* loadLibrary.pipe(unavailable("load"))
    yield* createGroups(
      redis,
      keys.map(({ ready }) => ready),
    ).pipe(unavailable("create groups"))
    const queue = yield* runQueue(
      connections,
      keys.map(({ ready }) => ready),
    )

    return EventLog.of({
      partitions,
      partitionOf: (batch) => partitionOf(batch, partitions),

      open: Effect.fn("EventLog.open")(function* (batch, events, commandId) {
        const { log, feed, ready, scheduled, open } = keysOf(batch)
        const now = yield* Clock.currentTimeMillis
        const answer = yield* call(
          "open",
          [log(batch), feed, ready, scheduled, open],
          [batch, now, commandId, ...events.map((event) => Buffer.from(encodeEvent(event)))],
        )
        const [outcome, first] = answer as [string, string]
        if (outcome === "OPENED") {
          count(events)
          return { _tag: "Opened" }
        }
        return { _tag: "Exists", first: yield* readEvent(batch, "1-0", first) }
      }),

      tell: Effect.fn("EventLog.tell")(function* (batch, command) {
        const { log, mail, ready, scheduled } = keysOf(batch)
        const args = [batch, mailboxMax, encodeMail(command)]
        const answer = yield* call("tell", [log(batch), mail(batch), ready, scheduled], args)
        if (answer === "FULL") return yield* new MailboxFull({ batch })
        if (answer === "NONE") return yield* new NoSuchBatch({ batch })
      }),

      append: Effect.fn("EventLog.append")(function* ({ batch, entry, worker }, append) {
        const { log, feed, mail, ready, open } = keysOf(batch)
        const now = yield* Clock.currentTimeMillis
        const answer = yield* call(
          "append",
          [log(batch), feed, mail(batch), ready, open],
          [
            batch,
            entry,
            worker,
            append.expectedVersion,
            append.commandId,
            append.open ? "1" : "0",
            now,
            append.handled.length,
            ...append.handled,
            ...append.events.map(encodeEvent),
          ],
        )
        const [outcome, version, mailWaiting] = answer as [string, number, number]
        if (outcome === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
        if (outcome === "MOVED") return yield* new OwnershipLost({ batch, reason: "log-moved-on" })
        count(append.events)
        return { version, mailWaiting }
      }),

      read: Effect.fn("EventLog.read")(function* (batch, after, limit) {
        const { log } = keysOf(batch)
        const entries = yield* range(redis, log(batch), `${after + 1}-0`, limit)
        const events: Array<RecordedEvent> = []
        for (const [id, fields] of entries) {
          const version = after + events.length + 1
          if (id !== `${version}-0`) {
            return yield* new CorruptEntry({
              batch,
              entry: id,
              reason: `expected version ${version}: the log has a gap`,
            })
          }
          events.push({ version, event: yield* readEvent(batch, id, fields[1]) })
        }
        return events
      }),

      mail: Effect.fn("EventLog.mail")(function* (batch, limit) {
        const entries = yield* range(redis, keysOf(batch).mail(batch), "-", limit)
        return entries.map(readMail)
      }),

      ...queue,

      renew: Effect.fn("EventLog.renew")(function* (owned) {
        const lost = yield* Effect.forEach(groupByPartition(owned, partitions), ([partition, batches]) => {
          const worker = batches[0]?.worker ?? ""
          const { ready } = partitionKeys(prefix, partition)
          return call("renew", [ready], [worker, ...batches.map(({ entry }) => entry)]).pipe(
            Effect.map((entries) =>
              batches.filter(({ entry }) => (entries as ReadonlyArray<string>).includes(entry)),
            ),
          )
        })
        return lost.flat()
      }),

      release: Effect.fn("EventLog.release")(function* ({ batch, entry, worker }, wakeAt, leaveMail) {
        const { mail, ready, scheduled, timers } = keysOf(batch)
        const answer = yield* call(
          "release",
          [mail(batch), ready, scheduled, timers],
          [batch, entry, worker, wakeAt ?? "", leaveMail === undefined ? "0" : "1"],
        )
        if (answer === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
        return answer === "MAIL" ? "mail-waiting" : "released"
      }),

      handOver: Effect.fn("EventLog.handOver")(function* ({ batch, entry, worker }) {
        const { ready, scheduled } = keysOf(batch)
        const answer = yield* call("hand-over", [ready, scheduled], [batch, entry, worker])
        if (answer === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
      }),

      retire: Effect.fn("EventLog.retire")(function* (worker) {
        yield* Effect.forEach(keys, ({ ready }) => call("retire", [ready], [worker]), { discard: true })
      }),

      wake: Effect.fn("EventLog.wake")(function* (now, limit) {
        const counts = yield* Effect.forEach(keys, ({ timers, ready, scheduled }) =>
          call("wake", [timers, ready, scheduled], [now, limit]),
        )
        return sum(counts)
      }),

      sweep: Effect.fn("EventLog.sweep")(function* (before, now, limit) {
        const counts = yield* Effect.forEach(keys, ({ open, timers, ready, scheduled }) =>
          call("sweep", [open, timers, ready, scheduled], [before, now, limit]),
        )
        return sum(counts)
      }),

      backlog: Effect.forEach(keys, ({ open }) => attempt(() => redis.zcard(open)), {
        concurrency: "unbounded",
      }).pipe(Effect.map(sum), unavailable("backlog")),

      feed: Effect.fn("EventLog.feed")(function* (partition, after, limit) {
        const { feed } = partitionKeys(prefix, partition)
        return (yield* range(redis, feed, `(${after}`, limit)).map(readFeedEntry)
      }),

      trimFeed: Effect.fn("EventLog.trimFeed")(function* (partition, before) {
        const { feed } = partitionKeys(prefix, partition)
        yield* attempt(() => redis.xtrim(feed, "MINID", before)).pipe(unavailable("trim feed"))
      }),
    })
  }),
)

const unavailable = (step: string) =>
  Effect.mapError((error: RedisUnavailable) => new StreamsUnavailable({ step, reason: error.reason }))

const createGroups = Effect.fnUntraced(function* (
  redis: RedisConnections["Service"]["commands"],
  streams: ReadonlyArray<string>,
) {
  for (const stream of streams) {
    yield* attempt(() => redis.xgroup("CREATE", stream, GROUP, "0", "MKSTREAM")).pipe(
      Effect.catchIf(
        (error) => error.reason === "BUSYGROUP",
        () => Effect.void,
      ),
    )
  }
})

/** The run queue of all partitions, read on as many connections as the topology asks for. */
const runQueue = Effect.fnUntraced(function* (
  { readers, commands }: RedisConnections["Service"],
  streams: ReadonlyArray<string>,
) {
  const waitMsMax = 5_000
  const open = yield* readers(waitMsMax, streams).pipe(unavailable("open readers"))

  const take: EventLog["Service"]["take"] = Effect.fn("EventLog.take")(function* (worker, limit, waitMs) {
    const perStream = Math.max(1, Math.floor(limit / streams.length))
    const block = Math.min(waitMs, waitMsMax)
    const regroup = Effect.as(createGroups(commands, streams), null)
    const found = yield* Effect.forEach(
      open,
      ({ client, keys }) =>
        attempt(() =>
          client.xreadgroup(
            ...(["GROUP", GROUP, worker, "COUNT", perStream, "BLOCK", block, "STREAMS"] as const),
            ...keys,
            ...keys.map(() => ">"),
          ),
        ).pipe(
          // A server that lost its data has no groups: they are made again, and the next read finds what is there.
          Effect.catchIf(
            (error) => error.reason === "NOGROUP",
            () => regroup,
          ),
          unavailable("take"),
        ),
      { concurrency: "unbounded" },
    )
    const entries = found.flat() as ReadonlyArray<[string, ReadonlyArray<Entry>] | null>
    return entries.flatMap((found) => (found?.[1] ?? []).flatMap((entry) => ownership(worker, entry)))
  })

  /** Scans each stream to its end, or until enough is found: an idle entry may stand behind many busy ones. */
  const takeOver: EventLog["Service"]["takeOver"] = Effect.fn("EventLog.takeOver")(
    function* (worker, idleMs, limit) {
      const taken: Array<Ownership> = []
      for (const stream of streams) {
        let cursor = "0-0"
        do {
          const room = limit - taken.length
          if (room <= 0) return taken
          const claim = attempt(() =>
            commands.xautoclaim(stream, GROUP, worker, idleMs, cursor, "COUNT", room),
          )
          const [next, entries] = (yield* claim.pipe(unavailable("take over"))) as [
            string,
            ReadonlyArray<Entry | null>,
          ]
          for (const entry of entries) if (entry !== null) taken.push(...ownership(worker, entry))
          cursor = next
        } while (cursor !== "0-0")
      }
      return taken
    },
  )

  return { take, takeOver }
})

const ownership = (worker: string, [entry, fields]: Entry): ReadonlyArray<Ownership> =>
  fields[1] === undefined ? [] : [{ batch: fields[1] as BatchId, entry, worker }]

const range = (redis: RedisConnections["Service"]["commands"], stream: string, from: string, limit: number) =>
  attempt(() => redis.xrange(stream, from, "+", "COUNT", limit)).pipe(unavailable("read")) as Effect.Effect<
    ReadonlyArray<Entry>,
    StreamsUnavailable
  >

const readEvent = (
  batch: BatchId,
  entry: string,
  json: string | undefined,
): Effect.Effect<BatchEvent, CorruptEntry> => {
  const event = json === undefined ? Result.fail("the entry has no event") : decodeEvent(json)
  return Result.isSuccess(event)
    ? Effect.succeed(event.success)
    : Effect.fail(new CorruptEntry({ batch, entry, reason: event.failure }))
}

const readMail = ([id, fields]: Entry): Mail => {
  const command = fields[1] === undefined ? Result.fail("the entry has no command") : decodeMail(fields[1])
  return Result.isSuccess(command)
    ? { id, command: command.success }
    : { id, command: undefined, problem: command.failure }
}

const readFeedEntry = ([id, [, batch, , from, , to]]: Entry): FeedEntry => ({
  id,
  batch: batch as BatchId,
  from: Number(from),
  to: Number(to),
})

const groupByPartition = (owned: ReadonlyArray<Ownership>, partitions: number) =>
  Map.groupBy(owned, ({ batch }) => partitionOf(batch, partitions))

const sum = (counts: ReadonlyArray<unknown>): number =>
  counts.reduce<number>((total, count) => total + Number(count), 0)
