/** The event log on Redis Streams. docs/STREAMS.md lays out the keys; functions/*.lua hold the atomic steps. */
import { Array as Arr, Clock, Effect, Layer, Result } from "effect"
import { AppConfig } from "../config.ts"
import { encodeMail } from "../domain/event-codec.ts"
import type { BatchEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { atOnce, inSlices } from "../parsing/turns.ts"
import { RedisConnections } from "../platform/redis.ts"
import type { Evidence } from "../platform/redis-barrier.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { inTime } from "./deadline.ts"
import {
  type Backlog,
  CommandIdReused,
  EventLog,
  MailboxFull,
  NoSuchBatch,
  type Ownership,
  OwnershipLost,
} from "./event-log.ts"
import { commandTold, feedFrom, logFrom, logUpTo } from "./evidence.ts"
import { type Call, openLibrary } from "./function-library-redis.ts"
import { chainStart, linked } from "./hash-chain.ts"
import { lastKnown } from "./last-known.ts"
import { OPENED_AT_ONCE_MAX, STAGED_MS } from "./opening-steps.ts"
import { partitionKeys, partitionOf } from "./partition.ts"
import { heldToPartitions } from "./partition-count-redis.ts"
import { createGroups, LEFT_BEHIND_MS, leftBehind, runQueue, takingOver, WAIT_MS_MAX } from "./run-queue.ts"
import { readEvents, readFeed, readFirstEvent, readFrom, readMail, type StreamEntry } from "./stream-entry.ts"

/** How old what is known of a partition's backlog may be while it does not answer: a failover is over long before. */
const BACKLOG_MS_MAX = 60_000

export const layer = Layer.effect(
  EventLog,
  Effect.gen(function* () {
    const connections = yield* RedisConnections
    const { prefix, partitions, mailboxMax, partnerShare } = (yield* AppConfig).redis
    const redis = connections.commands
    const { eventsAppended } = yield* Metrics
    const count = (events: ReadonlyArray<BatchEvent>) => {
      const byType = new Map<string, number>()
      for (const { _tag } of events) byType.set(_tag, (byType.get(_tag) ?? 0) + 1)
      for (const [type, times] of byType) eventsAppended.inc({ type }, times)
    }
    const keys = Array.from({ length: partitions }, (_, partition) => partitionKeys(prefix, partition))
    const keysOf = (batch: BatchId) => partitionKeys(prefix, partitionOf(batch, partitions))

    const callLibrary = yield* openLibrary(connections).pipe(unavailable("load"))
    const call: (...of: Parameters<Call>) => Effect.Effect<unknown, StoreUnavailable> = (name, keys, args) =>
      callLibrary(name, keys, args).pipe(unavailable(name))

    yield* heldToPartitions(redis, prefix, partitions).pipe(
      Effect.catchTag(
        "RedisUnavailable",
        ({ reason }) => new StoreUnavailable({ store: "redis", step: "look", reason }),
      ),
    )
    yield* createGroups(
      redis,
      keys.map(({ ready }) => ready),
    ).pipe(unavailable("create groups"))
    const streams = keys.map(({ ready }) => ready)
    const readers = yield* connections.readers(WAIT_MS_MAX, streams).pipe(unavailable("open readers"))
    /** What others are told of must not be taken back by a failover. */
    const replicated = (key: string, evidence: Evidence) =>
      connections.replicated(key, evidence).pipe(unavailable("replicate"))

    const lastShares = lastKnown<Readonly<Record<string, string>>>(BACKLOG_MS_MAX)

    const open = Effect.fnUntraced(function* (
      batch: BatchId,
      command: string,
      events: ReadonlyArray<BatchEvent>,
    ) {
      const { log, feed, ready, scheduled, lanes, waiting, open, shares, ...of } = keysOf(batch)
      const staged = of.staged(batch, command)
      const chunks = Arr.chunksOf(events, OPENED_AT_ONCE_MAX)
      const last = chunks.pop() ?? []
      let [version, head] = [0, chainStart(batch)]
      for (const chunk of chunks) {
        const written = yield* inSlices(chained(head, chunk))
        const args = [command, STAGED_MS, version, chunk.length, Buffer.from(written.lines)]
        const answer = (yield* call("stage", [log(batch), staged], args)) as Opening
        if (answer[0] !== "STAGED") return { answer, head }
        version += chunk.length
        head = written.head
      }
      const now = yield* Clock.currentTimeMillis
      const written = yield* inSlices(chained(head, last))
      const answer = (yield* call(
        "open",
        [log(batch), staged, feed, ready, scheduled, lanes, waiting, open, shares],
        [batch, partnerShare, now, command, version, Buffer.from(written.lines)],
      )) as Opening
      return { answer, head: written.head }
    })

    return EventLog.of({
      partitions,
      partitionOf: (batch) => partitionOf(batch, partitions),

      open: Effect.fnUntraced(function* (batch, events, commandId) {
        const { log } = keysOf(batch)
        const { answer, head } = yield* open(batch, commandId, events)
        const [outcome, first = ""] = answer
        if (outcome === "UNSTAGED")
          return yield* new StoreUnavailable({
            store: "redis",
            step: "open",
            reason: "what was staged is gone",
          })
        if (outcome === "EXISTS") {
          yield* replicated(log(batch), logFrom(log(batch), first))
          return { _tag: "Exists", first: yield* readFirstEvent(batch, first) }
        }
        yield* replicated(log(batch), logUpTo(log(batch), events.length, head))
        count(events)
        return { _tag: "Opened" }
      }),

      tell: Effect.fnUntraced(function* (batch, command, { id, digest, keptMs }) {
        const { log, told, mail, ready, scheduled, lanes, waiting } = keysOf(batch)
        const answer = yield* call(
          "tell",
          [log(batch), told(batch, id), mail(batch), ready, scheduled, lanes, waiting],
          [batch, partnerShare, mailboxMax, encodeMail(command), digest, keptMs, id],
        )
        if (answer === "REUSED") return yield* new CommandIdReused({ batch })
        if (answer === "FULL") return yield* new MailboxFull({ batch })
        if (answer === "NONE") return yield* new NoSuchBatch({ batch })
        yield* replicated(told(batch, id), commandTold(told(batch, id), digest))
      }),

      wasTold: Effect.fn("EventLog.wasTold")(function* (batch, { id, digest }) {
        const told = keysOf(batch).told(batch, id)
        const before = yield* attempt(() => redis.get(told)).pipe(unavailable("was told"))
        if (before === null) return false
        if (before !== digest) return yield* new CommandIdReused({ batch })
        yield* replicated(told, commandTold(told, digest))
        return true
      }),

      append: Effect.fnUntraced(function* ({ batch, entry, worker }, append) {
        const { log, feed, mail, ready, open, shares } = keysOf(batch)
        const { lines, head } = atOnce(chained(append.head, append.events))
        const now = yield* Clock.currentTimeMillis
        const answer = yield* call(
          "append",
          [log(batch), feed, mail(batch), ready, open, shares],
          [
            batch,
            entry,
            worker,
            append.expectedVersion,
            append.head,
            append.commandId,
            append.open ? "1" : "0",
            now,
            append.events.length,
            lines,
            ...append.handled,
          ],
        )
        const [outcome, version, mailWaiting] = answer as [string, number, number]
        if (outcome === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
        if (outcome === "MOVED") return yield* new OwnershipLost({ batch, reason: "log-moved-on" })
        count(append.events)
        return { version, head, mailWaiting }
      }),

      replicated: Effect.fnUntraced(function* (batch, version, head) {
        const { log } = keysOf(batch)
        yield* connections
          .replicated(log(batch), logUpTo(log(batch), version, head))
          .pipe(
            Effect.mapError(({ reason }) =>
              reason === "FAILED_OVER"
                ? new OwnershipLost({ batch, reason: "log-moved-on" })
                : new StoreUnavailable({ store: "redis", step: "replicate", reason }),
            ),
          )
      }),

      read: Effect.fnUntraced(function* (batch, after, limit, head) {
        const entries = yield* range(redis, keysOf(batch).log(batch), `${after + 1}-0`, limit)
        return yield* readEvents(batch, after, entries, head)
      }),

      mail: Effect.fnUntraced(function* (batch, limit) {
        const entries = yield* range(redis, keysOf(batch).mail(batch), "-", limit)
        return entries.map(readMail)
      }),

      runQueues: readers.map((reader) => runQueue(reader, partitions, redis)),
      takeOver: takingOver(redis, streams),

      renew: Effect.fn("EventLog.renew")(function* (owned) {
        const lost = yield* onAll(groupByPartition(owned, partitions), ([partition, batches]) => {
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

      release: Effect.fnUntraced(function* ({ batch, entry, worker }, wakeAt, leaveMail) {
        const { mail, ready, scheduled, lanes, waiting, timers } = keysOf(batch)
        const answer = yield* call(
          "release",
          [mail(batch), ready, scheduled, lanes, waiting, timers],
          [batch, partnerShare, entry, worker, wakeAt ?? "", leaveMail === undefined ? "0" : "1"],
        )
        if (answer === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
        return answer === "MAIL" ? "mail-waiting" : "released"
      }),

      handOver: Effect.fnUntraced(function* ({ batch, entry, worker }) {
        const { ready, scheduled } = keysOf(batch)
        const answer = yield* call("hand-over", [ready, scheduled], [batch, entry, worker])
        if (answer === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
      }),

      retire: Effect.fn("EventLog.retire")(function* (worker) {
        yield* Effect.forEach(keys, ({ ready }) => call("retire", [ready], [worker]), { discard: true })
      }),

      wake: Effect.fn("EventLog.wake")(function* (now, limit) {
        const counts = yield* onAll(keys, ({ timers, ready, scheduled, lanes, waiting }) =>
          call("wake", [timers, ready, scheduled, lanes, waiting], [partnerShare, now, limit]),
        )
        return sum(counts)
      }),

      sweep: Effect.fn("EventLog.sweep")(function* (before, now, limit) {
        const counts = yield* onAll(keys, ({ open, timers, ready, scheduled, lanes, waiting }) =>
          call("sweep", [open, timers, ready, scheduled, lanes, waiting], [partnerShare, before, now, limit]),
        )
        yield* onAll(streams, (ready) =>
          Effect.flatMap(leftBehind(redis, ready, LEFT_BEHIND_MS), (workers) =>
            Effect.forEach(workers.slice(0, limit), (worker) => call("retire", [ready], [worker])),
          ),
        )
        return sum(counts)
      }),

      // Nothing is opened or closed in a partition whose server is gone, so what was read of it last still holds.
      backlog: Effect.forEach(
        keys,
        ({ shares }) => {
          const reading = attempt(() => redis.hgetall(shares)).pipe(unavailable("backlog"))
          return lastShares(shares, inTime(reading))
        },
        { concurrency: "unbounded" },
      ).pipe(Effect.map(readBacklog)),

      feed: Effect.fn("EventLog.feed")(function* (partition, after, limit, head) {
        const { feed } = partitionKeys(prefix, partition)
        const entries = yield* range(redis, feed, after, readFrom(after, limit))
        const told = readFeed(after, head, entries)
        // An alarm has to be true, too: this may be an old primary that lacks what others have followed since.
        if (Result.isFailure(told) || told.success.length > 0)
          yield* replicated(feed, feedFrom(feed, after, entries))
        return yield* Effect.fromResult(told)
      }),

      trimFeed: Effect.fn("EventLog.trimFeed")(function* (partition, before) {
        const { feed } = partitionKeys(prefix, partition)
        yield* attempt(() => redis.xtrim(feed, "MINID", before)).pipe(unavailable("trim feed"))
      }),
    })
  }),
)

/** Does something for all partitions, also when one of them fails or is silent: they live on different servers. Then it fails. */
const onAll = <A, B>(
  all: Iterable<A>,
  each: (one: A) => Effect.Effect<B, StoreUnavailable>,
): Effect.Effect<ReadonlyArray<B>, StoreUnavailable> =>
  Effect.flatMap(
    Effect.forEach(all, (one) => Effect.exit(inTime(each(one))), { concurrency: "unbounded" }),
    (exits) => Effect.all(exits),
  )

/** What `open` and `stage` answer. */
type Opening = readonly ["OPENED" | "STAGED" | "EXISTS" | "UNSTAGED", first?: string]

/** Events as the functions take them, each on a line of its own with its link of the chain on the next; the last link. */
/** Text of events that is written in one slice: two large ones or so. */
const WRITTEN_AT_ONCE = 256 * 1024

function* chained(
  before: string,
  events: ReadonlyArray<BatchEvent>,
): Generator<void, { readonly lines: string; readonly head: string }> {
  let [lines, head, yieldedAt] = ["", before, 0]
  for (const event of events) {
    if (lines.length - yieldedAt > WRITTEN_AT_ONCE) {
      yield
      yieldedAt = lines.length
    }
    for (const { text, hash } of linked(head, [event])) {
      lines += `${text}\n${hash}\n`
      head = hash
    }
  }
  return { lines, head }
}

const unavailable = (step: string) =>
  Effect.mapError(
    (error: RedisUnavailable) => new StoreUnavailable({ store: "redis", step, reason: error.reason }),
  )

const range = (redis: RedisConnections["Service"]["commands"], stream: string, from: string, limit: number) =>
  attempt(() => redis.xrange(stream, from, "+", "COUNT", limit)).pipe(unavailable("read")) as Effect.Effect<
    ReadonlyArray<StreamEntry>,
    StoreUnavailable
  >

/** The counters of all partitions: by lane what is open, and by '' what was ever closed. */
const readBacklog = (shares: ReadonlyArray<Readonly<Record<string, string>>>): Backlog => {
  const byLane = new Map<string, number>()
  let [open, closed] = [0, 0]
  for (const [lane, value] of shares.flatMap((of) => Object.entries(of))) {
    if (lane === "") closed += Number(value)
    else {
      open += Number(value)
      byLane.set(lane, (byLane.get(lane) ?? 0) + Number(value))
    }
  }
  return { open, closed, byLane }
}

const groupByPartition = (owned: ReadonlyArray<Ownership>, partitions: number) =>
  Map.groupBy(owned, ({ batch }) => partitionOf(batch, partitions))

const sum = (counts: ReadonlyArray<unknown>): number =>
  counts.reduce<number>((total, count) => total + Number(count), 0)
