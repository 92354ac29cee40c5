/** The outside world of the engine benchmark: each call takes its time in this process, and answers well. */
import { Effect, Layer } from "effect"
import { type BankAnswer, Banks, type NotSent } from "../../src/connectors/bank.ts"
import { ComplianceEngine } from "../../src/connectors/compliance-engine.ts"
import { Ledger } from "../../src/connectors/ledger.ts"

/** What was really called, so that a run which did not do its work cannot pass. */
export interface Calls {
  clearances: number
  transfers: number
  postings: number
}

/** A call that takes its time: a bare timer, as the peers have it. */
const taking = (callMs: number): Effect.Effect<void> =>
  Effect.callback((resume) => void setTimeout(() => resume(Effect.void), callMs))

/** Providers that take `callMs` for each call, any number at a time, and count. */
export const providers = (callMs: number, calls: Calls) =>
  Layer.mergeAll(
    Layer.succeed(ComplianceEngine, {
      screen: ({ clearanceId, items }) =>
        taking(callMs).pipe(
          Effect.map(() => {
            calls.clearances += 1
            const decisions = items.map(({ item }) => ({ item, decision: "approved" as const }))
            return { clearanceId, listVersion: "bench", decisions }
          }),
        ),
    }),
    Layer.succeed(Banks, {
      route: () => "north",
      concurrency: 10_000,
      transfer: (_instruction, mayCall = Effect.succeed(true)) =>
        Effect.flatMap(
          mayCall,
          (may): Effect.Effect<BankAnswer | NotSent> =>
            may
              ? Effect.map(taking(callMs), () => {
                  calls.transfers += 1
                  return { _tag: "Settled" }
                })
              : Effect.succeed({ _tag: "NotSent" }),
        ),
      inquire: () => Effect.succeed({ _tag: "Ambiguous" as const, reason: "nobody asks here" }),
    }),
    Layer.succeed(Ledger, {
      post: ({ key }) =>
        Effect.map(taking(callMs), () => {
          calls.postings += 1
          return key
        }),
    }),
  )
