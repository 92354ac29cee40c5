/** The port to the mailboxes: commands to a batch wait there until an append answers them. */
import { Context, type Effect, Schema } from "effect"
import type { MailCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The mailbox is full. The sender retries later. */
export class MailboxFull extends Schema.TaggedError<MailboxFull>()("MailboxFull", { batch: Schema.String }) {}

/** Another command was enqueued with this id before. */
export class CommandIdReused extends Schema.TaggedError<CommandIdReused>()("CommandIdReused", {
  batch: Schema.String,
}) {}

/** There is no log of that batch. */
export class NoSuchBatch extends Schema.TaggedError<NoSuchBatch>()("NoSuchBatch", { batch: Schema.String }) {}

/** Identifies a command. Enqueued again with the same id within `keptMs`, it adds nothing, whether it was handled or not. */
export interface CommandId {
  /** Unique within the batch. */
  readonly id: string
  /** The digest of the command. The same id with another digest is refused. */
  readonly digest: string
  /** How long the id is recognised. */
  readonly keptMs: number
}

export interface Mail {
  readonly id: string
  /** The id with which it was enqueued. Absent in mail of earlier releases. */
  readonly commandId?: string | undefined
  /** `undefined` if the entry cannot be read. Then it is dropped with an alarm, so that it does not block the batch. */
  readonly command: MailCommand | undefined
  readonly problem?: string
}

/** Each method is one atomic step. */
export class Mailbox extends Context.Service<
  Mailbox,
  {
    /**
     * Enqueues a command in the mailbox of a batch, and schedules the batch. Resolves once the command is on as many
     * replicas as are configured. A refused command does not use up its id.
     */
    readonly enqueue: (
      batch: BatchId,
      command: MailCommand,
      as: CommandId,
    ) => Effect.Effect<void, CommandIdReused | MailboxFull | NoSuchBatch | StoreUnavailable>
    /** Whether a command was enqueued with this id, and the id is still recognised. If so, it is replicated. */
    readonly wasEnqueued: (
      batch: BatchId,
      as: CommandId,
    ) => Effect.Effect<boolean, CommandIdReused | StoreUnavailable>
    /** At most `limit` waiting commands, in order. An append deletes those that it answers. */
    readonly mail: (batch: BatchId, limit: number) => Effect.Effect<ReadonlyArray<Mail>, StoreUnavailable>
    /** Those batches whose mailboxes have commands, or cannot be seen in time: who reads there finds out. */
    readonly withMail: (batches: ReadonlyArray<BatchId>) => Effect.Effect<ReadonlyArray<BatchId>>
  }
>()("atlaspay/streams/Mailbox") {}
