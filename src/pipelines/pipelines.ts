/**
 * From due work to what came of it. A pipeline makes the calls that a plan asks for, a bounded number at a time, and
 * gives the commands that record the answers, in the order in which they arrive.
 */
import { Context, Effect, Layer, type Stream } from "effect"
import { AppConfig } from "../config.ts"
import { Banks } from "../connectors/bank.ts"
import { ComplianceEngine } from "../connectors/compliance-engine.ts"
import { InstructionRegister } from "../connectors/instruction-register.ts"
import { Ledger, type PostingRefused } from "../connectors/ledger.ts"
import type { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Work } from "../domain/plan.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import { inquiring } from "./inquiring.ts"
import { paying } from "./paying.ts"
import { posting } from "./posting.ts"
import { screening } from "./screening.ts"

/** The work that calls others; the rest of a plan is decided on the spot. */
export type Call = Extract<Work, { readonly _tag: "Screen" | "Book" | "Transfer" | "Inquire" }>

/** Why a pipeline stopped before its work was done; what it already gave stands. */
export type Stalled = ProviderUnavailable | PostingRefused

export class Pipelines extends Context.Service<
  Pipelines,
  {
    /** The bank that pays a currency. */
    readonly route: (currency: string) => string
    /**
     * Performs one call. Reads what it needs of the batch when it is called, not later: the batch goes on changing.
     * A failure means that the rest of this work is still due.
     *
     * `mayCall` says whether the caller still owns the batch. It is asked immediately before each transfer is sent;
     * an item for which it says no (by default it never does) is left without a word: the new owner finds it as
     * transferring, and asks the bank.
     */
    readonly perform: (
      id: BatchId,
      batch: Batch,
      call: Call,
      mayCall?: Effect.Effect<boolean>,
    ) => Stream.Stream<BatchCommand, Stalled>
  }
>()("atlaspay/pipelines/Pipelines") {
  static readonly layer = Layer.effect(
    Pipelines,
    Effect.gen(function* () {
      const banks = yield* Banks
      const register = yield* InstructionRegister
      const pass = yield* CrashPoints
      const { providers, worker } = yield* AppConfig
      const { inquiryDelaysMs, timeoutMs } = providers
      // A call that its worker made before it lost the batch is over by then.
      const quarantineMs = timeoutMs + worker.claimMs
      const screen = screening(yield* ComplianceEngine)
      const post = posting(yield* Ledger, pass)
      const pay = paying({ banks, register, keys: yield* PartnerKeys, pass, inquiryDelaysMs, quarantineMs })
      const inquire = inquiring({ banks, inquiryDelaysMs, quarantineMs })
      return {
        route: banks.route,
        perform: (id, batch, call, mayCall) => {
          switch (call._tag) {
            case "Screen":
              return screen(id, batch, call)
            case "Book":
              return post(id, batch, call)
            case "Transfer":
              return pay(id, batch, call.items, mayCall)
            case "Inquire":
              return inquire(id, batch, call.items)
          }
        },
      }
    }),
  )
}
