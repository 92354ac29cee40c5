/** The part that camt.053 and camt.054 share: the booked entries of an account, transaction by transaction. */
import { type Amount, all, amount, maybe, maybeDay, maybeText, text } from "./element.ts"
import { reasonCode } from "./reason-code.ts"
import { type Element, unreadable } from "./xml-reader.ts"

export interface Movement extends Amount {
  /** The end-to-end reference; undefined for a movement without one. */
  readonly reference: string | undefined
  readonly kind: "debit" | "credit"
  /** It reverses an earlier movement of the other kind; with the reason if the bank gives one. */
  readonly isReversal: boolean
  readonly reason: string | undefined
  readonly bookedOn: string
}

/** The movements of an entry; none while it is not booked. */
export const movementsIn = (entry: Element): ReadonlyArray<Movement> => {
  if ((maybeText(entry, "Sts", "Cd") ?? maybeText(entry, "Sts")) !== "BOOK") return []
  const parts = all(entry, "NtryDtls").flatMap((details) => all(details, "TxDtls"))
  const bookedOn = maybeDay(entry, "BookgDt") ?? unreadable("Ntry/BookgDt", "missing")
  const ofEntry = { kind: kindIn(entry), isReversal: isReversal(entry), bookedOn }
  if (parts.length === 0)
    return [{ ...ofEntry, ...amount(entry, "Amt"), reference: undefined, reason: undefined }]
  return parts.map((part) => ({
    ...ofEntry,
    ...amountOf(part, parts.length === 1 ? entry : undefined),
    kind: maybe(part, "CdtDbtInd") === undefined ? ofEntry.kind : kindIn(part),
    isReversal: ofEntry.isReversal || isReversal(part),
    reference: referenceIn(part),
    reason: reasonCode(part, "RtrInf"),
  }))
}

const kindIn = (element: Element): Movement["kind"] => {
  switch (text(element, "CdtDbtInd")) {
    case "CRDT":
      return "credit"
    case "DBIT":
      return "debit"
    default:
      return unreadable(`${element.name}/CdtDbtInd`, "neither CRDT nor DBIT")
  }
}

const isReversal = (element: Element): boolean =>
  ["true", "1"].includes(maybeText(element, "RvslInd") ?? "") ||
  maybe(element, "RtrInf") !== undefined ||
  maybeText(element, "BkTxCd", "Domn", "Fmly", "SubFmlyCd") === "RRTN"

/** The amount of a transaction: at the place of newer versions, then at that of older ones, then of its entry. */
const amountOf = (part: Element, entry: Element | undefined): Amount => {
  if (maybe(part, "Amt") !== undefined) return amount(part, "Amt")
  if (maybe(part, "AmtDtls", "TxAmt") !== undefined) return amount(part, "AmtDtls", "TxAmt", "Amt")
  return entry === undefined ? unreadable("TxDtls/Amt", "missing") : amount(entry, "Amt")
}

const referenceIn = (part: Element): string | undefined => {
  const reference = maybeText(part, "Refs", "EndToEndId")
  return reference === "NOTPROVIDED" ? undefined : reference
}
