import { maybe, maybeText } from "./element.ts"
import type { TransferIds } from "./transfer-report.ts"
import type { Element } from "./xml-reader.ts"

/** What banks write where an id is required and they have none (EPC115-06; SWIFT's NONREF). */
const placeholder = /^(?:NOT ?PROVIDED|NONREF|N\/A)$/i

const idAt = (from: Element, ...path: ReadonlyArray<string>): string | undefined =>
  idIn(maybeText(from, ...path))

/** The id in a text; `undefined` for a placeholder. */
export const idIn = (text: string | undefined): string | undefined =>
  text === undefined || text === "" || placeholder.test(text) ? undefined : text

/** A UETR, of whose hexadecimal digits banks write some in upper case. */
const uetrAt = (from: Element, ...path: ReadonlyArray<string>): string | undefined =>
  idAt(from, ...path)?.toLowerCase()

const different = (ids: ReadonlyArray<string | undefined>): ReadonlyArray<string> => [
  ...new Set(ids.filter((id) => id !== undefined)),
]

export interface Ids {
  readonly own?: ReadonlyArray<string | undefined>
  readonly uetr?: string | undefined
  readonly servicerReference: string | undefined
  readonly files?: ReadonlyArray<string | undefined>
}

/** The ids of a transfer, from those that a bank names it by, the most exact first. */
export const idsOf = ({ own = [], uetr, servicerReference, files = [] }: Ids): TransferIds => {
  const [reference = "", ...otherReferences] = different(own)
  const fileIds = different(files)
  return {
    reference,
    ...(otherReferences.length === 0 ? {} : { otherReferences }),
    ...(uetr === undefined ? {} : { uetr }),
    ...(servicerReference === undefined ? {} : { servicerReference }),
    ...(fileIds.length === 0 ? {} : { fileIds }),
  }
}

/** Our files' message ids (0009-file-orders.sql): other ids are not looked up. */
const messageIdPattern = /^[A-Z]{3}-[a-z-]+-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{1,4}$/

/** Whether an id has the form of those that our files have. */
export const isFileId = (id: string): boolean => messageIdPattern.test(id)

/** The ids of a transaction in an entry of an account. `more` has those that hold for all transactions of the entry. */
export const transactionIds = (
  transaction: Element,
  more: { readonly servicer: string | undefined; readonly files: ReadonlyArray<string> },
): TransferIds => {
  const id = (name: string) => idAt(transaction, "Refs", name)
  return idsOf({
    own: [id("EndToEndId"), id("InstrId"), id("TxId")],
    uetr: uetrAt(transaction, "Refs", "UETR"),
    servicerReference: id("AcctSvcrRef") ?? more.servicer,
    files: [id("PmtInfId"), id("MsgId"), ...more.files],
  })
}

/** The id of the payment that a transaction in an entry was ordered in. */
export const paymentIdIn = (transaction: Element): string | undefined => idAt(transaction, "Refs", "PmtInfId")

/** The ids of an entry without transactions. */
export const entryIds = (servicerReference: string | undefined, files: ReadonlyArray<string>): TransferIds =>
  idsOf({ servicerReference, files })

/** The bank's id of an entry. */
export const servicerReferenceOf = (entry: Element): string | undefined => idAt(entry, "AcctSvcrRef")

/** The ids of the payments and messages whose transfers an entry is about. */
export const batchIds = (details: Element): ReadonlyArray<string> =>
  maybe(details, "Btch") === undefined
    ? []
    : different([idAt(details, "Btch", "PmtInfId"), idAt(details, "Btch", "MsgId")])

/** The ids of a transfer in a status report. */
export const reportedIds = (transfer: Element): TransferIds => {
  return idsOf({
    own: ["OrgnlEndToEndId", "OrgnlInstrId", "OrgnlTxId"].map((name) => idAt(transfer, name)),
    uetr: uetrAt(transfer, "OrgnlUETR"),
    servicerReference: idAt(transfer, "AcctSvcrRef"),
  })
}

/** The ids of the payments in a status report, without placeholders. */
export const paymentId = (payment: Element): string | undefined => idAt(payment, "OrgnlPmtInfId")

export const countAt = (from: Element, ...path: ReadonlyArray<string>): number | undefined => {
  const text = maybeText(from, ...path)
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined
}
