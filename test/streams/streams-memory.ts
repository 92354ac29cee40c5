/**
 * All ports of a batch's streams in memory, for tests and simulations: they answer as those on Redis do, and time is that
 * of the Clock. Whoever shares the layer shares the streams; they are gone with the layer.
 */
import { Array as Arr, Clock, Context, Deferred, Effect, Layer } from "effect"
import { AppConfig } from "../../src/config.ts"
import { encodeMail } from "../../src/domain/event-codec.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { type Ask, askingArchive } from "../../src/streams/archived-names.ts"
import { readingEverywhere } from "../../src/streams/archived-reading.ts"
import { completeArchive } from "../../src/streams/complete-archive.ts"
import { type CorruptEntry, EventStore, type Exists, type Reserved } from "../../src/streams/event-store.ts"
import { Feed, type FeedPart, type FeedPosition } from "../../src/streams/feed.ts"
import { isBefore } from "../../src/streams/feed-position.ts"
import { chainStart, type LinkedEvent, linked } from "../../src/streams/hash-chain.ts"
import { LogArchive } from "../../src/streams/log-archive.ts"
import { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { CommandIdReused, Mailbox, MailboxFull, NoSuchBatch } from "../../src/streams/mailbox.ts"
import { OPENED_AT_ONCE_MAX } from "../../src/streams/opening-steps.ts"
import { partitionOf } from "../../src/streams/partition.ts"
import { Partitions } from "../../src/streams/partitions.ts"
import { withLog } from "../../src/streams/restoring.ts"
import {
  type Backlog,
  type Ownership,
  OwnershipLost,
  type QueuePart,
  RunQueue,
} from "../../src/streams/run-queue.ts"
import {
  readEventRanges,
  readEvents,
  readFeed,
  readFirstEvent,
  readFrom,
  readMail,
} from "../../src/streams/stream-entry.ts"
import { emptyArchive } from "./memory-archive.ts"
import { MemoryPartition, type Opening } from "./memory-partition.ts"
import { logUnlinking, unlinkedCounts } from "./memory-unlinking.ts"

/** Logs that are archived are read from the given archive, as the adapter on Redis does. */
export const layerOverArchive = Layer.effectContext(
  Effect.gen(function* () {
    const given = yield* LogArchive
    const { partitions: count, mailboxMax, partnerShare } = (yield* AppConfig).redis
    const bell = new Bell()
    const all = Arr.makeBy(count, () => new MemoryPartition(partnerShare, () => bell.ring()))
    const memory: Memory = {
      all,
      numbered: (partition) => Effect.fromNullishOr(all[partition]).pipe(Effect.orDie),
      of: (batch) => memory.numbered(partitionOf(batch, count)),
    }
    const archive = completeArchive(given, unlinkedCounts(memory))
    const unlinking = logUnlinking(memory, archive, yield* Effect.scope)
    return Context.make(Partitions, { count, of: (batch) => partitionOf(batch, count) }).pipe(
      Context.add(EventStore, eventStore(memory, archive)),
      Context.add(Mailbox, mailbox(memory, mailboxMax, unlinking.restore)),
      Context.add(LogUnlinking, unlinking),
      Context.add(RunQueue, runQueue(memory, bell)),
      Context.add(Feed, feed(memory)),
    )
  }),
)

/** With an archive that has nothing. */
export const layer = layerOverArchive.pipe(Layer.provide(emptyArchive))

export interface Memory {
  readonly all: ReadonlyArray<MemoryPartition>
  readonly numbered: (partition: number) => Effect.Effect<MemoryPartition>
  readonly of: (batch: BatchId) => Effect.Effect<MemoryPartition>
}

const opening = ({ of }: Memory, archive: LogArchive["Service"]): EventStore["Service"]["open"] =>
  Effect.fnUntraced(function* (batch, events, commandId, openBy) {
    const written = linked(chainStart(batch), events)
    const partition = yield* of(batch)
    const answer = yield* askingArchive(archive, batch, (askedAt) =>
      Effect.flatMap(openInSteps(partition, batch, commandId, written, openBy, askedAt), (answer) =>
        answerOf(batch, answer),
      ),
    )
    return answer
  })

const eventStore = (memory: Memory, archive: LogArchive["Service"]): EventStore["Service"] => ({
  ...eventSteps(memory, archive),
  open: opening(memory, archive),
  prepare: (batch, events, commandId) =>
    Effect.succeed((openBy) => opening(memory, archive)(batch, events, commandId, openBy)),
})

const eventSteps = (
  { of }: Memory,
  archive: LogArchive["Service"],
): Omit<EventStore["Service"], "open" | "prepare"> => ({
  reserve: Effect.fnUntraced(function* (batch) {
    const partition = yield* of(batch)
    const answer = yield* askingArchive(archive, batch, (askedAt) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        answerOf(batch, partition.reserve(batch, now, askedAt)),
      ),
    )
    if (answer._tag === "Opened") return yield* Effect.die(new Error("nothing is opened here"))
    return answer._tag === "Reserved" ? { _tag: "Reserved", at: answer.at } : answer
  }),

  cancelReservation: Effect.fnUntraced(function* (batch, at) {
    const partition = yield* of(batch)
    partition.cancelReservation(batch, at)
  }),

  append: Effect.fnUntraced(function* (owned, append) {
    const { batch } = owned
    const written = linked(append.head, append.events)
    const partition = yield* of(batch)
    const answer = partition.append(owned, append, written, yield* Clock.currentTimeMillis)
    if (answer._tag === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
    if (answer._tag === "MOVED") return yield* new OwnershipLost({ batch, reason: "log-moved-on" })
    const head = written.at(-1)?.hash ?? append.head
    return { version: answer.version, head, mailWaiting: answer.mailWaiting, isReleased: answer.isReleased }
  }),

  ...readingEverywhere(
    {
      replicated: () => Effect.void,
      read: Effect.fnUntraced(function* (batch, after, limit, head) {
        const partition = yield* of(batch)
        const events = yield* readEvents(batch, after, partition.read(batch, after, limit), head)
        return { events, isHere: events.length > 0 }
      }),
      readRanges: Effect.fnUntraced(function* (ranges) {
        const entries = yield* Effect.forEach(ranges, ({ batch, after, to }) =>
          Effect.map(of(batch), (partition) => partition.read(batch, after, to - after)),
        )
        return yield* readEventRanges(ranges, entries)
      }),
      place: (batch) => Effect.map(of(batch), (partition) => partition.find(batch)),
    },
    archive,
  ),
})

/** The answer of the port to the answer of a partition. */
const answerOf = Effect.fnUntraced(function* (
  batch: BatchId,
  answer: Opening,
): Effect.fn.Return<Ask | Exists | Reserved | { readonly _tag: "Opened" }, StoreUnavailable | CorruptEntry> {
  const failed = (reason: string) => new StoreUnavailable({ store: "redis", step: "open", reason })
  if (answer._tag === "LATE") return yield* failed("it took too long")
  if (answer._tag === "UNSTAGED") return yield* failed("the staged events are gone")
  if (answer._tag === "RESERVED") return { _tag: "Reserved", at: answer.at, now: answer.now }
  if (answer._tag === "ASK") return { _tag: "Ask", unlinks: answer.unlinks, now: answer.now }
  if (answer._tag === "EXISTS") return { _tag: "Exists", first: yield* readFirstEvent(batch, answer.first) }
  return { _tag: "Opened" }
})

const mailbox = (
  { of }: Memory,
  mailboxMax: number,
  restore: LogUnlinking["Service"]["restore"],
): Mailbox["Service"] => ({
  enqueue: Effect.fnUntraced(function* (batch, command, as) {
    const partition = yield* of(batch)
    const enqueued = Effect.map(Clock.currentTimeMillis, (now) =>
      partition.enqueue(batch, encodeMail(command), as, mailboxMax, now),
    )
    const answer = yield* withLog(batch, enqueued, restore)
    if (answer === "REUSED") return yield* new CommandIdReused({ batch })
    if (answer === "FULL") return yield* new MailboxFull({ batch })
    if (answer === "NONE" || answer === undefined) return yield* new NoSuchBatch({ batch })
  }),

  wasEnqueued: Effect.fnUntraced(function* (batch, { id, digest }) {
    const before = (yield* of(batch)).digestEnqueued(batch, id, yield* Clock.currentTimeMillis)
    if (before !== undefined && before !== digest) return yield* new CommandIdReused({ batch })
    return before !== undefined
  }),

  mail: (batch, limit) => Effect.map(of(batch), (partition) => partition.mail(batch, limit).map(readMail)),

  withMail: (batches) =>
    Effect.filter(batches, (batch) =>
      Effect.map(of(batch), (partition) => partition.mail(batch, 1).length > 0),
    ),
})

const runQueue = ({ all, of }: Memory, bell: Bell): RunQueue["Service"] => ({
  parts: [queuePart(all, bell)],

  takeOver: (worker, idleMs, limit) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const taken: Array<Ownership> = []
      for (const { queue } of all) {
        const room = limit - taken.length
        if (room <= 0) break
        taken.push(...queue.takeOver(worker, idleMs, room, now))
      }
      return taken
    }),

  renew: (owned) =>
    Effect.map(Clock.currentTimeMillis, (now) =>
      owned.filter((one) => !all[partitionOf(one.batch, all.length)]?.queue.renew(one, now)),
    ),

  release: Effect.fnUntraced(function* (owned, wakeAt, mail, admitted) {
    const partition = yield* of(owned.batch)
    const now = yield* Clock.currentTimeMillis
    const answer = partition.release(owned, wakeAt, mail === "leave", now, admitted)
    if (answer === "LOST") return yield* new OwnershipLost({ batch: owned.batch, reason: "taken-over" })
    return answer === "MAIL" ? "mail-waiting" : "released"
  }),

  postpone: Effect.fnUntraced(function* (owned) {
    const partition = yield* of(owned.batch)
    const answer = partition.postpone(owned, yield* Clock.currentTimeMillis)
    if (answer === "LOST") return yield* new OwnershipLost({ batch: owned.batch, reason: "taken-over" })
  }),

  admit: (limit) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const some = all.filter(({ queue }) => queue.isAnyWaiting).slice(0, limit)
      const fairPart = Math.max(1, Math.floor(limit / some.length))
      return sum(some.map(({ queue }) => queue.admit(fairPart, now)))
    }),

  handOver: Effect.fnUntraced(function* (owned) {
    const partition = yield* of(owned.batch)
    const answer = partition.handOver(owned, yield* Clock.currentTimeMillis)
    if (answer === "LOST") return yield* new OwnershipLost({ batch: owned.batch, reason: "taken-over" })
  }),

  retire: () => Effect.void,

  isAnySilent: (idleMs) =>
    Effect.map(Clock.currentTimeMillis, (now) => all.some(({ queue }) => queue.isAnySilent(idleMs, now))),

  nextTimer: Effect.sync(() => {
    const timers = all.flatMap(({ nextTimer }) => nextTimer ?? [])
    return timers.length === 0 ? undefined : Math.min(...timers)
  }),

  wake: (until, limit) =>
    Effect.map(Clock.currentTimeMillis, (now) =>
      sum(all.map((partition) => partition.wake(until, limit, now))),
    ),

  sweep: (before, touchedAt, limit) =>
    Effect.map(Clock.currentTimeMillis, (now) =>
      sum(all.map((partition) => partition.sweep(before, touchedAt, limit, now))),
    ),

  backlog: Effect.sync(() => backlogOf(all)),
})

const backlogOf = (all: ReadonlyArray<MemoryPartition>): Backlog => {
  const partnerShards = Map.groupBy(
    all.flatMap(({ shares }) => [...shares]),
    ([partnerShard]) => partnerShard,
  )
  const byPartnerShard = new Map(
    [...partnerShards].map(([partnerShard, shares]) => [partnerShard, sum(shares.map(([, open]) => open))]),
  )
  return {
    open: sum([...byPartnerShard.values()]),
    closed: sum(all.map(({ closed }) => closed)),
    byPartnerShard,
  }
}

const feed = (memory: Memory): Feed["Service"] => {
  const page = Effect.fnUntraced(function* ({ partition, after, head }: FeedPosition, limit: number) {
    const { feed } = yield* memory.numbered(partition)
    return readFeed(after, head, feed.from(after, readFrom(after, limit)))
  })
  return {
    entries: Effect.fnUntraced(function* (partition, after, limit, head) {
      return yield* Effect.fromResult(yield* page({ partition, after, head }, limit))
    }),
    pages: (positions, limit) => Effect.forEach(positions, (position) => page(position, limit)),
    feedParts: Effect.succeed([feedPart(memory)]),
    trim: (partition, before) =>
      Effect.map(memory.numbered(partition), ({ feed }) => feed.deleteBefore(before)),
  }
}

/** Looks at the feeds every millisecond until one has something. */
const feedPart = ({ all, numbered }: Memory): FeedPart => ({
  partitions: all.map((_, partition) => partition),
  arrivals: Effect.fnUntraced(function* (positions, waitMs) {
    const until = (yield* Clock.currentTimeMillis) + waitMs
    while (true) {
      const arrived = new Set<number>()
      for (const { partition, after } of positions)
        if (isBefore(after, (yield* numbered(partition)).feed.lastId)) arrived.add(partition)
      if (arrived.size > 0 || (yield* Clock.currentTimeMillis) >= until) return arrived
      yield* Effect.sleep(1)
    }
  }),
})

/** Rings when a batch can be taken. Who heard nothing yet asks for the next ring before looking into the queue. */
class Bell {
  #next = Deferred.makeUnsafe<void>()

  get next(): Effect.Effect<void> {
    return Deferred.await(this.#next)
  }

  ring(): void {
    Deferred.doneUnsafe(this.#next, Effect.void)
    this.#next = Deferred.makeUnsafe()
  }
}

/** Opens a batch as it is opened on Redis: others run between two steps. */
const openInSteps = Effect.fnUntraced(function* (
  partition: MemoryPartition,
  batch: BatchId,
  command: string,
  events: ReadonlyArray<LinkedEvent>,
  openBy: number | undefined,
  askedAt: string,
) {
  const chunks = Arr.chunksOf(events, OPENED_AT_ONCE_MAX)
  const last = chunks.pop() ?? []
  let staged = 0
  for (const chunk of chunks) {
    const now = yield* Clock.currentTimeMillis
    const answer: Opening = partition.stage(batch, command, staged, chunk, now)
    if (answer._tag !== "STAGED") return answer
    staged += chunk.length
    yield* Effect.yieldNow
  }
  return partition.open(batch, command, staged, last, yield* Clock.currentTimeMillis, openBy, askedAt)
})

/** All partitions, each with its part of what a worker has room for. */
const queuePart = (partitions: ReadonlyArray<MemoryPartition>, bell: Bell): QueuePart => {
  let waitsEnded = 0
  return {
    take: Effect.fnUntraced(function* (worker, limit, waitMs) {
      const endedBefore = waitsEnded
      const perPartition = Math.max(1, Math.floor(limit / partitions.length))
      const until = (yield* Clock.currentTimeMillis) + waitMs
      while (true) {
        const ring = bell.next
        const now = yield* Clock.currentTimeMillis
        const taken = partitions.flatMap(({ queue }) => queue.take(worker, perPartition, now))
        if (taken.length > 0) return taken
        const rang = yield* Effect.timeoutOption(ring, until - now)
        if (rang._tag === "None" || waitsEnded > endedBefore) return []
      }
    }),
    endWait: Effect.sync(() => {
      waitsEnded += 1
      bell.ring()
    }),
  }
}

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((total, count) => total + count, 0)
