/**
 * What an entry of an account says of amounts beside the one that was booked: what was instructed, what the bank took for it,
 * and at which rate it exchanged (ISO 20022: AmtDtls, Chrgs, CcyXchg). A part of these that cannot be read explains nothing,
 * and spoils nothing.
 */
import type { StatedAmounts } from "../booked-amount.ts"
import { type Amount, all, amount, maybe, maybeText } from "./element.ts"
import { UnreadableFile } from "./unreadable-file.ts"
import type { Element } from "./xml-reader.ts"

/** `undefined` if the entry says nothing else of amounts. */
export const amountsIn = (elements: ReadonlyArray<Element>): StatedAmounts | undefined => {
  const instructed = elements.flatMap((element) =>
    ["InstdAmt", "TxAmt"].flatMap((name) => orNone(() => [amount(element, "AmtDtls", name, "Amt")])),
  )
  const charges = elements.flatMap(chargesIn)
  const rate = elements.map(rateIn).find((rate) => rate !== undefined)
  if (instructed.length === 0 && charges.length === 0 && rate === undefined) return undefined
  return { instructed, charges, ...(rate === undefined ? {} : { rate }) }
}

/**
 * Newer versions have a record for each charge, older ones the charge itself; a bank may give no more than their total. A credit
 * is a charge given back.
 */
const chargesIn = (element: Element): ReadonlyArray<Amount> =>
  all(element, "Chrgs")
    .flatMap(chargesOf)
    .filter(({ minor }) => minor > 0n)

const chargesOf = (charges: Element): ReadonlyArray<Amount> => {
  const single = maybe(charges, "Amt") === undefined ? all(charges, "Rcrd") : [charges]
  return single.length === 0
    ? orNone(() => [amount(charges, "TtlChrgsAndTaxAmt")])
    : single.flatMap((charge) =>
        orNone(() => (maybeText(charge, "CdtDbtInd") === "CRDT" ? [] : [amount(charge, "Amt")])),
      )
}

/** A decimal as ISO 20022's BaseOneRate, with no more digits than a rate has: it is shown as it is. */
const plainRate = /^[0-9]{1,7}(?:\.[0-9]{1,10})?$/

const rateIn = (element: Element): string | undefined => {
  const [rate] = ["InstdAmt", "TxAmt", "CntrValAmt"].flatMap((name) =>
    orNone(() => {
      const rate = maybeText(element, "AmtDtls", name, "CcyXchg", "XchgRate")
      return rate === undefined || !plainRate.test(rate) ? [] : [rate]
    }),
  )
  return rate
}

const orNone = <A>(read: () => ReadonlyArray<A>): ReadonlyArray<A> => {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnreadableFile) return []
    throw error
  }
}
