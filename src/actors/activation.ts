/** An actor while it is alive: what it knows, what it holds, and how a batch is brought to life. */
import { Effect, FiberSet } from "effect"
import { attemptsReported } from "../domain/attempts.ts"
import type { ClearanceTerms } from "../domain/clearance.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { PayLine } from "../domain/pay-line.ts"
import type { Routes } from "../domain/routing.ts"
import type { Call } from "../pipelines/call.ts"
import type { Pipelines } from "../pipelines/pipelines.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { DecisionRegister, RegisteredDecision } from "../register/decision-register.ts"
import type { InstructionRegister } from "../register/instruction-register.ts"
import type { LogTail } from "../register/log-tail.ts"
import { type BatchFold, emptyFold, foldLog } from "../streams/batch-fold.ts"
import { CorruptEntry, type EventStore } from "../streams/event-store.ts"
import type { FoldCache } from "../streams/fold-cache.ts"
import type { Mailbox } from "../streams/mailbox.ts"
import type { Partitions } from "../streams/partitions.ts"
import { OwnershipLost, type RunQueue } from "../streams/run-queue.ts"
import type { StoreWatch } from "../streams/store-watch.ts"
import type { StrayCallbacks } from "../streams/stray-callbacks.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { Backoff, type Stall } from "./backoff.ts"
import type { Lease } from "./lease.ts"
import { MessageQueue } from "./message-queue.ts"

/** What the worker gives to each of its actors. */
export interface ActorServices {
  readonly store: EventStore["Service"]
  readonly mailbox: Mailbox["Service"]
  readonly queue: RunQueue["Service"]
  readonly partitions: Partitions["Service"]
  readonly pipelines: Pipelines["Service"]
  readonly pass: (point: CrashPoint) => Effect.Effect<void>
  /** Batches at rest, as their last actor left them. */
  readonly warm: FoldCache<Warm>
  /** The message queues of actors that are alive. */
  readonly messageQueues: Set<MessageQueue<Message>>
  readonly strays: StrayCallbacks["Service"]
  /** Which clearances are good by now; unknown where the lists that were announced last cannot be told. */
  readonly clearanceTerms: Effect.Effect<ClearanceTerms>
  readonly instructions: InstructionRegister["Service"]
  readonly decisions: DecisionRegister["Service"]
  readonly watch: StoreWatch["Service"]
  readonly isDraining: () => boolean
  /** Whether the batch may still be acted for: checked before each call to a bank. */
  readonly isOwner: (lease: Lease) => boolean
  /** An id that no other append has. */
  readonly nextCommandId: () => string
}

/** What an actor leaves behind for its next activation: the folded state, and how its providers were doing. */
export interface Warm extends BatchFold {
  /** In which epoch of the stores the log was last compared with what the registers know of it. */
  readonly compared: string | undefined
  /** Ids of the decisions that were answered last: their mail may come later than the register tells of them. */
  readonly answered: Set<string>
  readonly backoff: Backoff
  /** Where what is to be paid goes by the rules of this process. It is that of this very state, and goes with it. */
  readonly line: PayLine
}

/** What is known of a batch of which nothing is, where payouts go by these rules. */
export const unknownBatch =
  (routes: Routes) =>
  (id: BatchId): Warm => ({
    ...emptyFold(id),
    compared: undefined,
    answered: new Set(),
    backoff: new Backoff(),
    line: new PayLine(routes),
  })

/** What a call tells the loop: a command, or that it is over, that the batch is lost, or that the call broke. */
export type Message =
  | { readonly _tag: "Answered"; readonly command: BatchCommand }
  | {
      readonly _tag: "Ended"
      readonly call: number
      readonly kind: Call["_tag"]
      readonly stalled: Stall | undefined
      /** Decisions that it found waiting: nothing was sent, and they come first. */
      readonly decisions: ReadonlyArray<RegisteredDecision>
    }
  | { readonly _tag: "Lost"; readonly failure: OwnershipLost }
  | { readonly _tag: "Broke"; readonly defect: unknown }

/** While it is alive its batch runs ahead of the log, up to the next append: `head` is that of the last one. */
export interface Activation extends BatchFold {
  readonly id: BatchId
  readonly lease: Lease
  readonly services: ActorServices
  readonly backoff: Backoff
  readonly line: PayLine
  readonly messages: MessageQueue<Message>
  readonly calls: FiberSet.FiberSet
  /** Items in a call under way, by the number of the call. */
  readonly busy: Map<number, number>
  /** Items whose intents were written here and for which places in channels are kept: no more than are transferring. */
  readonly places: Set<number>
  callsUnderWay: number
  callCount: number
  mailWaiting: boolean
  /** As of the last turn: nothing is sent on a clearance that is not good by them. */
  terms: ClearanceTerms
  /** In which epoch of the stores the log was last compared with what the registers know of it. */
  compared: string | undefined
  /** Decisions that the register told of, to be obeyed in the next turn. */
  readonly decisions: Array<RegisteredDecision>
  /** Ids of decisions that were answered here. Each was in the mailbox or the register, which have limits. */
  readonly answered: Set<string>
  /** Others may have acted since this worker last did: what the log says is under way was sent by someone else. */
  strange: boolean
}

/** Folds the log of a batch, or only its tail onto a warm state. */
export const load = Effect.fnUntraced(function* (lease: Lease, services: ActorServices) {
  const id = lease.owned.batch
  const warm = services.warm.take(id)
  const before = warm.batch.version
  yield* foldLog(services.store, id, warm)
  const strange = before === 0 || warm.batch.version > before
  const messages = yield* Effect.acquireRelease(
    Effect.sync(() => new MessageQueue<Message>()),
    (messages) => Effect.sync(() => services.messageQueues.delete(messages)),
  )
  services.messageQueues.add(messages)
  const actor: Activation = {
    ...warm,
    id,
    lease,
    services,
    messages,
    calls: yield* FiberSet.make(),
    decisions: [],
    busy: new Map(),
    places: new Set(),
    callsUnderWay: 0,
    callCount: 0,
    terms: "unknown",
    // A batch that was only received has no mail as a rule; if it has, its first append tells.
    mailWaiting: warm.batch.clearanceCount > 0,
    strange,
  }
  if (!mayPay(actor)) {
    yield* services.watch.look
    // While the register cannot be asked, all goes on but paying.
    yield* Effect.catchIf(compare(actor), isRegisterDown, () => Effect.void)
  }
  return actor
})

/** Whether money may move for a batch now: its log was compared, and the stores are what they were. */
export const mayPay = ({ id, compared, services: { partitions, watch } }: Activation): boolean =>
  compared === watch.epoch() && watch.objection(partitions.of(id)) === undefined

/** The registers do not answer: then nothing is paid, and all else goes on. The log itself is in the other store. */
export const isRegisterDown = (failure: { readonly _tag: string }): failure is StoreUnavailable =>
  failure instanceof StoreUnavailable && failure.store === "postgres"

/** Whether an intent to pay, or a transfer, is due. */
export const isMoneyDue = ({ batch: { tasks } }: Activation): boolean =>
  tasks.request.size > 0 || tasks.transfer.size > 0

/**
 * Compares the log with what the registers know of it, once in each epoch of the stores. A log that is shorter, or tells
 * another story, has lost what may have been acted on: the batch is not continued. Decisions that it has not answered are
 * taken up. Attempts of which it tells and that the register has forgotten are registered again.
 */
export const compare = Effect.fnUntraced(function* (actor: Activation) {
  const { id, batch, head, services } = actor
  const epoch = services.watch.epoch()
  const partition = services.partitions.of(id)
  const known = yield* services.instructions.standing(id, partition)
  const { tail } = known
  let { decisions } = known
  // The store may have gone back behind an actor that was alive, or warm, all the while.
  const now = { batch: id, version: batch.version, head }
  if (batch.version > 0 && !(yield* hasCome(actor, now))) return yield* movedOn(id)
  if (tail !== undefined && !(yield* hasCome(actor, tail))) {
    // A new owner has gone on where this one slept.
    if ((yield* services.store.read(id, batch.version, 1)).length > 0) return yield* movedOn(id)
    const reason = `the instruction register knows another log up to version ${tail.version}: history was lost`
    if (!known.isLossAccepted)
      return yield* new CorruptEntry({ batch: id, entry: `${tail.version}-0`, reason })
    yield* Effect.logWarning("goes on from what its log says now", { batch: id, version: batch.version })
    yield* services.instructions.rebase(now)
    ;({ decisions } = yield* services.instructions.standing(id, partition))
  }
  const attempts = attemptsReported(batch).map((attempt) => ({ batch: id, ...attempt }))
  const missing = attempts.length === 0 ? 0 : yield* services.instructions.restore(attempts, now)
  if (missing > 0) {
    ;(yield* Metrics).registerBehind.inc(missing)
    yield* Effect.logError("the instruction register had forgotten attempts: it is older than it was", {
      batch: id,
      attempts: missing,
    })
  }
  actor.decisions.push(...decisions)
  actor.compared = epoch
})

/** Whether the log has come as far as a tail, and by the same way. */
const hasCome = Effect.fnUntraced(function* (
  { id, batch, services }: Activation,
  { version, head }: LogTail,
) {
  if (version > batch.version) return false
  const [event] = yield* services.store.read(id, version - 1, 1)
  return event?.hash === head
})

const movedOn = (batch: BatchId) => new OwnershipLost({ batch, reason: "log-moved-on" })
