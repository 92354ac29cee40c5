/**
 * From due work to what came of it. A pipeline makes the calls that a plan asks for, a bounded number at a time, and
 * tells the commands that record the answers, in the order in which they arrive.
 */
import { Context, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Work } from "../domain/plan.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Banks } from "../providers/banks/bank.ts"
import type { ProviderUnavailable } from "../providers/calling/provider-error.ts"
import { ComplianceEngine } from "../providers/compliance/compliance-engine.ts"
import { Ledger } from "../providers/ledger/ledger.ts"
import type { RegisteredDecision } from "../register/decision-register.ts"
import { InstructionRegister } from "../register/instruction-register.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { PartnerKeys, type VaultUnavailable } from "../vault/partner-keys.ts"
import { inquiring } from "./inquiring.ts"
import { paying } from "./paying.ts"
import { posting } from "./posting.ts"
import { screening } from "./screening.ts"
import { withdrawing } from "./withdrawing.ts"

/** The work that calls others; the rest of a plan is decided on the spot. */
export type Call = Extract<Work, { readonly _tag: "Screen" | "Book" | "Transfer" | "Inquire" | "Withdraw" }>

/** Why a pipeline stopped before its work was done; what it already gave stands. */
export type Stalled = ProviderUnavailable | StoreUnavailable | VaultUnavailable

/** What a caller may act on: the hash of its log with all that the call is based on, and whether it owns the batch. */
export interface Mandate {
  readonly head: string
  /** Ids of decisions that the log has answered, of which the register may not know it yet. */
  readonly answered: ReadonlySet<string>
  /** Asked immediately before the transfer of an item is sent. */
  readonly mayCall: (item: number) => Effect.Effect<boolean>
}

/** Takes the command that records an answer. At most one comes for each item of a call, so nobody has to wait. */
export type Tell = (command: BatchCommand) => void

export class Pipelines extends Context.Service<
  Pipelines,
  {
    readonly routes: Banks["Service"]["routes"]
    /** When a bank may take calls again, in epoch milliseconds; not later than `now` while it takes some. */
    readonly heldUntil: Banks["Service"]["heldUntil"]
    /** For how many of `wanted` payouts an intent may be written: none where its transfer could not be sent. */
    readonly invite: Banks["Service"]["invite"]
    /**
     * Performs one call. Reads what it needs of the batch when it is called, not later: the batch goes on changing.
     * A failure means that the rest of this work is still due. Decisions that it gives come first: nothing was sent.
     *
     * An item for which `mayCall` says no is left without a word: the new owner finds it as transferring, and asks
     * the bank.
     */
    readonly perform: (
      id: BatchId,
      batch: Batch,
      call: Call,
      mandate: Mandate,
      tell: Tell,
    ) => Effect.Effect<ReadonlyArray<RegisteredDecision>, Stalled>
  }
>()("atlaspay/pipelines/Pipelines") {
  static readonly layer = Layer.effect(
    Pipelines,
    Effect.gen(function* () {
      const banks = yield* Banks
      const register = yield* InstructionRegister
      const pass = yield* CrashPoints
      const { providers, worker } = yield* AppConfig
      const { inquiryDelaysMs, clearanceDelaysMs, postingRetryDelaysMs } = providers
      // A call that its worker made before it lost the batch is over by then.
      const quarantineMs = banks.callMsMax + worker.claimMs
      const screen = screening({ engine: yield* ComplianceEngine, clearanceDelaysMs })
      const post = posting({ ledger: yield* Ledger, metrics: yield* Metrics, pass, postingRetryDelaysMs })
      const policy = { inquiryDelaysMs, quarantineMs, keyWindowMs: banks.keyWindowMs }
      const pay = paying({ banks, register, keys: yield* PartnerKeys, pass, ...policy })
      const inquire = inquiring({ banks, ...policy })
      const withdraw = withdrawing({ banks })
      return {
        routes: banks.routes,
        heldUntil: banks.heldUntil,
        invite: banks.invite,
        perform: (id, batch, call, mandate, tell) => {
          switch (call._tag) {
            case "Screen":
              return Effect.as(screen(id, batch, call, tell), [])
            case "Book":
              return Effect.as(post(id, batch, call, tell), [])
            case "Transfer":
              return pay(id, batch, call.items, mandate, tell)
            case "Inquire":
              return Effect.as(inquire(id, batch, call.items, tell), [])
            case "Withdraw":
              return Effect.as(withdraw(id, batch, call.items, tell), [])
          }
        },
      }
    }),
  )
}
