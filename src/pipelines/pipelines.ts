/**
 * From due work to what came of it. A pipeline makes the calls that a plan asks for, a bounded number at a time, and
 * tells the commands that record the answers, in the order in which they arrive.
 */
import { Context, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { Banks } from "../providers/banks/bank.ts"
import { ComplianceEngine } from "../providers/compliance/compliance-engine.ts"
import { Ledger } from "../providers/ledger/ledger.ts"
import type { RegisteredDecision } from "../register/decision-register.ts"
import { InstructionRegister } from "../register/instruction-register.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import type { Call, Mandate, Stalled, Tell } from "./call.ts"
import { inquiring } from "./inquiring.ts"
import { paying } from "./paying.ts"
import { posting } from "./posting.ts"
import { screening } from "./screening.ts"
import { withdrawing } from "./withdrawing.ts"

export class Pipelines extends Context.Service<
  Pipelines,
  {
    readonly routes: Banks["Service"]["routes"]
    /** What each bank takes now. */
    readonly capacities: Banks["Service"]["capacities"]
    /** Of how many of `wanted` payouts the intent may be written now; a channel grants no more than it can take. */
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
        capacities: banks.capacities,
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
