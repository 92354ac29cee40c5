/** The state of an actor while it runs, and how it is loaded from the log. */
import { type Clock, Effect, Fiber, FiberSet } from "effect"
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
import type { InstructionRegister, Standing } from "../register/instruction-register.ts"
import type { LogTail } from "../register/log-tail.ts"
import { advance, type BatchFold, emptyFold, foldLog } from "../streams/batch-fold.ts"
import { CorruptEntry, type EventStore, type LoggedEvent } from "../streams/event-store.ts"
import type { FoldCache } from "../streams/fold-cache.ts"
import type { Mailbox } from "../streams/mailbox.ts"
import type { Partitions } from "../streams/partitions.ts"
import { OwnershipLost, type RunQueue } from "../streams/run-queue.ts"
import type { StoreWatch } from "../streams/store-watch.ts"
import type { StrayCallbacks } from "../streams/stray-callbacks.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { troubleIn } from "../traces/log-spans.ts"
import { Backoff, type Stall } from "./backoff.ts"
import type { BatchTraces } from "./batch-traces.ts"
import { BusyItems } from "./busy-items.ts"
import type { Lease } from "./lease.ts"
import { MessageQueue, type MessageQueues } from "./message-queue.ts"
import type { OutcomeReport } from "./outcome-report.ts"
import type { Pace } from "./pace.ts"

/** What the worker provides to each of its actors. */
export interface ActorServices {
  readonly clock: Clock.Clock
  readonly store: EventStore["Service"]
  readonly mailbox: Mailbox["Service"]
  readonly queue: RunQueue["Service"]
  readonly partitions: Partitions["Service"]
  readonly pipelines: Pipelines["Service"]
  readonly pass: (point: CrashPoint) => Effect.Effect<void>
  /** The states of batches at rest, as their last actor left them. */
  readonly warm: FoldCache<Warm>
  /** The message queues of running actors. */
  readonly messageQueues: MessageQueues<Message>
  readonly pace: Pace
  readonly strays: StrayCallbacks["Service"]
  /** Which clearances are valid now; unknown while the lists that were announced last cannot be read. */
  readonly clearanceTerms: Effect.Effect<ClearanceTerms>
  /** The same without a wait; `undefined` if the lists have to be read first. */
  readonly seenTerms: () => ClearanceTerms | undefined
  readonly instructions: InstructionRegister["Service"]
  readonly decisions: DecisionRegister["Service"]
  readonly watch: StoreWatch["Service"]
  /** Absent unless traces are recorded. */
  readonly traces: BatchTraces | undefined
  readonly isDraining: () => boolean
  /** The batch was released, and its banks have to report this many payouts; `undefined` if it is closed. */
  readonly released: (batch: BatchId, payouts: number | undefined) => void
  /** Counts what came of a turn, after its append. */
  readonly countOutcomes: OutcomeReport
  /** Whether this worker may still act for the batch. Checked before each call to a bank. */
  readonly isOwner: (lease: Lease) => boolean
  /** An id that no other append uses. */
  readonly nextCommandId: () => string
}

/** What an actor leaves behind for its next activation: the folded state, and the waits that its providers caused. */
export interface Warm extends BatchFold {
  /** The epoch of the stores in which the log was last compared with the registers. */
  readonly compared: string | undefined
  /** Ids of the decisions answered last. Their mail may arrive after the register has delivered them. */
  readonly answered: Set<string>
  readonly backoff: Backoff
  /** The items to be paid, in queues by the routing rules of this process. It belongs to this fold and moves with it. */
  readonly line: PayLine
  /** The log says somewhere that something went wrong. Only known while traces are recorded. */
  isTroubled: boolean
}

/** An empty state for a batch that was not loaded yet, with these routing rules. */
export const unknownBatch =
  (routes: Routes) =>
  (id: BatchId): Warm => ({
    ...emptyFold(id),
    compared: undefined,
    answered: new Set(),
    backoff: new Backoff(),
    line: new PayLine(routes),
    isTroubled: false,
  })

/** Folds the next event, and notes whether it says that something went wrong. */
const advanceTraced = (warm: Warm, recorded: LoggedEvent): void => {
  advance(warm, recorded)
  if (troubleIn(recorded.event) !== undefined) warm.isTroubled = true
}

/** A message from a call to the loop: a command to record an answer, the end of the call, a lost batch, or a defect. */
export type Message =
  | { readonly _tag: "Answered"; readonly command: BatchCommand }
  | {
      readonly _tag: "Ended"
      readonly call: number
      readonly kind: Call["_tag"]
      readonly stalled: Stall | undefined
      /** Decisions that the call found waiting. It sent nothing, and they are handled first. */
      readonly decisions: ReadonlyArray<RegisteredDecision>
    }
  | { readonly _tag: "Lost"; readonly failure: OwnershipLost }
  | { readonly _tag: "Broke"; readonly defect: unknown }

/** A running actor. Its batch may be ahead of the log until the next append; `head` is that of the last append. */
export interface Activation extends BatchFold {
  readonly id: BatchId
  readonly partition: number
  readonly lease: Lease
  readonly services: ActorServices
  readonly backoff: Backoff
  readonly line: PayLine
  readonly messages: MessageQueue<Message>
  readonly calls: FiberSet.FiberSet
  /** Items in a call under way. */
  readonly busy: BusyItems
  /** Items whose intents were written here and whose places in channels are reserved; at most those transferring. */
  readonly places: Set<number>
  /** See {@link Warm}. */
  isTroubled: boolean
  callsUnderWay: number
  callCount: number
  mailWaiting: boolean
  /** As of the last turn. Nothing is sent on a clearance that is not valid by them. */
  terms: ClearanceTerms
  /** The epoch of the stores in which the log was last compared with the registers. */
  compared: string | undefined
  /** Decisions from the register, to be handled in the next turn. */
  readonly decisions: Array<RegisteredDecision>
  /** Ids of decisions that were answered here. Bounded, because each was in the mailbox or the register, which have limits. */
  readonly answered: Set<string>
  /** Another worker may have acted since this one last did, so it may have sent the transfers that the log has as under way. */
  takenOver: boolean
}

/** Folds the log of a batch, or only its tail onto a warm state. */
export const load = Effect.fnUntraced(function* (lease: Lease, services: ActorServices) {
  const id = lease.owned.batch
  const warm = services.warm.take(id)
  const before = warm.batch.version
  const partition = services.partitions.of(id)
  const asked = mayPay({ partition, compared: warm.compared, services })
    ? undefined
    : yield* Effect.andThen(services.watch.look, askRegister({ id, partition, services }, before === 0))
  yield* foldLog(services.store, id, warm, services.traces === undefined ? advance : advanceTraced)
  const takenOver = before === 0 || warm.batch.version > before
  const messages = yield* Effect.acquireRelease(
    Effect.sync(() => new MessageQueue<Message>(id)),
    (messages) => Effect.sync(() => services.messageQueues.delete(messages)),
  )
  services.messageQueues.add(messages)
  const actor: Activation = {
    ...warm,
    id,
    partition,
    lease,
    services,
    messages,
    calls: yield* FiberSet.make(),
    decisions: [],
    busy: new BusyItems(),
    places: new Set(),
    callsUnderWay: 0,
    callCount: 0,
    terms: "unknown",
    // A batch on which no work has begun rarely has mail. If it has, its first append reports that, or the look into the mail of all.
    mailWaiting: lease.owned.isNew !== true,
    takenOver,
  }
  if (asked !== undefined || !mayPay(actor))
    // While the register does not answer, everything continues except paying.
    yield* Effect.catchIf(compare(actor, asked), isRegisterDown, () => Effect.void)
  return actor
})

/** A question to the registers about a batch. */
interface Asked {
  /** The epoch of the stores in which they were asked. */
  readonly epoch: string
  readonly answer: Effect.Effect<Standing, StoreUnavailable>
  /** Whether the whole log was read since. Then it need not be read again to show that it is still there. */
  readonly isReadSince: boolean
}

/** Asks at once and in the background, so that the log is read while Postgres answers, and one wake-up may serve both. */
const askRegister = Effect.fnUntraced(function* (
  { id, partition, services }: Pick<Activation, "id" | "partition" | "services">,
  isReadSince: boolean,
) {
  const epoch = services.watch.epoch()
  const standing = services.instructions.standing(id, partition)
  const asking = yield* Effect.forkChild(standing, { startImmediately: true })
  const asked: Asked = { epoch, answer: Fiber.join(asking), isReadSince }
  return asked
})

/** Whether money may move for a batch now: its log was compared with the registers, and no store was set back since. */
export const mayPay = ({
  partition,
  compared,
  services: { watch },
}: Pick<Activation, "partition" | "compared" | "services">): boolean =>
  compared === watch.epoch() && watch.objection(partition) === undefined

/** Whether a failure means that the registers do not answer. Then nothing is paid, and all else continues: the log is in
 * the other store. */
export const isRegisterDown = (failure: { readonly _tag: string }): failure is StoreUnavailable =>
  failure instanceof StoreUnavailable && failure.store === "postgres"

/** Whether an intent to pay, or a transfer, is due. */
export const isMoneyDue = ({ batch: { tasks } }: Activation): boolean =>
  tasks.request.size > 0 || tasks.transfer.size > 0

/**
 * Compares the log with the registers, once in each epoch of the stores. If the log is shorter than the register's, or a
 * different one, it has lost events that may have been acted on, and the batch is not continued (`CorruptEntry`), unless an
 * operator has accepted the loss. Decisions that the log has not answered are taken over from the register. Attempts in the
 * log that the register has forgotten are registered again.
 */
export const compare = Effect.fnUntraced(function* (actor: Activation, before?: Asked) {
  const { id, partition, batch, head, services } = actor
  const { epoch, answer, isReadSince } = before ?? (yield* askRegister({ id, partition, services }, false))
  const known = yield* answer
  const { tail } = known
  let { decisions } = known
  // The store may have been set back while this actor was running or warm.
  const now = { batch: id, version: batch.version, head }
  if (!isReadSince && batch.version > 0 && !(yield* hasCome(actor, now))) return yield* movedOn(id)
  if (tail !== undefined && !(yield* hasCome(actor, tail))) {
    // A new owner has continued the log while this one slept.
    if ((yield* services.store.read(id, batch.version, 1)).length > 0) return yield* movedOn(id)
    const reason = `the instruction register knows another log up to version ${tail.version}: history was lost`
    if (!known.isLossAccepted)
      return yield* new CorruptEntry({ batch: id, entry: `${tail.version}-0`, reason })
    yield* Effect.logWarning("batch continues from its log: the loss of history was accepted", {
      batch: id,
      version: batch.version,
    })
    yield* services.instructions.rebase(now)
    ;({ decisions } = yield* services.instructions.standing(id, partition))
  }
  const attempts = attemptsReported(batch).map((attempt) => ({ batch: id, ...attempt }))
  const missing = attempts.length === 0 ? 0 : yield* services.instructions.restore(attempts, now)
  if (missing > 0) {
    ;(yield* Metrics).registerBehind.inc(missing)
    yield* Effect.logError("the instruction register had forgotten attempts: it was set back", {
      batch: id,
      attempts: missing,
    })
  }
  actor.decisions.push(...decisions)
  actor.compared = epoch
})

/** Whether the log contains a tail: it is at least as long, and has the same hash at that version. */
const hasCome = Effect.fnUntraced(function* (
  { id, batch, services }: Activation,
  { version, head }: LogTail,
) {
  if (version > batch.version) return false
  const [event] = yield* services.store.read(id, version - 1, 1)
  return event?.hash === head
})

const movedOn = (batch: BatchId) => new OwnershipLost({ batch, reason: "log-moved-on" })
