/** The ways in which the log, the ledger and the banks can differ about a day. */
import { createHash } from "node:crypto"
import type { Day } from "../domain/business-days.ts"

/** Each kind, with its meaning for people. It is published in events. */
export const discrepancyKinds = {
  "settled-not-paid": "settled in the log, and no statement of the bank that it went to shows the payment",
  "paid-not-settled": "a bank paid it, and the log does not say that it settled",
  "payment-unknown":
    "a bank paid under a reference that no log knows, that went to another bank, or under ids that do not agree with our orders",
  "amount-differs": "a bank moved another amount or currency than the log says",
  "paid-twice": "more than one payment for one item left the banks, and did not come back",
  "returned-not-in-log": "a bank took it back, and the log does not say that it came back",
  "return-not-on-statement": "returned in the log, and no bank statement shows the money",
  "settled-not-posted": "settled in the log, and the ledger has not posted it",
  "posted-not-settled": "posted in the ledger, and not requested by the log",
  "returned-not-reversed": "returned in the log, and the ledger has not reversed it",
  "reversed-not-returned": "reversed in the ledger, and not requested by the log",
  "posting-unknown": "held or released in the ledger, and not requested by the log",
  "ledger-amount-differs": "the ledger booked another amount or currency than the log says",
  "statement-not-used":
    "a part of a bank's statements or of other books cannot be used, and what is in it was not compared",
} as const
export type DiscrepancyKind = keyof typeof discrepancyKinds

/** One difference: `expected` is from the log, `found` from the other side. Unknown fields are left out. */
export interface Discrepancy {
  readonly kind: DiscrepancyKind
  readonly partner?: string
  readonly batch?: string
  readonly item?: number
  readonly bank?: string
  /** The transfer's reference, or the ledger's id of the posting. */
  readonly reference?: string
  readonly expected: string
  readonly found: string
}

/** The same id for the same difference of a day, however often it is found. */
export const discrepancyId = (day: Day, { kind, batch, item, bank, reference, found }: Discrepancy): string =>
  createHash("sha256")
    .update(JSON.stringify([day, kind, batch, item, bank, reference, found]))
    .digest("hex")
    .slice(0, 32)
