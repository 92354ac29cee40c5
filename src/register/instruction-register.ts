import { Context, type Effect } from "effect"
import type { BatchId, TransferKey } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { RegisteredDecision } from "./decision-register.ts"
import type { LogTail } from "./log-tail.ts"

/** An attempt to pay, and the bank that it goes to. */
export type RegisteredAttempt = TransferKey & { readonly bank: string }

/** What recording found: attempts that were there, as they were; or decisions, and then nothing was recorded. */
export interface Recorded {
  readonly registered: ReadonlyArray<RegisteredAttempt>
  readonly decisions: ReadonlyArray<RegisteredDecision>
}

/** What the register knows of a batch beside its log. */
export interface Standing {
  /** The furthest that the log had come when something was recorded: a log without it has lost history. */
  readonly tail: LogTail | undefined
  /** Whether somebody has accepted a loss of history since that was recorded. */
  readonly isLossAccepted: boolean
  /** Decisions that no log has answered, the oldest first. */
  readonly decisions: ReadonlyArray<RegisteredDecision>
}

/**
 * The second, independent record of every attempt to pay, written before the bank is called. An attempt that the log
 * believes to be new and the register already holds means that the log has lost its tail: it must not be sent.
 */
export class InstructionRegister extends Context.Service<
  InstructionRegister,
  {
    /**
     * Records attempts of one batch, and the log that tells of them, unless a decision about the batch waits that is not
     * among those that its log has `answered`.
     */
    readonly record: (
      attempts: ReadonlyArray<RegisteredAttempt>,
      tail: LogTail,
      answered: ReadonlySet<string>,
    ) => Effect.Effect<Recorded, StoreUnavailable>
    readonly standing: (batch: BatchId, partition: number) => Effect.Effect<Standing, StoreUnavailable>
    /** Goes on from a log that has lost what was noted of it: all decisions about its batch wait to be taken again. */
    readonly rebase: (tail: LogTail) => Effect.Effect<void, StoreUnavailable>
    /**
     * Records attempts again of which the log has a bank's word: they were recorded before they were sent. Gives how many
     * were missing; if any was, the register is older than it was, and the log's tail is noted too.
     */
    readonly restore: (
      attempts: ReadonlyArray<RegisteredAttempt>,
      tail: LogTail,
    ) => Effect.Effect<number, StoreUnavailable>
  }
>()("atlaspay/register/InstructionRegister") {}
