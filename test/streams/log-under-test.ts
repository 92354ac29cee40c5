/** What tests of anything that writes to the event log need of it. */
import { randomUUID } from "node:crypto"
import { Effect, Result } from "effect"
import { assert } from "vitest"
import { emptyBatch } from "../../src/domain/batch.ts"
import { decide } from "../../src/domain/decide.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { beginningOf } from "../../src/streams/event-range.ts"
import type { Append } from "../../src/streams/event-store.ts"
import type { CommandId } from "../../src/streams/mailbox.ts"
import type { Ownership } from "../../src/streams/run-queue.ts"
import { receiveBatch } from "../domain/batch-story.ts"
import { type WholeLog, wholeLog } from "./whole-log.ts"

/** The two events that a small batch begins with. */
export const firstEvents: ReadonlyArray<BatchEvent> = Result.getOrThrow(
  decide(emptyBatch(), { ...receiveBatch(1), at: 1 }),
)

export const closing = (at: number): BatchEvent => ({ _tag: "BatchClosed", at, state: "settled" })

/** What a bank might say; `at` tells one from another. */
export const news = (at: number) =>
  ({
    _tag: "RecordTransfer",
    at,
    item: 1,
    attempt: 1,
    outcome: { _tag: "NeverSeen", quarantineMs: 0 },
  }) as const

/** The id of a command; by itself one that no other has. */
export const commandId = (id: string = randomUUID(), digest = ""): CommandId => ({
  id,
  digest,
  keptMs: 600_000,
})

/** A moment that no test comes to, in epoch milliseconds. */
export const LATER = 4_000_000_000_000

const DIGITS = "abcdefghijklmnopqrstuvwxyz234567"

/** A number in base 32, as ids are written. */
const base32 = (value: number, length: number): string =>
  Array.from({ length }, (_, place) => DIGITS[Math.floor(value / 32 ** place) % 32])
    .reverse()
    .join("")

/** The id of a partner's n-th batch. */
export const batchOf = (partner: number, n: number): BatchId =>
  BatchId.make(`pb_${base32(partner, 5)}${base32(n, 17)}`)

let partners = 0
/** A partner that no other test uses: gives the ids of its batches, all of one partition. */
export const somePartner = (log: WholeLog): (() => BatchId) => {
  const partner = ++partners
  let batches = 0
  return () => {
    let batch = batchOf(partner, ++batches)
    while (log.partitions.of(batch) !== 0) batch = batchOf(partner, ++batches)
    return batch
  }
}

/** Takes scheduled batches from all parts of the run queue. */
export const takeFrom = (log: WholeLog, worker: string, limit: number, waitMs: number) =>
  Effect.map(
    Effect.forEach(log.parts, (queue) => queue.take(worker, limit, waitMs), { concurrency: "unbounded" }),
    (taken) => taken.flat(),
  )

/** Everything that is scheduled now, by batch, in the order of the run queue. */
export const takeAll = Effect.fnUntraced(function* (worker: string) {
  const taken = yield* takeFrom(yield* wholeLog, worker, 400, 20)
  return new Map(taken.map((owned) => [owned.batch, owned] as const))
})

export const owning = (owned: Ownership | undefined): Ownership => {
  assert(owned, "the batch is in the run queue")
  return owned
}

/** Opens batches of two events, in this order. */
export const openAll = Effect.fnUntraced(function* (batches: ReadonlyArray<BatchId>) {
  const log = yield* wholeLog
  for (const batch of batches) yield* log.open(batch, firstEvents, `open-${batch}`)
})

/** A new batch of two events that the worker owns. */
export const opened = Effect.fnUntraced(function* (worker: string) {
  const id = somePartner(yield* wholeLog)()
  yield* openAll([id])
  return owning((yield* takeAll(worker)).get(id))
})

/** Appends one event, or what is given, at a version. */
export const append = Effect.fnUntraced(function* (
  owned: Ownership,
  expectedVersion: number,
  commandId: string,
  what: Partial<Append> = {},
) {
  const log = yield* wholeLog
  const head = yield* headAt(log, owned.batch, expectedVersion)
  const events = [closing(expectedVersion)]
  return yield* log.append(owned, {
    expectedVersion,
    head,
    events,
    handled: [],
    commandId,
    open: true,
    ...what,
  })
})

/** The hash of a log up to a version. */
export const headAt = Effect.fnUntraced(function* (log: WholeLog, batch: BatchId, version: number) {
  if (version === 0) return beginningOf(batch).head
  const [event] = yield* log.read(batch, version - 1, 1)
  return event?.hash ?? "beyond the tail"
})
