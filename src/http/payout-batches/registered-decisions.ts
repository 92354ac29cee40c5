/** Registers decisions in Postgres and then enqueues them, so that no store alone can lose what was acknowledged. */
import { Effect } from "effect"
import { isDecision, type MailCommand } from "../../domain/commands.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type AuditedDecision, DecisionRegister } from "../../register/decision-register.ts"
import { EventStore } from "../../streams/event-store.ts"
import { type CommandId, CommandIdReused, Mailbox } from "../../streams/mailbox.ts"

/** The version and hash of the log on which a decision was taken. */
interface TakenOn {
  readonly version: number
  readonly head: string
}

/**
 * Enqueues a command for a batch; a decision only after it is registered. While Postgres is down, decisions fail with
 * `StoreUnavailable`, and nothing is enqueued. The log that was read has to be replicated before the register compares it
 * with a later one. If the mailbox refuses the command, the register drops it. `audited` is what the audit trail keeps of it.
 */
export const tellRegistered = Effect.fn("tellRegistered")(function* (
  batch: BatchId,
  command: MailCommand,
  as: CommandId,
  takenOn?: TakenOn,
  audited?: AuditedDecision,
) {
  const mailbox = yield* Mailbox
  if (!isDecision(command)) return yield* mailbox.enqueue(batch, command, as)
  const decisions = yield* DecisionRegister
  if (takenOn !== undefined)
    yield* (yield* EventStore)
      .replicated(batch, takenOn.version, takenOn.head)
      .pipe(
        Effect.catchTag(
          "OwnershipLost",
          ({ reason }) => new StoreUnavailable({ store: "redis", step: "read", reason }),
        ),
      )
  const kept = yield* decisions.keep(
    { batch, id: as.id, digest: as.digest, command },
    takenOn && { batch, ...takenOn },
    audited,
  )
  if (kept === "differs") return yield* new CommandIdReused({ batch })
  const drop = () =>
    Effect.catch(decisions.drop(batch, as.id, audited), ({ step, reason }) =>
      Effect.logError("a refused decision could not be dropped and may still be applied", {
        batch,
        step,
        reason,
      }),
    )
  yield* mailbox
    .enqueue(batch, command, as)
    .pipe(Effect.tapErrorTag("MailboxFull", drop), Effect.tapErrorTag("NoSuchBatch", drop))
})
