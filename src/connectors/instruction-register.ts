import { Context, type Effect } from "effect"
import type { BatchId, TransferKey } from "../domain/identifiers.ts"
import type { ProviderUnavailable } from "./provider-error.ts"

/** How far a log had come: its version, and the hash of all events up to it. */
export interface LogTail {
  readonly batch: BatchId
  readonly version: number
  readonly head: string
}

/** An attempt to pay, and the bank that it goes to. */
export type RegisteredAttempt = TransferKey & { readonly bank: string }

/**
 * The second, independent record of every attempt to pay, written before the bank is called. An attempt that the log
 * believes to be new and the register already holds means that the log has lost its tail: it must not be sent.
 */
export class InstructionRegister extends Context.Service<
  InstructionRegister,
  {
    /** Records attempts of one batch, and the log that tells of them; returns those that were there, as they were. */
    readonly record: (
      attempts: ReadonlyArray<RegisteredAttempt>,
      tail: LogTail,
    ) => Effect.Effect<ReadonlyArray<RegisteredAttempt>, ProviderUnavailable>
    /** The furthest that a batch's log had come when attempts were recorded: a log without it has lost history. */
    readonly tailOf: (batch: BatchId) => Effect.Effect<LogTail | undefined, ProviderUnavailable>
  }
>()("atlaspay/connectors/InstructionRegister") {}
