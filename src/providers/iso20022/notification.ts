/**
 * camt.054: single movements on our account. A booked debit settles a transfer; a booked credit that reverses it returns it.
 * camt.053 and camt.052 report movements of the whole account in the same way.
 */
import { UNSPECIFIED } from "../../domain/failure-codes.ts"
import { type BatchBooking, type EntryPart, type Movement, partsIn } from "./account-entry.ts"
import { all, one } from "./element.ts"
import {
  type BatchReport,
  hasOwnId,
  type ReportedStatus,
  type TransferReport,
  type UnreadPart,
} from "./transfer-report.ts"
import { requireReadable } from "./unread-part.ts"
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
  const entries = parts.flatMap((part, index) => entryPartsIn(part, `${name} ${index + 1}`))
  const unread = entries.flatMap((part) => (part._tag === "Unread" ? [part.unread] : []))
  requireReadable(entries.length - unread.length, unread)
  const batches = entries.flatMap((part) => (part._tag === "Batch" ? [batchReportOf(part.batch)] : []))
  return {
    named: entries.flatMap((part) => (part._tag === "Movement" ? reportsOf(part.movement) : [])),
    ...(batches.length === 0 ? {} : { batches }),
    ...(unread.length === 0 ? {} : { unread }),
  }
}

/** The parts of the entries of a statement, a notification or an account report. `place` names it. */
export const entryPartsIn = (account: Element, place: string): ReadonlyArray<EntryPart> =>
  all(account, "Ntry").flatMap((entry, index) => partsIn(entry, `${place} Ntry ${index + 1}`))

/** A movement without any id is none of our transfers. */
const reportsOf = (movement: Movement): ReadonlyArray<TransferReport> => {
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
          status: statusOf(movement),
          amount: { currency, minor },
          ...(amounts === undefined ? {} : { amounts }),
        },
      ]
}

const batchReportOf = (batch: BatchBooking): BatchReport => {
  const { fileIds, members, count, currency, minor } = batch
  return {
    fileIds,
    members: members.map(({ reason, reasons, ...ids }) => ({
      ...ids,
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
