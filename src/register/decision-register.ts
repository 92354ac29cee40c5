import { Context, type Effect } from "effect"
import type { MailCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { LogTail } from "./log-tail.ts"

/** A decision about a batch, under the id of the command that it was told as. */
export interface RegisteredDecision {
  readonly batch: BatchId
  readonly id: string
  readonly command: MailCommand
}

/** One to be told again as it was told at first. */
export type OverdueDecision = RegisteredDecision & { readonly digest: string }

/** A batch about which there are decisions, and how far its log had come at the last answer to one, if any has it. */
export interface Decided {
  readonly batch: BatchId
  readonly answered: LogTail | undefined
}

/**
 * The second record of decisions that are acknowledged to those who take them: written before the batch is told and
 * before anybody hears that it was. A worker that is about to pay asks for those that its log has not answered, so a
 * decision that the log has forgotten is taken again before money moves.
 */
export class DecisionRegister extends Context.Service<
  DecisionRegister,
  {
    /**
     * Keeps a decision, and how far the log had come on which it was taken, where that is known. Kept again it changes
     * nothing; "differs" means that the id stands for another one, by its digest.
     */
    readonly keep: (
      decision: RegisteredDecision & { readonly digest: string },
      takenOn: LogTail | undefined,
    ) => Effect.Effect<"kept" | "differs", StoreUnavailable>
    /**
     * Takes back that a decision was kept, by one of those who kept it and told nobody. It is gone when the last of them
     * has; one that a log has answered stays.
     */
    readonly drop: (batch: BatchId, id: string) => Effect.Effect<void, StoreUnavailable>
    /**
     * Notes that somebody has accepted, for a reason, that the logs of a partition lost history: they no longer have to
     * match what was noted of them before, and what they forgot is decided again.
     */
    readonly acceptLoss: (
      partition: number,
      by: string,
      reason: string,
    ) => Effect.Effect<void, StoreUnavailable>
    /**
     * Notes that a log has answered decisions, and how far it had come then: a log without that has lost history. Does
     * not wait: what could not be noted is answered a second time, which changes nothing.
     */
    readonly answered: (tail: LogTail, ids: ReadonlyArray<string>) => Effect.Effect<void>
    /**
     * Decisions that no log has answered for `idleMs`, at most `limit`, in the order in which they were kept. Each is due
     * again when it has waited twice as long, or after an hour; whoever else asks meanwhile gets others.
     */
    readonly overdue: (
      idleMs: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<OverdueDecision>, StoreUnavailable>
    /** Batches after one ("" is the first), in order, about which there are decisions; at most `limit`. */
    readonly decided: (
      after: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<Decided>, StoreUnavailable>
    /** All decisions about batches are to be taken again, and are overdue: their logs have lost the answers. */
    readonly recall: (batches: ReadonlyArray<BatchId>) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/register/DecisionRegister") {}
