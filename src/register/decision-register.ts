import { Context, type Effect } from "effect"
import type { Actor, AuditedAct } from "../database/audit-entry.ts"
import type { MailCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { LogTail } from "./log-tail.ts"

/** A decision about a batch, under the id of its command. */
export interface RegisteredDecision {
  readonly batch: BatchId
  readonly id: string
  readonly command: MailCommand
}

/** What the audit trail keeps of a person's decision: who made it, and what it was about. */
export interface AuditedDecision extends AuditedAct {
  readonly by: Actor
}

/** A decision to be enqueued again, with the digest under which it was first enqueued. */
export type OverdueDecision = RegisteredDecision & { readonly digest: string }

/** A batch that has decisions, and the tail of its log at the last answered one; `undefined` if none is answered. */
export interface Decided {
  readonly batch: BatchId
  readonly answered: LogTail | undefined
}

/**
 * The second record of acknowledged decisions. A decision is written here before it is enqueued and before it is
 * acknowledged. A worker that is about to pay asks for the decisions that its log has not answered, so a decision that the
 * log has lost is applied again before money moves.
 */
export class DecisionRegister extends Context.Service<
  DecisionRegister,
  {
    /**
     * Keeps a decision, with the tail of the log that it was based on, if that is known. Keeping it again changes nothing.
     * "differs" means that the id was used for a decision with another digest. `audited` is added to the audit trail in the
     * same transaction, unless the decision was kept before.
     */
    readonly keep: (
      decision: RegisteredDecision & { readonly digest: string },
      takenOn: LogTail | undefined,
      audited?: AuditedDecision,
    ) => Effect.Effect<"kept" | "differs", StoreUnavailable>
    /**
     * Drops a decision that the caller kept and then did not enqueue. It is deleted once all who kept it have dropped it.
     * A decision that a log has answered stays. If `audited` was added when it was kept, the trail also shows that it was dropped.
     */
    readonly drop: (
      batch: BatchId,
      id: string,
      audited?: AuditedDecision,
    ) => Effect.Effect<void, StoreUnavailable>
    /**
     * Records that an operator accepted, for a reason, that the logs of a partition lost history. They no longer have to
     * match the tails that were recorded before, and the decisions that they lost are applied again.
     */
    readonly acceptLoss: (
      partition: number,
      by: string,
      reason: string,
    ) => Effect.Effect<void, StoreUnavailable>
    /**
     * Records that a log has answered decisions, and its tail then: a log without that tail has lost history. It does not
     * wait for the write. If the write fails, the decision is answered a second time, which changes nothing.
     */
    readonly answered: (tail: LogTail, ids: ReadonlyArray<string>) => Effect.Effect<void>
    /**
     * Decisions that no log has answered for `idleMs`, at most `limit`, in the order in which they were kept. Each is due
     * again after as long as it has waited so far, at most an hour. Other callers get other decisions meanwhile.
     */
    readonly overdue: (
      idleMs: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<OverdueDecision>, StoreUnavailable>
    /** Batches that have decisions, in order, after one ("" for the first page); at most `limit`. */
    readonly decided: (
      after: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<Decided>, StoreUnavailable>
    /** Makes all decisions about batches overdue, because their logs have lost the answers. */
    readonly recall: (batches: ReadonlyArray<BatchId>) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/register/DecisionRegister") {}
