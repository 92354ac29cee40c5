import { Clock, Effect } from "effect"
import type { Batch } from "../domain/batch.ts"
import { meaningOf } from "../domain/failure-codes.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { withoutWallets } from "../domain/masking.ts"
import type { Banks } from "../providers/banks/bank.ts"
import { ProviderUnavailable } from "../providers/calling/provider-error.ts"
import { callBanks } from "./bank-calls.ts"
import { type DueTransfer, transfersOf } from "./batch-items.ts"
import type { Report } from "./call.ts"
import { type InquiryPolicy, recordAnswer, withoutQuotes } from "./transfer-outcome.ts"

/** Asks the banks for the outcome of open transfers. A bank that takes no inquiries now is asked later. */
export const inquiring =
  (services: InquiryPolicy & { readonly banks: Banks["Service"] }) =>
  (
    id: BatchId,
    batch: Batch,
    numbers: ReadonlyArray<number>,
    report: Report,
  ): Effect.Effect<void, ProviderUnavailable> => {
    const transfers = transfersOf(id, batch, numbers)
    return Effect.gen(function* () {
      const notAsked = new Set<string>()
      const ask = Effect.fnUntraced(function* (transfer: DueTransfer) {
        const askedAt = yield* Clock.currentTimeMillis
        const answer = yield* services.banks.inquire(transfer.bank, transfer.reference, {
          currency: transfer.payout.currency,
          minor: transfer.payout.minor,
        })
        if (answer._tag === "NotSent") return void notAsked.add(transfer.bank)
        const now = yield* Clock.currentTimeMillis
        report(
          recordAnswer(
            transfer,
            withoutQuotes(answer, quotesIn(transfer)),
            "inquiry",
            now,
            services,
            askedAt,
          ),
        )
      })
      yield* callBanks(transfers, services.banks.concurrency, ask)
      for (const provider of notAsked)
        return yield* new ProviderUnavailable({
          provider,
          reason: "takes no inquiries now",
          kind: "not-called",
        })
    })
  }

/**
 * The account is sealed here, so only its last four characters are known. An id or an unmapped code that contains them may
 * quote the account, and is withheld to be safe. So is one that looks like what a wallet is known by.
 */
const quotesIn = ({ payout }: DueTransfer) => {
  const { lastFour } = payout.beneficiary.account
  const quotes = (text: string) =>
    (lastFour !== "" && text.includes(lastFour)) || withoutWallets(text) !== text
  return { id: quotes, code: (code: string) => meaningOf(code) === undefined && quotes(code) }
}
