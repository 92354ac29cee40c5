/**
 * pain.001.001.09: a file of credit transfers, with one payment in it: one debtor, one currency, one scheme, one day.
 * The content depends on the input alone, so the same file can be written again.
 */
import type { Array as Arr } from "effect"
import type { Beneficiary, BeneficiaryAccount } from "../../domain/beneficiary.ts"
import { formatAmount } from "../../domain/money.ts"
import type { Scheme } from "../../domain/scheme.ts"
import type { CreditTransfer } from "./credit-transfer.ts"
import { document, element, type Written } from "./xml-writer.ts"

const NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"

/** ISO 20022's decimals have at most 18 digits. */
export const SUM_MINOR_MAX = 999_999_999_999_999_999n

export interface PaymentInitiation {
  /** At most 35 characters; the bank accepts each id once. */
  readonly messageId: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly executionDay: string
  readonly scheme: Scheme
  readonly currency: string
  readonly debtor: Beneficiary
  readonly transfers: Arr.NonEmptyReadonlyArray<CreditTransfer>
}

export const writePaymentInitiation = (file: PaymentInitiation): string => {
  const { messageId, createdAt, currency, debtor, transfers } = file
  const sum = transfers.reduce((total, { minor }) => total + minor, 0n)
  const totals = [
    element("NbOfTxs", String(transfers.length)),
    element("CtrlSum", formatAmount(sum, currency)),
  ]
  const header = element("GrpHdr", [
    element("MsgId", messageId),
    element("CreDtTm", `${new Date(createdAt).toISOString().slice(0, 19)}Z`),
    ...totals,
    element("InitgPty", [element("Nm", debtor.name)]),
  ])
  const content = [header, payment(file, totals)]
  return document(element("Document", [element("CstmrCdtTrfInitn", content)], { xmlns: NAMESPACE }))
}

const payment = (
  { messageId, executionDay, scheme, debtor, transfers }: PaymentInitiation,
  totals: ReadonlyArray<Written>,
): Written =>
  element("PmtInf", [
    element("PmtInfId", messageId),
    element("PmtMtd", "TRF"),
    // Single booking: each transfer appears on the account with its own reference.
    element("BtchBookg", "false"),
    ...totals,
    scheme === "sepa" ? element("PmtTpInf", [element("SvcLvl", [element("Cd", "SEPA")])]) : undefined,
    element("ReqdExctnDt", [element("Dt", executionDay)]),
    element("Dbtr", [element("Nm", debtor.name)]),
    account("DbtrAcct", debtor.account),
    agent("DbtrAgt", debtor.account) ?? unnamedAgent("DbtrAgt"),
    element("ChrgBr", scheme === "sepa" ? "SLEV" : "SHAR"),
    ...transfers.map(transfer),
  ])

const transfer = ({ reference, currency, minor, details }: CreditTransfer): Written =>
  element("CdtTrfTxInf", [
    element("PmtId", [element("InstrId", reference), element("EndToEndId", reference)]),
    element("Amt", [element("InstdAmt", formatAmount(minor, currency), { Ccy: currency })]),
    agent("CdtrAgt", details.account),
    element("Cdtr", [element("Nm", details.name)]),
    account("CdtrAcct", details.account),
    details.remittance === undefined ? undefined : element("RmtInf", [element("Ustrd", details.remittance)]),
  ])

/** The bank of an account, by BIC or as a member of a clearing system; none if the IBAN alone identifies it. */
const agent = (name: string, at: BeneficiaryAccount): Written | undefined => {
  switch (at.scheme) {
    case "iban":
      return at.bic === undefined ? undefined : institution(name, [element("BICFI", at.bic)])
    case "bic":
      return institution(name, [element("BICFI", at.bic)])
    case "sort-code":
      return institution(name, [clearingMember("GBDSC", at.sortCode)])
    case "aba":
      return institution(name, [clearingMember("USABA", at.routingNumber)])
  }
}

const institution = (name: string, content: ReadonlyArray<Written>): Written =>
  element(name, [element("FinInstnId", content)])

const clearingMember = (system: string, member: string): Written =>
  element("ClrSysMmbId", [element("ClrSysId", [element("Cd", system)]), element("MmbId", member)])

const unnamedAgent = (name: string): Written =>
  institution(name, [element("Othr", [element("Id", "NOTPROVIDED")])])

const account = (name: string, at: BeneficiaryAccount): Written => {
  switch (at.scheme) {
    case "iban":
      return element(name, [element("Id", [element("IBAN", at.iban)])])
    case "aba":
      return element(name, [
        otherId(at.accountNumber),
        element("Tp", [element("Cd", at.accountType === "checking" ? "CACC" : "SVGS")]),
      ])
    default:
      return element(name, [otherId(at.accountNumber)])
  }
}

const otherId = (number: string): Written =>
  element("Id", [element("Othr", [element("Id", number), element("SchmeNm", [element("Cd", "BBAN")])])])
