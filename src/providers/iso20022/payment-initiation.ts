/**
 * pain.001.001.09: a file of credit transfers, with one payment in it: one debtor, one currency, one scheme, one day.
 * The content depends on the input alone, so the same file can be written again.
 */
import type { Array as Arr } from "effect"
import type { Address, BankAccount } from "../../domain/beneficiary.ts"
import { formatAmount } from "../../domain/money.ts"
import type { Scheme } from "../../domain/scheme.ts"
import { uetrOf } from "../../domain/uetr.ts"
import { type CreditTransfer, written, writtenAddress } from "./credit-transfer.ts"
import type { CharacterSet } from "./payment-text.ts"
import { document, element, type Written } from "./xml-writer.ts"

const NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"

/** ISO 20022's decimals have at most 18 digits. */
export const SUM_MINOR_MAX = 999_999_999_999_999_999n

/** How an organisation is identified besides its name. */
export interface OrganisationIds {
  readonly bic?: string
  readonly lei?: string
  readonly other?: { readonly id: string; readonly scheme?: string; readonly issuer?: string }
}

/** The owner of the account that the money leaves. */
export interface PayingParty {
  readonly name: string
  readonly account: BankAccount
  readonly address?: Address
  readonly organisation?: OrganisationIds
}

export interface PaymentInitiation {
  /** At most 35 characters; the bank accepts each id once. */
  readonly messageId: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly executionDay: string
  readonly scheme: Scheme
  readonly currency: string
  readonly debtor: PayingParty
  /** In which the debtor is written, as the transfers are already. */
  readonly characters: CharacterSet
  /** The class of ACH payments to an account of which nobody said who holds it. */
  readonly achClass: "PPD" | "CCD"
  /** Whether each transfer says its UETR. */
  readonly hasUetrs: boolean
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
    element("InitgPty", [
      element("Nm", written(debtor.name, file.characters)),
      organisation(file.scheme, debtor.organisation),
    ]),
  ])
  const content = [header, payment(file, totals)]
  return document(element("Document", [element("CstmrCdtTrfInitn", content)], { xmlns: NAMESPACE }))
}

const payment = (file: PaymentInitiation, totals: ReadonlyArray<Written>): Written => {
  const { messageId, executionDay, scheme, debtor, characters, transfers } = file
  return element("PmtInf", [
    element("PmtInfId", messageId),
    element("PmtMtd", "TRF"),
    // Single booking: each transfer appears on the account with its own reference.
    element("BtchBookg", "false"),
    ...totals,
    scheme === "sepa" ? element("PmtTpInf", [element("SvcLvl", [element("Cd", "SEPA")])]) : undefined,
    element("ReqdExctnDt", [element("Dt", executionDay)]),
    element("Dbtr", [
      element("Nm", written(debtor.name, characters)),
      debtor.address && postalAddress(writtenAddress(debtor.address, characters)),
      organisation(scheme, debtor.organisation),
    ]),
    account("DbtrAcct", debtor.account),
    agent("DbtrAgt", debtor.account) ?? unnamedAgent("DbtrAgt"),
    element("ChrgBr", scheme === "sepa" ? "SLEV" : "SHAR"),
    ...transfers.map((each) => transfer(file, each)),
  ])
}

const transfer = (
  { scheme, achClass, hasUetrs }: PaymentInitiation,
  { reference, currency, minor, details }: CreditTransfer,
): Written => {
  const uetr = hasUetrs ? uetrOf(reference) : undefined
  return element("CdtTrfTxInf", [
    element("PmtId", [
      element("InstrId", reference),
      element("EndToEndId", reference),
      uetr === undefined ? undefined : element("UETR", uetr),
    ]),
    scheme === "ach" ? localInstrument(details.account, achClass) : undefined,
    element("Amt", [element("InstdAmt", formatAmount(minor, currency), { Ccy: currency })]),
    agent("CdtrAgt", details.account),
    element("Cdtr", [element("Nm", details.name), details.address && postalAddress(details.address)]),
    account("CdtrAcct", details.account),
    details.remittance === undefined ? undefined : element("RmtInf", [element("Ustrd", details.remittance)]),
  ])
}

/** Nacha's standard entry class: PPD for a consumer's account, CCD for a company's. */
const localInstrument = (at: BankAccount, otherwise: "PPD" | "CCD"): Written => {
  const holder = at.scheme === "aba" ? at.holderType : undefined
  const held = holder === undefined ? otherwise : holder === "company" ? "CCD" : "PPD"
  return element("PmtTpInf", [element("LclInstrm", [element("Cd", held)])])
}

/** Structured, with no free lines: what November 2026 leaves (EPC153-22). */
const postalAddress = ({ street, buildingNumber, postcode, town, country }: Address): Written =>
  element("PstlAdr", [
    street === undefined ? undefined : element("StrtNm", street),
    buildingNumber === undefined ? undefined : element("BldgNb", buildingNumber),
    postcode === undefined ? undefined : element("PstCd", postcode),
    element("TwnNm", town),
    element("Ctry", country),
  ])

/** SEPA takes one of the identifications (EPC132-08): the one that was agreed with the bank first, then the LEI, then the BIC. */
const organisation = (scheme: Scheme, ids: OrganisationIds | undefined): Written | undefined => {
  if (ids === undefined) return undefined
  const bic = ids.bic === undefined ? undefined : element("AnyBIC", ids.bic)
  const lei = ids.lei === undefined ? undefined : element("LEI", ids.lei)
  const other = ids.other && otherOrganisation(ids.other)
  const all = scheme === "sepa" ? [other ?? lei ?? bic] : [bic, lei, other]
  return element("Id", [element("OrgId", all)])
}

const otherOrganisation = ({ id, scheme, issuer }: NonNullable<OrganisationIds["other"]>): Written =>
  element("Othr", [
    element("Id", id),
    scheme === undefined ? undefined : element("SchmeNm", [element("Cd", scheme)]),
    issuer === undefined ? undefined : element("Issr", issuer),
  ])

/** The bank of an account, by BIC or as a member of a clearing system; none if the IBAN alone identifies it. */
const agent = (name: string, at: BankAccount): Written | undefined => {
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

const account = (name: string, at: BankAccount): Written => {
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
