import { Clock, Effect } from "effect"
import type { Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Banks } from "../providers/banks/bank.ts"
import type { ProviderUnavailable } from "../providers/calling/provider-error.ts"
import { callBanks } from "./bank-calls.ts"
import { type DueTransfer, transfersOf } from "./batch-items.ts"
import type { Report } from "./call.ts"

/**
 * Withdraws orders that may not have been sent yet, and reports for each whether that worked. Withdrawing twice gives the
 * same answer, so a call that fails is simply repeated.
 */
export const withdrawing =
  ({ banks }: { readonly banks: Pick<Banks["Service"], "withdraw" | "concurrency"> }) =>
  (
    id: BatchId,
    batch: Batch,
    numbers: ReadonlyArray<number>,
    report: Report,
  ): Effect.Effect<void, ProviderUnavailable> => {
    const transfers = transfersOf(id, batch, numbers)
    return Effect.gen(function* () {
      let failure: ProviderUnavailable | undefined
      const withdraw = Effect.fnUntraced(
        function* ({ bank, reference, item, attempt }: DueTransfer) {
          const answer = yield* banks.withdraw(bank, reference)
          const outcome =
            answer === "withdrawn"
              ? ({ _tag: "Withdrawn" } as const)
              : ({ _tag: "NotWithdrawn", goingOut: answer === "going-out" } as const)
          const at = yield* Clock.currentTimeMillis
          report({ _tag: "RecordTransfer", at, item, attempt, outcome })
        },
        Effect.catchTag("ProviderUnavailable", (unavailable) =>
          Effect.sync(() => {
            failure = unavailable
          }),
        ),
      )
      yield* callBanks(transfers, banks.concurrency, withdraw)
      if (failure !== undefined) return yield* failure
    })
  }
