/** The port to the mailboxes: what a batch is told waits there until an append answers it. */
import { Context, type Effect, Schema } from "effect"
import type { MailCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The mailbox holds as many commands as it may: the sender tries again later. */
export class MailboxFull extends Schema.TaggedError<MailboxFull>()("MailboxFull", { batch: Schema.String }) {}

/** The id of a command stands for another command that was told before. */
export class CommandIdReused extends Schema.TaggedError<CommandIdReused>()("CommandIdReused", {
  batch: Schema.String,
}) {}

/** There is no log of that batch. */
export class NoSuchBatch extends Schema.TaggedError<NoSuchBatch>()("NoSuchBatch", { batch: Schema.String }) {}

/** What a command is told under: told again with the same id within `keptMs` it adds nothing, handled or not. */
export interface CommandId {
  /** Unique within the batch. */
  readonly id: string
  /** Of what was asked for. The same id with another digest is refused. */
  readonly digest: string
  readonly keptMs: number
}

export interface Mail {
  readonly id: string
  /** What it was told under; an earlier release did not say. */
  readonly told?: string | undefined
  /** `undefined` when the entry cannot be read; it is dropped with an alarm, so that it poisons nothing. */
  readonly command: MailCommand | undefined
  readonly problem?: string
}

/** Each method is one atomic step. */
export class Mailbox extends Context.Service<
  Mailbox,
  {
    /**
     * Puts a command in the mailbox of a batch and schedules it; it is replicated like a batch that was opened. A
     * command that was refused leaves its id unused.
     */
    readonly tell: (
      batch: BatchId,
      command: MailCommand,
      as: CommandId,
    ) => Effect.Effect<void, CommandIdReused | MailboxFull | NoSuchBatch | StoreUnavailable>
    /** Whether a command was told under this id and is still recognised; if so, it is replicated. */
    readonly wasTold: (
      batch: BatchId,
      as: CommandId,
    ) => Effect.Effect<boolean, CommandIdReused | StoreUnavailable>
    /** What waits, in order, at most `limit`; an append deletes what it answers. */
    readonly mail: (batch: BatchId, limit: number) => Effect.Effect<ReadonlyArray<Mail>, StoreUnavailable>
  }
>()("atlaspay/streams/Mailbox") {}
