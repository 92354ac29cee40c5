/**
 * The batch that a key names, where the key can be written in two ways: `week-12` and `"week-12"`.
 *
 * A batch has the id of its key as it was written. So a request that is repeated as it was written names one batch in all releases:
 * those before took the quotes for a part of the key. That the two ways name one batch follows from a reservation. A request with a
 * quoted key reserves the plain name before it opens its batch; a request with a plain key finds out in the step that opens a batch
 * whether its name is reserved, which costs it no step more. Who dies between reservation and batch leaves a reservation that is
 * cancelled when no batch can be opened by it any more: the log refuses late ones.
 */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { BatchEvent } from "../../domain/events.ts"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { EventStore, type OpenStep, type Reserved } from "../../streams/event-store.ts"
import { batchIdOf } from "./batch-identity.ts"
import { OPEN_WITHIN_MS, UNDER_WAY_MS } from "./earlier-payouts.ts"
import { type IdempotencyKey, waysOf } from "./idempotency-key.ts"

/** How often, and how long each time, a request waits for the batch that its name is reserved for. */
const WAITS_MAX = 20
const WAIT_MS = 100

/** A batch by its partner and its key. */
export interface BatchName {
  readonly partner: PartnerId
  readonly asked: IdempotencyKey
  /** That of the key as it was written. */
  readonly id: BatchId
  readonly key: string
}

export const batchName = (partner: PartnerId, asked: IdempotencyKey): BatchName => {
  const [key] = waysOf(asked)
  return { partner, asked, id: batchIdOf(partner, key), key }
}

/** A batch that was accepted before, under either way of writing its key. */
export interface Existing {
  readonly _tag: "Exists"
  readonly id: BatchId
  readonly first: BatchEvent
}

/** The batch that was accepted under a key, if one was: that of the key as it was written, if both were by a release before. */
export const acceptedAs = Effect.fnUntraced(function* (name: BatchName) {
  const store = yield* EventStore
  return (yield* existing(store, name.id)) ?? (yield* existing(store, otherIdOf(name)))
})

/**
 * Writes the first events of a batch, and gives the step that opens it until `openBy`, unless one was accepted under its key. The
 * step knows nothing of the events any more. What is not opened now may be opened when the request is repeated: then it fails with
 * StoreUnavailable.
 */
export const openOnce = (
  store: EventStore["Service"],
  name: BatchName,
  events: ReadonlyArray<BatchEvent>,
  openBy?: number,
) =>
  name.asked.quoted === undefined
    ? prepared(store, name, events, openBy)
    : Effect.flatMap(reservePlain(store, name), (plain) =>
        plain._tag === "Exists"
          ? Effect.succeed(Effect.succeed(plain))
          : prepared(store, name, events, Math.min(plain.openBy, openBy ?? plain.openBy)),
      )

const prepared = (
  store: EventStore["Service"],
  name: BatchName,
  events: ReadonlyArray<BatchEvent>,
  openBy: number | undefined,
) =>
  Effect.map(store.prepare(name.id, events, randomUUID()), (step) =>
    Effect.flatMap(step(openBy), (outcome) => outcomeOf(store, name, outcome)),
  )

type Opened = Effect.Success<ReturnType<OpenStep>>

const outcomeOf = (store: EventStore["Service"], name: BatchName, outcome: Opened) => {
  if (outcome._tag === "Reserved") return reservedFor(store, otherIdOf(name), name.id, outcome)
  return Effect.succeed(outcome._tag === "Opened" ? outcome : { ...outcome, id: name.id })
}

/** Reserves the plain name for a batch whose key is quoted. */
const reservePlain = Effect.fnUntraced(function* (store: EventStore["Service"], name: BatchName) {
  const plain = otherIdOf(name)
  const outcome = yield* store.reserve(plain ?? name.id)
  if (outcome._tag === "Reserved") return { _tag: "Open" as const, openBy: outcome.at + OPEN_WITHIN_MS }
  // A release that took the two for different keys may have accepted both.
  const own = yield* existing(store, name.id)
  return own ?? ({ ...outcome, id: plain ?? name.id } satisfies Existing as Existing)
})

/** The batch that a name is reserved for. Its id and the name are of one key. */
const reservedFor = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  id: BatchId | undefined,
  name: BatchId,
  { at, now }: Reserved,
) {
  for (let waits = 0; waits < WAITS_MAX; waits += 1) {
    const found = yield* existing(store, id)
    if (found !== undefined) return found
    if (now - at > UNDER_WAY_MS) {
      yield* store.cancelReservation(name, at)
      break
    }
    yield* Effect.sleep(WAIT_MS)
  }
  return yield* new StoreUnavailable({ store: "redis", step: "open", reason: "the name is reserved" })
})

const otherIdOf = ({ partner, asked }: BatchName): BatchId | undefined => {
  const [, other] = waysOf(asked)
  return other === undefined ? undefined : batchIdOf(partner, other)
}

/** A batch that is in its log, once the log is on as many replicas as are configured. */
const existing = Effect.fnUntraced(function* (store: EventStore["Service"], id: BatchId | undefined) {
  if (id === undefined) return
  const [first] = yield* store.read(id, 0, 1)
  if (first === undefined) return
  yield* store
    .replicated(id, first.version, first.hash)
    .pipe(
      Effect.catchTag("OwnershipLost", ({ reason }) =>
        Effect.fail(new StoreUnavailable({ store: "redis", step: "read", reason })),
      ),
    )
  return { _tag: "Exists", id, first: first.event } satisfies Existing as Existing
})
