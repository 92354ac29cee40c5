import { Context, type Effect } from "effect"
import type { MailCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { LogTail } from "./log-tail.ts"
import type { RegisterUnavailable } from "./register-unavailable.ts"

/** A decision about a batch, under the id of the command that it was told as. */
export interface RegisteredDecision {
  readonly batch: BatchId
  readonly id: string
  readonly command: MailCommand
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
    ) => Effect.Effect<"kept" | "differs", RegisterUnavailable>
    /** Takes a decision back that nobody was told of; one that a log has answered stays. */
    readonly drop: (batch: BatchId, id: string) => Effect.Effect<void, RegisterUnavailable>
    /**
     * Notes that somebody has accepted, for a reason, that the logs of a partition lost history: what was noted of them
     * before is not held against them, and what they forgot is decided again.
     */
    readonly acceptLoss: (
      partition: number,
      by: string,
      reason: string,
    ) => Effect.Effect<void, RegisterUnavailable>
    /**
     * Notes that a log has answered decisions, and how far it had come then: a log without that has lost history. Does
     * not wait: what could not be noted is answered a second time, which changes nothing.
     */
    readonly answered: (tail: LogTail, ids: ReadonlyArray<string>) => Effect.Effect<void>
  }
>()("atlaspay/register/DecisionRegister") {}
