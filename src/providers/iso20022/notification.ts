/** camt.054: single movements of our account. A booked debit paid a transfer; a credit that takes one back returned it. */
import { UNSPECIFIED } from "../../domain/failure-codes.ts"
import { type Movement, movementsIn } from "./account-entry.ts"
import { all, one } from "./element.ts"
import type { Told, Word } from "./transfer-word.ts"
import type { Element } from "./xml-reader.ts"

export interface Notification {
  readonly _tag: "Notification"
  readonly named: ReadonlyArray<Told>
}

/** Reads a camt.054. */
export const notificationIn = (document: Element): Notification => ({
  _tag: "Notification",
  named: all(one(document, "BkToCstmrDbtCdtNtfctn"), "Ntfctn").flatMap(toldIn),
})

/** What the entries of a notification, or of a statement, tell of transfers. */
export const toldIn = (account: Element): ReadonlyArray<Told> =>
  all(account, "Ntry").flatMap(movementsIn).flatMap(toldBy)

/** What has no reference of its own is nobody's transfer. */
const toldBy = (movement: Movement): ReadonlyArray<Told> => {
  const { reference, currency, minor } = movement
  return reference === undefined ? [] : [{ reference, word: wordOf(movement), amount: { currency, minor } }]
}

const wordOf = ({ kind, isReversal, reason = UNSPECIFIED }: Movement): Word => {
  if (kind === "debit") return isReversal ? { _tag: "Unclear" } : { _tag: "Settled" }
  return isReversal ? { _tag: "Returned", code: reason } : { _tag: "Unclear" }
}
