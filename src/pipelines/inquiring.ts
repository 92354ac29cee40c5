import { Clock, Effect } from "effect"
import type { BankAnswer, Banks } from "../connectors/bank.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { callBanks } from "./bank-calls.ts"
import { type DueTransfer, transfersOf } from "./batch-items.ts"
import type { Tell } from "./pipelines.ts"
import { type InquiryPolicy, recordAnswer } from "./transfer-outcome.ts"

/** Asks the banks what became of open transfers. */
export const inquiring =
  (desk: InquiryPolicy & { readonly banks: Banks["Service"] }) =>
  (id: BatchId, batch: Batch, numbers: ReadonlyArray<number>, tell: Tell): Effect.Effect<void> =>
    callBanks(
      transfersOf(id, batch, numbers),
      desk.banks.concurrency,
      Effect.fnUntraced(function* (transfer) {
        const answer = yield* desk.banks.inquire(transfer.bank, transfer.reference)
        const now = yield* Clock.currentTimeMillis
        tell(recordAnswer(transfer, withoutQuotes(answer, transfer), "inquiry", now, desk))
      }),
    )

/** Here the account is sealed: an id that ends as it does may quote it, and is not worth the risk. */
const withoutQuotes = (answer: BankAnswer, { payout }: DueTransfer): BankAnswer => {
  const { lastFour } = payout.beneficiary.account
  return answer._tag === "Accepted" && lastFour !== "" && answer.transferId.includes(lastFour)
    ? { ...answer, transferId: "withheld" }
    : answer
}
