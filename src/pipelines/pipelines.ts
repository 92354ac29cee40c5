/**
 * Pipelines make the calls that a plan requests, a bounded number at a time, and report the commands that record the
 * answers, in the order in which the answers arrive.
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
import type { Call, Mandate, Report, Stalled } from "./call.ts"
import { inquiring } from "./inquiring.ts"
import { paying } from "./paying.ts"
import { posting } from "./posting.ts"
import { screening } from "./screening.ts"
import { withdrawing } from "./withdrawing.ts"

export class Pipelines extends Context.Service<
  Pipelines,
  {
    readonly routes: Banks["Service"]["routes"]
    /** How many transfers and inquiries each bank takes now. */
    readonly capacities: Banks["Service"]["capacities"]
    /** For how many of `wanted` payouts an intent may be written now. A channel grants no more than it can take. */
    readonly invite: Banks["Service"]["invite"]
    /**
     * Performs one call. It reads the batch when it is called and not later, because the batch keeps changing.
     * A failure means that the rest of this work is still due. If it returns decisions, nothing was sent, and the caller
     * handles them first.
     *
     * If `mayCall` denies an item, nothing is reported for it: the new owner finds it as transferring, and asks the bank.
     */
    readonly perform: (
      id: BatchId,
      batch: Batch,
      call: Call,
      mandate: Mandate,
      report: Report,
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
      // By then, any call that a worker made before it lost the batch has ended.
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
        perform: (id, batch, call, mandate, report) => {
          switch (call._tag) {
            case "Screen":
              return Effect.as(screen(id, batch, call, report), [])
            case "Book":
              return Effect.as(post(id, batch, call, report), [])
            case "Transfer":
              return pay(id, batch, call.items, mandate, report)
            case "Inquire":
              return Effect.as(inquire(id, batch, call.items, report), [])
            case "Withdraw":
              return Effect.as(withdraw(id, batch, call.items, report), [])
          }
        },
      }
    }),
  )
}
