/** An actor while it is alive: what it knows, what it holds, and how a batch is brought to life. */
import { Effect, FiberSet } from "effect"
import { type Batch, emptyBatch } from "../domain/batch.ts"
import type { ClearanceTerms } from "../domain/clearance.ts"
import type { BatchCommand } from "../domain/commands.ts"
import { evolve } from "../domain/evolve.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Call, Pipelines } from "../pipelines/pipelines.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import { CorruptEntry, type EventLog, type OwnershipLost } from "../streams/event-log.ts"
import { beginningOf, visitLog } from "../streams/event-range.ts"
import type { StrayCallbacks } from "../streams/stray-callbacks.ts"
import { Backoff, type Stall } from "./backoff.ts"
import { Inbox } from "./inbox.ts"
import type { Lease } from "./lease.ts"
import type { WarmBatches } from "./warm-batches.ts"

/** What the worker gives to each of its actors. */
export interface Desk {
  readonly log: EventLog["Service"]
  readonly pipelines: Pipelines["Service"]
  readonly pass: (point: CrashPoint) => Effect.Effect<void>
  readonly warm: WarmBatches
  /** The inboxes of actors that are alive. */
  readonly inboxes: Set<Inbox<Message>>
  readonly strays: StrayCallbacks["Service"]
  /** Which clearances are good by now; unknown where the lists that were announced last cannot be told. */
  readonly clearanceTerms: Effect.Effect<ClearanceTerms>
  readonly isDraining: () => boolean
  /** Whether the batch may still be acted for: checked before each call to a bank. */
  readonly isOwner: (lease: Lease) => boolean
  /** An id that no other append has. */
  readonly nextCommandId: () => string
}

/** What a call tells the loop: a command, or that it is over, that the batch is lost, or that the call broke. */
export type Message =
  | { readonly _tag: "Answered"; readonly command: BatchCommand }
  | {
      readonly _tag: "Ended"
      readonly call: number
      readonly kind: Call["_tag"]
      readonly stalled: Stall | undefined
    }
  | { readonly _tag: "Lost"; readonly failure: OwnershipLost }
  | { readonly _tag: "Broke"; readonly defect: unknown }

export interface Activation {
  readonly id: BatchId
  readonly lease: Lease
  readonly desk: Desk
  readonly batch: Batch
  /** The hash of the log up to the last append. */
  head: string
  readonly backoff: Backoff
  readonly inbox: Inbox<Message>
  readonly calls: FiberSet.FiberSet
  /** Items in a call under way, by the number of the call. */
  readonly busy: Map<number, number>
  callsUnderWay: number
  callCount: number
  mailWaiting: boolean
  /** As of the last turn: nothing is sent on a clearance that is not good by them. */
  terms: ClearanceTerms
  /** Whether the log is known to hold all that the instruction register ever knew of it. */
  complete: boolean
  /** Others may have acted since this worker last did: what the log says is under way was sent by someone else. */
  strange: boolean
}

/** Folds the log of a batch, or only its tail onto a warm state. */
export const load = Effect.fnUntraced(function* (lease: Lease, desk: Desk) {
  const id = lease.owned.batch
  const known = desk.warm.take(id)
  const warm = known ?? {
    batch: emptyBatch(),
    head: beginningOf(id).head,
    complete: false,
    backoff: new Backoff(),
  }
  const before = warm.batch.version
  const tail = { version: before, head: warm.head }
  const head = yield* visitLog(desk.log, id, tail, ({ event }) => evolve(warm.batch, event))
  const strange = known === undefined || warm.batch.version > before
  const inbox = yield* Effect.acquireRelease(
    Effect.sync(() => new Inbox<Message>()),
    (inbox) => Effect.sync(() => desk.inboxes.delete(inbox)),
  )
  desk.inboxes.add(inbox)
  const actor: Activation = {
    ...warm,
    head,
    id,
    lease,
    desk,
    inbox,
    calls: yield* FiberSet.make(),
    busy: new Map(),
    callsUnderWay: 0,
    callCount: 0,
    terms: "unknown",
    // A batch that was only received has no mail as a rule; if it has, its first append tells.
    mailWaiting: warm.batch.clearanceCount > 0,
    strange,
  }
  if (!actor.complete) yield* Effect.catchTag(checkTail(actor), "ProviderUnavailable", () => Effect.void)
  return actor
})

/**
 * Compares the log with what the instruction register knows of it. A log that is shorter, or tells another story, has
 * lost what may have been acted on: the batch is not continued.
 */
export const checkTail = Effect.fnUntraced(function* (actor: Activation) {
  const { id, batch, desk } = actor
  const known = yield* desk.pipelines.tailOf(id)
  if (known !== undefined) {
    const [event] = yield* desk.log.read(id, known.version - 1, 1)
    if (known.version > batch.version || event?.hash !== known.head) {
      const reason = `the instruction register knows another log up to version ${known.version}: history was lost`
      return yield* new CorruptEntry({ batch: id, entry: `${known.version}-0`, reason })
    }
  }
  actor.complete = true
})
