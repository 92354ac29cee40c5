/** The logs of batches on Redis Streams. */
import { Array as Arr, Clock, Effect } from "effect"
import { encodeEvent } from "../domain/event-codec.ts"
import type { BatchEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { atOnce, inSlices } from "../parsing/turns.ts"
import { sendTogether } from "../platform/redis-client.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { askingArchive } from "./archived-names.ts"
import { type HotReading, readingEverywhere } from "./archived-reading.ts"
import type { EventRange, EventStore, OpenStep } from "./event-store.ts"
import { logFrom, logUpTo, reservedAt } from "./evidence.ts"
import { chainStart, linkedBytes, linkOf } from "./hash-chain.ts"
import type { LogArchive } from "./log-archive.ts"
import { OPENED_AT_ONCE_MAX, STAGED_MS } from "./opening-steps.ts"
import { type PartitionSteps, range, unavailable } from "./partition-steps-redis.ts"
import { admitting } from "./queue-readers-redis.ts"
import { OwnershipLost } from "./run-queue.ts"
import { readEventRanges, readEvents, readFirstEvent, type StreamEntry } from "./stream-entry.ts"

export const eventStore = Effect.fnUntraced(function* (
  steps: PartitionSteps,
  archive: LogArchive["Service"],
) {
  const count = yield* eventCounter
  const prepare = preparing(steps, count, archive)
  const store: EventStore["Service"] = {
    open: (batch, events, commandId, openBy) =>
      Effect.flatMap(prepare(batch, events, commandId), (step) => step(openBy)),
    prepare,
    reserve: reserving(steps, archive),
    cancelReservation: (batch, at) =>
      Effect.asVoid(steps.call("cancel-reservation", [steps.keysOf(batch).reserved(batch)], [at])),
    append: appending(steps, count),
    ...readingEverywhere(
      {
        replicated: replicating(steps),
        read: reading(steps),
        readRanges: readingRanges(steps),
        place: finding(steps),
      },
      archive,
    ),
  }
  return store
})

/**
 * Reads a page from the entry that the reader has already: a page with that entry alone is the end of a log in Redis, so whoever
 * looks for news, as the owner of a batch does each time it goes on, costs one command. A single event is read alone: the entry
 * before it may be large.
 */
const reading = (steps: PartitionSteps): HotReading["read"] =>
  Effect.fnUntraced(function* (batch, after, limit, head) {
    const log = steps.keysOf(batch).log(batch)
    const isPage = after > 0 && limit > 1
    const from = isPage ? after : after + 1
    const entries = yield* range(steps, log, `${from}-0`, isPage ? limit + 1 : limit)
    const hasEnd = isPage && entries[0]?.[0] === `${after}-0`
    const found = hasEnd ? entries.slice(1) : entries.slice(0, limit)
    return { events: yield* readEvents(batch, after, found, head), isHere: entries.length > 0 }
  })

/** Where a log is. Only reads that did not see it ask. */
const finding = ({ keysOf, call }: PartitionSteps): HotReading["place"] =>
  Effect.fnUntraced(function* (batch) {
    const { log, archivedNames } = keysOf(batch)
    const answer = yield* call("find-log", [log(batch), archivedNames], [batch])
    const [place, version = 0] = answer as ["HERE" | "ASK" | "NONE", number?]
    if (place === "HERE") return { _tag: "Here", version }
    return place === "ASK" ? { _tag: "MaybeArchived" } : { _tag: "Nowhere" }
  })

type Count = (byType: ReadonlyMap<string, number>) => void

const eventCounter = Effect.map(
  Metrics,
  ({ eventsAppended }): Count =>
    (byType) => {
      for (const [type, times] of byType) eventsAppended.inc({ type }, times)
    },
)

const typesOf = (events: ReadonlyArray<BatchEvent>): ReadonlyMap<string, number> => {
  const byType = new Map<string, number>()
  for (const { _tag } of events) byType.set(_tag, (byType.get(_tag) ?? 0) + 1)
  return byType
}

const preparing =
  (steps: PartitionSteps, count: Count, archive: LogArchive["Service"]): EventStore["Service"]["prepare"] =>
  (batch, events, commandId) =>
    Effect.map(written(steps, batch, commandId, events), (ready) =>
      openStep(steps, count, archive, batch, commandId, ready),
    )

/** A function of its own: closures that are made beside each other keep alive what any of them uses. */
const openStep =
  (
    steps: PartitionSteps,
    count: Count,
    archive: LogArchive["Service"],
    batch: BatchId,
    commandId: string,
    ready: Written | Opening,
  ): OpenStep =>
  (openBy) =>
    askingArchive(archive, batch, (askedAt) =>
      openWritten(steps, count, batch, commandId, ready, openBy, askedAt),
    )

/**
 * The answers of the functions `open` and `stage`: with the first event, with the time of the reservation and now, or with what was
 * unlinked until now.
 */
type Opening = readonly [
  "OPENED" | "STAGED" | "EXISTS" | "UNSTAGED" | "LATE" | "RESERVED" | "ASK",
  first?: string,
  now?: string,
]

/** The first events of a batch, written for the function `open`: the last of them, after those that are staged. */
interface Written {
  /** How many events are staged. */
  readonly version: number
  readonly lines: Buffer
  /** The last hash, and the number and types of all events. */
  readonly head: string
  readonly length: number
  readonly byType: ReadonlyMap<string, number>
}

/** Stages all events but the last, and writes these. Gives the answer to staging when that ends it. */
const written = Effect.fnUntraced(function* (
  { keysOf, call }: PartitionSteps,
  batch: BatchId,
  command: string,
  events: ReadonlyArray<BatchEvent>,
): Effect.fn.Return<Written | Opening, StoreUnavailable> {
  const { log, staged } = keysOf(batch)
  const chunks = Arr.chunksOf(events, OPENED_AT_ONCE_MAX)
  const last = chunks.pop() ?? []
  let [version, head] = [0, chainStart(batch)]
  for (const chunk of chunks) {
    const part = yield* inSlices(encoded(head, chunk))
    const args = [command, STAGED_MS, version, chunk.length, part.lines]
    const answer = (yield* call("stage", [log(batch), staged(batch, command)], args)) as Opening
    if (answer[0] !== "STAGED") return answer
    version += chunk.length
    head = part.head
  }
  const end = yield* inSlices(encoded(head, last))
  return { version, ...end, length: events.length, byType: typesOf(events) }
})

const openWritten = Effect.fnUntraced(function* (
  steps: PartitionSteps,
  count: Count,
  batch: BatchId,
  command: string,
  ready: Written | Opening,
  openBy: number | undefined,
  askedAt: string,
) {
  const log = steps.keysOf(batch).log(batch)
  const [outcome, first = "", now] =
    "lines" in ready ? yield* callOpen(steps, batch, command, ready, openBy, askedAt) : ready
  if (outcome === "ASK") return { _tag: "Ask" as const, unlinks: first, now: Number(now) }
  if (outcome === "LATE")
    return yield* new StoreUnavailable({ store: "redis", step: "open", reason: "it took too long" })
  if (outcome === "UNSTAGED")
    return yield* new StoreUnavailable({ store: "redis", step: "open", reason: "the staged events are gone" })
  if (outcome === "RESERVED") return { _tag: "Reserved" as const, at: Number(first), now: Number(now) }
  if (outcome === "EXISTS" || !("lines" in ready)) {
    yield* steps.replicated(log, logFrom(log, first))
    return { _tag: "Exists" as const, first: yield* readFirstEvent(batch, first) }
  }
  yield* steps.replicated(log, logUpTo(log, ready.length, ready.head))
  count(ready.byType)
  return { _tag: "Opened" as const }
})

const callOpen = Effect.fnUntraced(function* (
  { keysOf, call, limits }: PartitionSteps,
  batch: BatchId,
  command: string,
  { version, lines }: Written,
  openBy: number | undefined,
  askedAt: string,
) {
  const { log, staged, feed, ready, scheduled, lanes, waiting, open, shares, ...keys } = keysOf(batch)
  const now = yield* Clock.currentTimeMillis
  return (yield* call(
    "open",
    [
      ...[log(batch), staged(batch, command), feed, ready, scheduled, lanes, waiting, open, shares],
      ...[keys.reserved(batch), keys.archived, keys.archivedNames],
    ],
    [batch, limits.partnerShare, now, command, version, lines, openBy ?? "", askedAt],
  )) as Opening
})

const reserving =
  (steps: PartitionSteps, archive: LogArchive["Service"]): EventStore["Service"]["reserve"] =>
  (batch) =>
    askingArchive(archive, batch, (askedAt) => reserveAsked(steps, batch, askedAt))

const reserveAsked = Effect.fnUntraced(function* (
  { keysOf, call, replicated }: PartitionSteps,
  batch: BatchId,
  askedAt: string,
) {
  const keys = keysOf(batch)
  const [log, mark] = [keys.log(batch), keys.reserved(batch)]
  const [outcome, answer, now] = (yield* call(
    "reserve",
    [log, mark, keys.archived, keys.archivedNames],
    [batch, askedAt],
  )) as ["RESERVED" | "EXISTS" | "ASK", string, string?]
  if (outcome === "ASK") return { _tag: "Ask" as const, unlinks: answer, now: Number(now) }
  if (outcome === "EXISTS") {
    yield* replicated(log, logFrom(log, answer))
    return { _tag: "Exists" as const, first: yield* readFirstEvent(batch, answer) }
  }
  yield* replicated(mark, reservedAt(mark, answer))
  return { _tag: "Reserved" as const, at: Number(answer) }
})

/** One function checks owner and tail, and writes to the log, the mailbox, the run queue and the feed. */
const appending = ({ keysOf, call, limits }: PartitionSteps, count: Count): EventStore["Service"]["append"] =>
  Effect.fnUntraced(function* ({ batch, entry, worker }, append) {
    const { log, feed, mail, ready, open, shares, scheduled, lanes, waiting, timers } = keysOf(batch)
    const { release } = append
    const { lines, head } = atOnce(chained(append.head, append.events))
    const now = yield* Clock.currentTimeMillis
    const answer = yield* call(
      "append",
      [
        ...[log(batch), feed, mail(batch), ready, open, shares],
        ...(release === undefined ? [] : [scheduled, lanes, waiting, timers]),
      ],
      [
        batch,
        entry,
        worker,
        append.expectedVersion,
        append.head,
        append.commandId,
        append.open ? "1" : "0",
        now,
        release === undefined ? "" : limits.partnerShare,
        release?.wakeAt ?? "",
        admitting(release?.admitted),
        append.events.length,
        lines,
        ...append.handled,
      ],
    )
    const [outcome, version, mailWaiting, released] = answer as [string, number, number, number]
    if (outcome === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
    if (outcome === "MOVED") return yield* new OwnershipLost({ batch, reason: "log-moved-on" })
    count(typesOf(append.events))
    return { version, head, mailWaiting, isReleased: released === 1 }
  })

const replicating = ({ connections, keysOf }: PartitionSteps): HotReading["replicated"] =>
  Effect.fnUntraced(function* (batch, version, head) {
    const log = keysOf(batch).log(batch)
    yield* connections
      .replicated(log, logUpTo(log, version, head))
      .pipe(
        Effect.mapError(({ reason }) =>
          reason === "FAILED_OVER"
            ? new OwnershipLost({ batch, reason: "log-moved-on" })
            : new StoreUnavailable({ store: "redis", step: "replicate", reason }),
        ),
      )
  })

/** Ranges of at most so many events are read by one command, which may read so many of each log. */
const EVENTS_READ_TOGETHER = 8
/** Logs that one command reads. */
const LOGS_READ_TOGETHER = 64

/**
 * Short ranges of many logs are read by few commands: a command costs the client more than what it reads. Such a command
 * cannot end where a range ends, so longer ranges, and beginnings of logs, whose events are large, are read one by one. All
 * commands go out together.
 */
const readingRanges = ({
  commands,
  keysOf,
  partitionOf,
}: PartitionSteps): EventStore["Service"]["readRanges"] => {
  const read = async (ranges: ReadonlyArray<EventRange>) => {
    const entries: Array<ReadonlyArray<StreamEntry>> = ranges.map(() => [])
    const places = ranges.map((range, place) => ({
      ...range,
      place,
      log: keysOf(range.batch).log(range.batch),
    }))
    type Place = (typeof places)[number]
    const readOne = async ({ log, after, to, place }: Place) => {
      entries[place] = await commands.xrange(log, `${after + 1}-0`, `${to}-0`)
    }
    const readTogether = async (some: ReadonlyArray<Place>) => {
      const answer = (await commands.xread(
        "COUNT",
        Math.max(...some.map(({ after, to }) => to - after)),
        "STREAMS",
        ...some.map(({ log }) => log),
        ...some.map(({ after }) => `${after}-0`),
      )) as ReadonlyArray<[log: string, entries: ReadonlyArray<StreamEntry>]> | null
      const found = new Map(answer)
      for (const { log, after, to, place } of some)
        entries[place] = (found.get(log) ?? []).slice(0, to - after)
    }
    const short = new Map<string, Place>()
    const others: Array<Place> = []
    for (const place of places)
      if (place.after > 0 && place.to - place.after <= EVENTS_READ_TOGETHER && !short.has(place.log))
        short.set(place.log, place)
      else others.push(place)
    // On a cluster, one command can read only logs in one slot: those of a partition.
    const slots = commands.isCluster
      ? [...Map.groupBy(short.values(), ({ batch }) => partitionOf(batch)).values()]
      : [[...short.values()]]
    sendTogether(commands)
    await Promise.all([
      ...others.map(readOne),
      ...slots.flatMap((slot) => Arr.chunksOf(slot, LOGS_READ_TOGETHER)).map(readTogether),
    ])
    return entries
  }
  return Effect.fnUntraced(function* (ranges) {
    return yield* readEventRanges(ranges, yield* attempt(() => read(ranges)).pipe(unavailable("read")))
  })
}

/** Characters that are encoded in one slice: about two large events. */
const WRITTEN_AT_ONCE = 256 * 1024

/** Events as the functions take them: one line for each event, and its hash on the next line. Also gives the last hash. */
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
    const text = encodeEvent(event)
    head = linkOf(head, text)
    lines += `${text}\n${head}\n`
  }
  return { lines, head }
}

/** The same in UTF-8. The first events of a batch are large, and so each is encoded once, for its hash and for Redis. */
function* encoded(
  before: string,
  events: ReadonlyArray<BatchEvent>,
): Generator<void, { readonly lines: Buffer; readonly head: string }> {
  const parts: Array<Buffer> = []
  let [head, encodedSinceYield] = [before, 0]
  for (const event of events) {
    if (encodedSinceYield > WRITTEN_AT_ONCE) {
      yield
      encodedSinceYield = 0
    }
    const link = linkedBytes(head, encodeEvent(event))
    parts.push(link.line, Buffer.from(`${link.hash}\n`))
    head = link.hash
    encodedSinceYield += link.line.length
  }
  return { lines: Buffer.concat(parts), head }
}
