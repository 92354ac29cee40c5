/**
 * camt.054: single movements on our account. A booked debit settles a transfer; a booked credit that reverses it returns it.
 * camt.053 and camt.052 report movements of the whole account in the same way.
 */
import { UNSPECIFIED } from "../../domain/failure-codes.ts"
import { type BatchBooking, type EntryPart, type Movement, partsIn } from "./account-entry.ts"
import { isIbanLike } from "./account-number.ts"
import { all, maybeText, one } from "./element.ts"
import {
  type BatchReport,
  hasOwnId,
  type ReportedStatus,
  type ServicerEvidence,
  type TransferIds,
  type TransferReport,
  type UnreadPart,
} from "./transfer-report.ts"
import { orUnread, requireReadable } from "./unread-part.ts"
import { type Element, unreadable } from "./xml-reader.ts"

/** The reports in the entries of an account. */
export interface AccountReports {
  readonly named: ReadonlyArray<TransferReport>
  readonly batches?: ReadonlyArray<BatchReport>
  readonly unread?: ReadonlyArray<UnreadPart>
}

export interface Notification extends AccountReports {
  readonly _tag: "Notification"
}

/** Reads the reports in all parts of an account message: `path` are the names of its content and of a part of it. */
export const accountReportsIn = (
  document: Element,
  [content, name]: readonly [content: string, part: string],
): AccountReports => {
  const parts = all(one(document, content), name)
  if (parts.length === 0) return unreadable(`${content}/${name}`, "missing")
  return reportsOfAccounts(parts.map((part, index) => readPart(part, `${name} ${index + 1}`)))
}

/** What a bank says of an account: the parts of its entries, and the account's IBAN if it names one. */
export interface AccountPart {
  readonly entries: ReadonlyArray<EntryPart>
  readonly iban: string | undefined
}

/** The reports in what a bank says of accounts, whatever the form of its file. */
export const reportsOfAccounts = (read: ReadonlyArray<AccountPart>): AccountReports => {
  const entries = read.flatMap(({ entries }) => entries)
  const unread = entries.flatMap((part) => (part._tag === "Unread" ? [part.unread] : []))
  requireReadable(entries.length - unread.length, unread)
  const batches = read.flatMap(({ entries, iban }) =>
    entries.flatMap((part) => (part._tag === "Batch" ? [batchReportOf(part.batch, iban)] : [])),
  )
  return {
    named: read.flatMap(({ entries, iban }) => {
      const movements = entries.flatMap((part) => (part._tag === "Movement" ? [part.movement] : []))
      const repeated = repeatedIn(movements)
      return movements.flatMap((movement) =>
        reportsOf(movement, evidenceOf({ ...movement, iban, isRepeated: repeated.has(keyOf(movement)) })),
      )
    }),
    ...(batches.length === 0 ? {} : { batches }),
    ...(unread.length === 0 ? {} : { unread }),
  }
}

/** The parts of the entries of a statement, a notification or an account report. `place` names it. */
export const entryPartsIn = (account: Element, place: string): ReadonlyArray<EntryPart> =>
  all(account, "Ntry").flatMap((entry, index) => partsIn(entry, `${place} Ntry ${index + 1}`))

const readPart = (part: Element, place: string): AccountPart => ({
  entries: entryPartsIn(part, place),
  iban: ibanIn(part),
})

/** The IBAN of an account, also where it stands among other numbers. An account that cannot be read is no evidence. */
const ibanIn = (part: Element): string | undefined => {
  const read = orUnread("", part, () => {
    const other = maybeText(part, "Acct", "Id", "Othr", "Id")
    return { iban: maybeText(part, "Acct", "Id", "IBAN") ?? (isIbanLike(other) ? other : undefined) }
  })
  return "iban" in read ? read.iban : undefined
}

/** The same for bookings that may be taken for each other. */
export const keyOf = ({ servicerReference, kind, isReversal, currency, minor }: Movement): string =>
  JSON.stringify([servicerReference, kind, isReversal, currency, String(minor)])

/** What several movements of one part have in common with each other, if the bank has one id for them. */
export const repeatedIn = (movements: ReadonlyArray<Movement>): ReadonlySet<string> => {
  const own = movements.filter(
    ({ servicerReference, isCharge }) => servicerReference !== undefined && !isCharge,
  )
  const alike = Map.groupBy(own, keyOf)
  return new Set([...alike].flatMap(([key, all]) => (all.length > 1 ? [key] : [])))
}

const evidenceOf = (
  from: TransferIds &
    Pick<BatchBooking, "bookedOn" | "kind" | "isReversal"> & {
      readonly iban: string | undefined
      readonly paymentId?: string
      readonly isRepeated?: boolean
    },
): { readonly evidence?: ServicerEvidence } => {
  const { bookedOn, iban, paymentId, isRepeated } = from
  const evidence = {
    ...(bookedOn === undefined ? {} : { bookedOn }),
    ...(iban === undefined ? {} : { iban }),
    ...(paymentId === undefined ? {} : { paymentId }),
    ...(isRepeated === true ? { isRepeated } : {}),
  }
  const isNeeded = !hasOwnId(from) && from.servicerReference !== undefined
  if (isNeeded && Object.keys(evidence).length > 0) return { evidence }
  const isReturn = from.kind === "credit" && from.isReversal
  return isReturn && iban !== undefined ? { evidence: { iban } } : {}
}

/** A movement without any id is none of our transfers. */
const reportsOf = (
  movement: Movement,
  evidence: Pick<TransferReport, "evidence">,
): ReadonlyArray<TransferReport> => {
  const { reference, otherReferences, uetr, servicerReference, fileIds, currency, minor, amounts } = movement
  return !hasOwnId(movement) && servicerReference === undefined && fileIds === undefined
    ? []
    : [
        {
          reference,
          ...(otherReferences === undefined ? {} : { otherReferences }),
          ...(uetr === undefined ? {} : { uetr }),
          ...(servicerReference === undefined ? {} : { servicerReference }),
          ...(fileIds === undefined ? {} : { fileIds }),
          ...evidence,
          status: statusOf(movement),
          amount: { currency, minor },
          ...(amounts === undefined ? {} : { amounts }),
        },
      ]
}

const batchReportOf = (batch: BatchBooking, iban: string | undefined): BatchReport => {
  const { fileIds, members, count, currency, minor, bookedOn, kind, isReversal } = batch
  return {
    fileIds,
    members: members.map(({ reason, reasons, ...ids }) => ({
      ...ids,
      ...evidenceOf({ ...ids, bookedOn, kind, isReversal, iban }),
      ...(reason === undefined ? {} : { status: statusOf({ ...batch, reason, reasons }) }),
    })),
    ...(count === undefined ? {} : { count }),
    amount: { currency, minor },
    status: statusOf({ ...batch, reason: undefined, reasons: [] }),
  }
}

const statusOf = ({
  kind,
  isReversal,
  isCharge,
  reason = UNSPECIFIED,
  reasons,
}: Pick<Movement, "kind" | "isReversal" | "isCharge" | "reason" | "reasons">): ReportedStatus => {
  if (isCharge) return { _tag: "Unclear" }
  if (kind === "debit") return isReversal ? { _tag: "Unclear" } : { _tag: "Settled" }
  if (!isReversal) return { _tag: "Unclear" }
  return { _tag: "Returned", code: reason, ...(reasons.length === 0 ? {} : { reasons }) }
}
