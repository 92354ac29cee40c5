import { Context, type Effect } from "effect"
import type { TransferKey } from "../domain/identifiers.ts"
import type { ProviderUnavailable } from "./provider-error.ts"

/**
 * The second, independent record of every attempt to pay, written before the bank is called. An attempt that the log
 * believes to be new and the register already holds means that the log has lost its tail: it must not be sent.
 */
export class InstructionRegister extends Context.Service<
  InstructionRegister,
  {
    /** Records attempts; returns those that were already there. */
    readonly record: (
      attempts: ReadonlyArray<TransferKey & { readonly bank: string; readonly reference: string }>,
    ) => Effect.Effect<ReadonlyArray<TransferKey>, ProviderUnavailable>
  }
>()("atlaspay/connectors/InstructionRegister") {}
