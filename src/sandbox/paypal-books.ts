/** The payout batches of the twin `paypal`: what its API shows of them, beside the books that all banks keep. */
import type { Transfer, TransferOrder } from "./bank-books.ts"
import type { BankLie } from "./lies.ts"
import { firstWords } from "./magic-beneficiaries.ts"

/** An item as the client sent it. */
export interface SentItem {
  readonly recipient_type: string
  readonly receiver: string
  readonly amount: { readonly currency: string; readonly value: string }
  readonly sender_item_id: string
  readonly note?: string
}

/** A payout batch as the journal has it. */
export interface PayoutBatch {
  readonly type: "payout-batch"
  readonly at: string
  readonly payoutBatchId: string
  readonly senderBatchId: string
  readonly header: object
  readonly items: ReadonlyArray<{ readonly item: SentItem; readonly lie?: BankLie }>
}

/** What becomes of an item by the name in its receiver, where that is nothing that other banks do. */
const fates: Readonly<Record<string, "UNCLAIMED" | "ONHOLD" | "BLOCKED" | "left-out">> = {
  "una unclaimed": "UNCLAIMED",
  "onno onhold": "ONHOLD",
  "bela blocked": "BLOCKED",
  "mia missing": "left-out",
}

/** "ivo.insufficient@example.com" is Ivo Insufficient; other receivers have no name. */
export const nameIn = ({ receiver }: Pick<SentItem, "receiver">): string =>
  (receiver.split("@")[0] ?? "").replaceAll(/[._]+/g, " ").trim() || "nobody"

export const fateOf = (name: string) => fates[firstWords(name)]

/** The order of an item, as the books have it. */
export const orderOf = (item: SentItem): TransferOrder => ({
  reference: item.sender_item_id,
  amount: item.amount,
  beneficiary: { name: nameIn(item), account: { number: item.receiver } },
  ...(item.note !== undefined && { remittance: item.note }),
})

export const itemIdOf = ({ payoutBatchId }: PayoutBatch, index: number): string => `${payoutBatchId}I${index}`

/** The code of an item that its sender cancelled. */
export const CANCELLED = "CANCELLED"

/** The status of an item: true, unless there is a false report about it. */
const statusOf = ({ status, code, magic, lie, order }: Transfer) => {
  switch (status) {
    case "accepted":
      if (lie !== undefined) return "FAILED"
      return fateOf(order.beneficiary.name) ?? (magic === "slow" ? "UNCLAIMED" : "PENDING")
    case "settled":
      return "SUCCESS"
    case "returned":
      return "REVERSED"
    case "rejected":
      return code === CANCELLED ? "RETURNED" : "FAILED"
  }
}

const reasons: Readonly<Record<string, string>> = {
  UNCLAIMED: "RECEIVER_UNREGISTERED",
  BLOCKED: "REGULATORY_BLOCKED",
}

export const isPending = (transfer: Transfer): boolean => statusOf(transfer) === "PENDING"

/** An item as the API shows it; `base` is the address of the API. */
export const shownItem = (base: string, batch: PayoutBatch, item: SentItem, transfer: Transfer) => {
  const status = statusOf(transfer)
  const error = transfer.lie !== undefined && status === "FAILED" ? transfer.lie.code : transfer.code
  const name = status === "FAILED" ? error : reasons[status]
  const href = `${base}/v1/payments/payouts-item/${transfer.transferId}`
  return {
    payout_item_id: transfer.transferId,
    transaction_status: status,
    payout_batch_id: batch.payoutBatchId,
    payout_item_fee: { currency: item.amount.currency, value: "0.00" },
    payout_item: { ...item, recipient_wallet: "PAYPAL" },
    time_processed: transfer.at,
    ...(name !== undefined && { errors: { name, message: "The payout was not completed.", debug_id: "d0" } }),
    links: [{ href, rel: "item", method: "GET" }],
  }
}
