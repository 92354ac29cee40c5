/**
 * What PayPal's statuses of payout batches and items, and its webhooks, say about an order. The statuses are those of the Payouts
 * API v1 (`transaction_enum`, `batch_enum`), the webhooks those of https://developer.paypal.com/api/rest/webhooks/event-names.
 * docs/providers/paypal.md is the same as a table.
 */
import { codedReason } from "../../../domain/coded-reason.ts"
import type { OrderReport } from "../orders/order-reports.ts"

/**
 * `open`: it may still end either way. `parked`: the API does not say whether it may still be paid, so a person finds out. `returned`:
 * the money is back, whether it had reached the recipient or nobody claimed it.
 */
type ItemMeaning = "open" | "settled" | "failed" | "returned" | "parked"

export const itemStatuses = {
  PENDING: "open",
  /** Nobody has claimed it; PayPal returns it after 30 days. */
  UNCLAIMED: "open",
  ONHOLD: "open",
  SUCCESS: "settled",
  FAILED: "failed",
  BLOCKED: "parked",
  RETURNED: "returned",
  REFUNDED: "returned",
  REVERSED: "returned",
} as const satisfies Record<string, ItemMeaning>
export type ItemStatus = keyof typeof itemStatuses

/**
 * What the status of a payout batch says about an item that has not ended: `none` if the item speaks for itself. A payout batch is
 * cancelled on PayPal's pages only, by a person, who knows why.
 */
export const batchStatuses = {
  PENDING: "none",
  PROCESSING: "none",
  SUCCESS: "none",
  DENIED: "failed",
  CANCELED: "parked",
} as const satisfies Record<string, ItemMeaning | "none">
export type BatchStatus = keyof typeof batchStatuses

/** Whether nothing will be added to the items of a payout batch any more. */
export const hasEnded = (status: BatchStatus): boolean =>
  status === "SUCCESS" || status === "DENIED" || status === "CANCELED"

/** What webhooks say of an item. What is not final is left to the inquiry, and so is what is parked. */
export const webhookEvents = {
  "PAYMENT.PAYOUTS-ITEM.SUCCEEDED": "SUCCESS",
  "PAYMENT.PAYOUTS-ITEM.FAILED": "FAILED",
  /** The item was denied: it was not paid. */
  "PAYMENT.PAYOUTS-ITEM.DENIED": "FAILED",
  "PAYMENT.PAYOUTS-ITEM.RETURNED": "RETURNED",
  /** An unclaimed item was cancelled: the money is back. */
  "PAYMENT.PAYOUTS-ITEM.CANCELED": "RETURNED",
  "PAYMENT.PAYOUTS-ITEM.REFUNDED": "REFUNDED",
  "PAYMENT.PAYOUTS-ITEM.BLOCKED": undefined,
  "PAYMENT.PAYOUTS-ITEM.HELD": undefined,
  "PAYMENT.PAYOUTS-ITEM.UNCLAIMED": undefined,
  "PAYMENT.PAYOUTSBATCH.DENIED": undefined,
  "PAYMENT.PAYOUTSBATCH.PROCESSING": undefined,
  "PAYMENT.PAYOUTSBATCH.SUCCESS": undefined,
} as const satisfies Record<string, ItemStatus | undefined>
export type WebhookEvent = keyof typeof webhookEvents

/** The code under which a payout batch is refused that was denied without a reason for the item. */
const DENIED = "BATCH_DENIED"

/**
 * The report on an order whose item has a status in a payout batch with a status; nothing while it is open. `error` is the name of
 * the item's error. An item without a status has not been processed.
 */
export const reportBy = (
  item: ItemStatus | undefined,
  batch: BatchStatus,
  error: string | undefined,
): OrderReport | undefined => {
  const own = itemStatuses[item ?? "PENDING"]
  const meaning = own === "open" && item !== "UNCLAIMED" && item !== "ONHOLD" ? batchStatuses[batch] : own
  const codeOr = (other: string) => (error === undefined ? other : codedReason(error).code)
  switch (meaning) {
    case "none":
    case "open":
      return undefined
    case "settled":
      return { _tag: "Settled" }
    case "failed":
      return { _tag: "Failed", code: codeOr(item === "FAILED" ? "FAILED" : DENIED) }
    case "returned":
      return { _tag: "Returned", code: item === "RETURNED" ? codeOr("RETURNED") : (item ?? "RETURNED") }
    case "parked":
      return { _tag: "Refused", code: own === "parked" ? codeOr("BLOCKED") : `BATCH_${batch}` }
  }
}

/** Whether a status stays for ever. A payment may be reversed or refunded long after it succeeded. */
export const isFinalForEver = (item: ItemStatus | undefined): boolean => {
  const meaning = itemStatuses[item ?? "PENDING"]
  return meaning === "failed" || meaning === "returned"
}

export const isOpen = (item: ItemStatus | undefined): boolean => itemStatuses[item ?? "PENDING"] === "open"
