import { Context, type Effect } from "effect"
import type { BatchId, TransferKey } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { RegisteredDecision } from "./decision-register.ts"
import type { LogTail } from "./log-tail.ts"

/** An attempt to pay, and the bank that it goes to. */
export type RegisteredAttempt = TransferKey & { readonly bank: string }

/** The result of recording: attempts that were registered before, with their banks then. If there are decisions, nothing was
 * recorded. */
export interface Recorded {
  readonly registered: ReadonlyArray<RegisteredAttempt>
  readonly decisions: ReadonlyArray<RegisteredDecision>
}

/** What the register knows about a batch, independently of its log. */
export interface Standing {
  /** The furthest tail of the log at any record. A log without it has lost history. */
  readonly tail: LogTail | undefined
  /** Whether an operator has accepted a loss of history since that record. */
  readonly isLossAccepted: boolean
  /** Decisions that no log has answered, the oldest first. */
  readonly decisions: ReadonlyArray<RegisteredDecision>
}

/**
 * The second, independent record of every attempt to pay, written before the bank is called. If the log has an attempt as
 * new and the register already has it, the log has lost its tail, and the attempt must not be sent.
 */
export class InstructionRegister extends Context.Service<
  InstructionRegister,
  {
    /**
     * Records attempts of one batch, and the tail of the log that contains them, unless a decision about the batch waits that
     * is not among those that the log has `answered`.
     */
    readonly record: (
      attempts: ReadonlyArray<RegisteredAttempt>,
      tail: LogTail,
      answered: ReadonlySet<string>,
    ) => Effect.Effect<Recorded, StoreUnavailable>
    /** What is known about a batch of a partition. */
    readonly standing: (batch: BatchId, partition: number) => Effect.Effect<Standing, StoreUnavailable>
    /** Accepts a log that has lost its recorded tail. All decisions about its batch wait to be applied again. */
    readonly rebase: (tail: LogTail) => Effect.Effect<void, StoreUnavailable>
    /**
     * Records attempts again that a bank has reported on: they were recorded before they were sent. Returns how many were
     * missing. If any was, the register was set back, and the log's tail is recorded as well.
     */
    readonly restore: (
      attempts: ReadonlyArray<RegisteredAttempt>,
      tail: LogTail,
    ) => Effect.Effect<number, StoreUnavailable>
  }
>()("atlaspay/register/InstructionRegister") {}
