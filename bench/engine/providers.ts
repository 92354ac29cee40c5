/** The providers of the engine benchmark: each call takes its time in this process, and succeeds. */
import { Effect, Layer } from "effect"
import { noCapacities } from "../../src/domain/bank-capacity.ts"
import { type BankAnswer, Banks, type NotSent } from "../../src/providers/banks/bank.ts"
import { ComplianceEngine } from "../../src/providers/compliance/compliance-engine.ts"
import { Ledger } from "../../src/providers/ledger/ledger.ts"

const destination = { bank: "north", route: { rule: "all", version: "test" } }

/** The number of calls that were really made, so that a run which did not do its work fails. */
export interface Calls {
  clearances: number
  transfers: number
  inquiries: number
  postings: number
}

export const noCalls = (): Calls => ({ clearances: 0, transfers: 0, inquiries: 0, postings: 0 })

/** A call that takes its time: a bare timer, as in the peers. */
const taking = (callMs: number): Effect.Effect<void> =>
  Effect.callback((resume) => void setTimeout(() => resume(Effect.void), callMs))

export interface ProviderOptions {
  /** How long each call takes. */
  readonly callMs: number
  /** After this many transfers the bank makes no more of them, and leaves callers without an answer. */
  readonly transfersMax?: number
}

/** Providers that take any number of calls at a time, and count them. To each inquiry the bank answers that it settled. */
export const providers = (
  { callMs, transfersMax = Number.POSITIVE_INFINITY }: ProviderOptions,
  calls: Calls,
) => {
  const settled: Effect.Effect<BankAnswer> = Effect.succeed({ _tag: "Settled" })
  const transfer = Effect.callback<BankAnswer>((resume) => {
    setTimeout(() => {
      if (calls.transfers >= transfersMax) return
      calls.transfers += 1
      resume(settled)
    }, callMs)
  })
  return Layer.mergeAll(
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
      keyWindowMs: () => Number.POSITIVE_INFINITY,
      routes: { version: "test", wayOf: () => ({ key: "all", destination: () => destination }) },
      concurrency: 10_000,
      callMsMax: 10_000,
      capacities: () => noCapacities,
      invite: (_bank, wanted) => wanted,
      withdraw: () => Effect.succeed("may-have-gone"),
      transfer: (_instruction, mayCall = Effect.succeed(true)) =>
        Effect.flatMap(
          mayCall,
          (may): Effect.Effect<BankAnswer | NotSent> =>
            may ? transfer : Effect.succeed({ _tag: "NotSent" }),
        ),
      inquire: () =>
        Effect.map(Effect.sleep(callMs), () => {
          calls.inquiries += 1
          return { _tag: "Settled" }
        }),
    }),
    Layer.succeed(Ledger, {
      post: ({ key }) =>
        Effect.map(taking(callMs), () => {
          calls.postings += 1
          return key
        }),
    }),
  )
}
