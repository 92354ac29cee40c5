/**
 * What camt.052, camt.053 and camt.054 share: the booked entries of an account, transaction by transaction. An entry, or a
 * transaction in it, that cannot be read takes no other one with it.
 */

import type { StatedAmounts } from "../booked-amount.ts"
import { type Amount, all, amount, maybe, maybeDay, maybeText, text } from "./element.ts"
import { reasonsIn } from "./reason-code.ts"
import { amountOf, bookedIn, isMoreThan, withAmounts } from "./transaction-amount.ts"
import {
  batchIds,
  countAt,
  entryIds,
  paymentIdIn,
  servicerReferenceOf,
  transactionIds,
} from "./transfer-ids.ts"
import { hasOwnId, type TransferIds, type UnreadPart } from "./transfer-report.ts"
import { orUnread } from "./unread-part.ts"
import { type Element, unreadable } from "./xml-reader.ts"

/** What is the same for all transactions of an entry. */
interface Booking {
  readonly kind: "debit" | "credit"
  /** It reverses an earlier movement of the other kind. */
  readonly isReversal: boolean
  /** It is a charge, or interest, whatever transfer it names: neither settles nor returns it. */
  readonly isCharge: boolean
  /** The day on which it was booked; of its value if the bank gives no other. */
  readonly bookedOn: string | undefined
}

export interface Movement extends TransferIds, Booking, Amount {
  readonly amounts?: StatedAmounts
  /** The id of the payment that it was ordered in, which is also one of `fileIds`. */
  readonly paymentId?: string
  /** The code of the first reason that is mapped, else of the first, if the bank gives one for a reversal. */
  readonly reason: string | undefined
  readonly reasons: ReadonlyArray<string>
}

/** One booking of several transfers, without the amounts of each. */
export interface BatchBooking extends Booking, Amount {
  readonly fileIds: ReadonlyArray<string>
  /** With the reasons of each, if it came back. */
  readonly members: ReadonlyArray<TransferIds & Pick<Movement, "reason" | "reasons">>
  readonly count: number | undefined
}

export type EntryPart =
  | { readonly _tag: "Movement"; readonly movement: Movement }
  | { readonly _tag: "Batch"; readonly batch: BatchBooking }
  | { readonly _tag: "Unread"; readonly unread: UnreadPart; readonly bookedOn?: string }

/** The parts of an entry; none while it is not booked. `place` names the entry. */
export const partsIn = (entry: Element, place: string): ReadonlyArray<EntryPart> =>
  [
    orUnread(place, entry, () => {
      if (!isBooked(entry)) return []
      const booking = bookingOf(entry)
      const details = all(entry, "NtryDtls")
      if (details.every(isEmpty)) return [wholeOf(entry, booking)]
      const parts = details.flatMap((one, index) => {
        const at = details.length === 1 ? place : `${place} NtryDtls ${index + 1}`
        return [
          orUnread(at, one, () =>
            partsOfDetails({ entry, details: one, booking, isOnly: details.length === 1, at }),
          ),
        ].flat()
      })
      const total = orUnread(place, entry, () => amount(entry, "Amt"))
      return !("_tag" in total) && isMoreThan(total, booking.kind, parts.flatMap(movedIn))
        ? unreadable("Ntry/Amt", "less than its transactions")
        : parts
    }),
  ].flat()

const movedIn = (part: EntryPart): ReadonlyArray<Movement | BatchBooking> => {
  if (part._tag === "Unread") return []
  return [part._tag === "Movement" ? part.movement : part.batch]
}

/** Whether details name neither a transfer nor a file: all such of one entry are the entry itself, once. */
const isEmpty = (details: Element): boolean =>
  all(details, "TxDtls").length === 0 && batchIds(details).length === 0

/** ISO 20022's ExternalEntryStatus1Code: only BOOK is money that moved. */
const notBooked: ReadonlySet<string> = new Set(["PDNG", "INFO", "FUTR", "EXPD"])

const isBooked = (entry: Element): boolean => {
  const status = maybeText(entry, "Sts", "Cd") ?? maybeText(entry, "Sts", "Prtry") ?? maybeText(entry, "Sts")
  if (status === "BOOK") return true
  return status !== undefined && notBooked.has(status)
    ? false
    : unreadable("Ntry/Sts", "no status that is known")
}

const bookingOf = (entry: Element): Booking => ({
  kind: kindIn(entry),
  isReversal: isReversal(entry),
  isCharge: isChargeIn(entry),
  bookedOn: maybeDay(entry, "BookgDt") ?? maybeDay(entry, "ValDt"),
})

/** An entry without details: a movement that the bank's own id may identify. */
const wholeOf = (entry: Element, booking: Booking): EntryPart => ({
  _tag: "Movement",
  movement: {
    ...booking,
    ...amount(entry, "Amt"),
    ...entryIds(servicerReferenceOf(entry), []),
    ...withAmounts([entry]),
    reason: undefined,
    reasons: [],
  },
})

interface Details {
  readonly entry: Element
  readonly details: Element
  readonly booking: Booking
  /** The entry has no other details, so its amount is theirs. */
  readonly isOnly: boolean
  readonly at: string
}

const partsOfDetails = (from: Details): ReadonlyArray<EntryPart> => {
  const { details, booking, at } = from
  const files = batchIds(details)
  const count = countAt(details, "Btch", "NbOfTxs")
  const transactions = all(details, "TxDtls")
  if (transactions.length === 0)
    return files.length === 0
      ? namelessOf(from)
      : [batchOf({ ...booking, ...totalOf(from), fileIds: files, members: [], count })]
  const read = transactions.map((transaction, index) =>
    orUnread(transactions.length === 1 ? at : `${at} TxDtls ${index + 1}`, transaction, () =>
      transactionIn(from, transaction, { files, count, isSingle: transactions.length === 1 }),
    ),
  )
  const unread = read.filter((part) => "_tag" in part)
  const known = read.flatMap((part) => ("_tag" in part ? [] : [part]))
  const movements = known.flatMap(({ amount, ...movement }) =>
    amount === undefined ? [] : [{ ...movement, ...amount }],
  )
  const [ofFiles, named] = partition(
    movements,
    (movement) =>
      !hasOwnId(movement) && movement.servicerReference === undefined && movement.fileIds !== undefined,
  )
  const unpriced = known.filter(({ amount }) => amount === undefined)
  return [
    ...unread,
    ...named.map((movement) => ({ _tag: "Movement" as const, movement })),
    ...sumsByFile(ofFiles).map(batchOf),
    ...(unpriced.length === 0
      ? []
      : [
          orUnread(at, details, () =>
            restOf(from, unpriced, { movements, isWhole: unread.length === 0, files, count }),
          ),
        ].flat()),
  ]
}

/** Details that name nothing, beside others that do: the sum that they have is somebody's. */
const namelessOf = ({ details, booking }: Details): ReadonlyArray<EntryPart> => {
  if (maybe(details, "Btch", "TtlAmt") === undefined) return []
  const total = amount(details, "Btch", "TtlAmt")
  const movement = { ...booking, ...total, ...entryIds(undefined, []), reason: undefined, reasons: [] }
  return [{ _tag: "Movement", movement }]
}

const batchOf = (batch: BatchBooking): EntryPart => ({ _tag: "Batch", batch })

const partition = <A>(
  all: ReadonlyArray<A>,
  is: (one: A) => boolean,
): readonly [ReadonlyArray<A>, ReadonlyArray<A>] => [all.filter(is), all.filter((one) => !is(one))]

/** What details say of the transaction in them. */
interface FoundIn {
  readonly files: ReadonlyArray<string>
  readonly count: number | undefined
  readonly isSingle: boolean
}

type Transaction = Omit<Movement, keyof Amount> & { readonly amount: Amount | undefined }

const transactionIn = (
  { entry, isOnly, booking }: Details,
  transaction: Element,
  { files, count, isSingle }: FoundIn,
): Transaction => {
  const isWhole = isOnly && isSingle
  const { code, reasons } = reasonsIn(transaction, "RtrInf")
  const paymentId = paymentIdIn(transaction)
  return {
    bookedOn: booking.bookedOn,
    kind: maybe(transaction, "CdtDbtInd") === undefined ? booking.kind : kindIn(transaction),
    isReversal: booking.isReversal || isReversal(transaction),
    isCharge: isChargeIn(transaction) || (subFamilyOf(transaction) === undefined && booking.isCharge),
    ...transactionIds(transaction, { servicer: isWhole ? servicerReferenceOf(entry) : undefined, files }),
    ...(isWhole
      ? bookedIn(entry, transaction, (count ?? 1) > 1)
      : { amount: amountOf(transaction), ...withAmounts([transaction]) }),
    ...(paymentId === undefined ? {} : { paymentId }),
    reason: code,
    reasons,
  }
}

/** Transactions that are only known by the file that they were ordered in count together. */
const sumsByFile = (movements: ReadonlyArray<Movement>): ReadonlyArray<BatchBooking> =>
  [
    ...Map.groupBy(movements, ({ fileIds, currency, kind, isReversal, isCharge }) =>
      JSON.stringify([fileIds, currency, kind, isReversal, isCharge]),
    ).values(),
  ].flatMap(([first, ...others]) => {
    if (first === undefined) return []
    const { kind, isReversal, isCharge, bookedOn, currency, fileIds = [] } = first
    const minor = others.reduce((sum, { minor }) => sum + minor, first.minor)
    const sum = { currency, minor, fileIds, members: [], count: others.length + 1 }
    return [{ kind, isReversal, isCharge, bookedOn, ...sum }]
  })

/** What is left of the details' amount for those transactions that have none of their own. */
const restOf = (
  from: Details,
  unpriced: ReadonlyArray<Transaction>,
  others: {
    readonly movements: ReadonlyArray<Movement>
    readonly isWhole: boolean
    readonly files: ReadonlyArray<string>
    readonly count: number | undefined
  },
): ReadonlyArray<EntryPart> => {
  const total = totalOf(from)
  const { kind } = from.booking
  const isAlike =
    others.isWhole &&
    unpriced.every((one) => one.kind === kind && isSameAs(unpriced[0], one)) &&
    others.movements.every((one) => one.kind === kind && one.currency === total.currency)
  const minor = total.minor - others.movements.reduce((sum, { minor }) => sum + minor, 0n)
  if (!isAlike || minor < 0n) return unreadable("TxDtls/Amt", "missing")
  const [only, ...further] = unpriced
  const rest = { currency: total.currency, minor }
  if (only !== undefined && further.length === 0) {
    const { amount, ...movement } = only
    return [{ _tag: "Movement", movement: { ...movement, ...rest } }]
  }
  const members = unpriced.flatMap((one) =>
    hasOwnId(one) || one.servicerReference !== undefined ? [memberOf(one)] : [],
  )
  const fileIds = [...new Set([...unpriced.flatMap(({ fileIds = [] }) => fileIds), ...others.files])]
  const count = others.movements.length > 0 ? unpriced.length : (others.count ?? unpriced.length)
  const { isReversal, isCharge } = only ?? from.booking
  return [batchOf({ ...from.booking, isReversal, isCharge, ...rest, fileIds, members, count })]
}

const memberOf = ({
  reference,
  otherReferences,
  uetr,
  servicerReference,
  reason,
  reasons,
}: Transaction): BatchBooking["members"][number] => ({
  reference,
  reason,
  reasons,
  ...(otherReferences === undefined ? {} : { otherReferences }),
  ...(uetr === undefined ? {} : { uetr }),
  ...(servicerReference === undefined ? {} : { servicerReference }),
})

/** Whether a sum of both has one meaning. */
const isSameAs = (first: Transaction | undefined, { isReversal, isCharge }: Transaction): boolean =>
  first?.isReversal === isReversal && first.isCharge === isCharge

/** The amount of an entry's details: their total, or that of the entry if it has no others. */
const totalOf = ({ entry, details, isOnly }: Details): Amount => {
  if (maybe(details, "Btch", "TtlAmt") !== undefined) return amount(details, "Btch", "TtlAmt")
  return isOnly ? amount(entry, "Amt") : unreadable("NtryDtls/Btch/TtlAmt", "missing")
}

const kindIn = (element: Element): Booking["kind"] => {
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
  subFamilyOf(element) === "RRTN"

const subFamilyOf = (element: Element): string | undefined =>
  maybeText(element, "BkTxCd", "Domn", "Fmly", "SubFmlyCd")

/**
 * The charges, commissions, interest and taxes of ISO 20022's ExternalBankTransactionSubFamily1Code, which banks book for a
 * transfer under its ids.
 */
const charges: ReadonlySet<string> = new Set(["CHRG", "COMM", "COME", "COMI", "COMT", "FEES", "INTR", "TAXE"])

/**
 * The same in codes of other lists, for banks that have no other: charges, commissions and interest of SWIFT's MT940 (field 61,
 * subfield 6), and fees (808) of the German banks, "NCHG+808+00931" (DK, DFU agreement, annex 3, business transaction codes).
 */
const otherCharges = /^[NFS]?(?:CHG|COM|INT)(?![A-Za-z])|(?<![0-9])808(?![0-9])/

/** OTHR and NTAV say that the list has no code for it. */
const noSubFamily: ReadonlySet<string | undefined> = new Set([undefined, "OTHR", "NTAV"])

const isChargeIn = (element: Element): boolean => {
  const code = subFamilyOf(element)
  if (!noSubFamily.has(code)) return charges.has(code ?? "")
  const other = maybeText(element, "BkTxCd", "Prtry", "Cd")
  return other !== undefined && isChargeCode(other)
}

/** Whether a code of SWIFT or of a country's list, or several in one text, is that of a charge or interest. */
export const isChargeCode = (code: string): boolean => otherCharges.test(code)
