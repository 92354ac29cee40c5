/**
 * pain.001: a file of credit transfers, with one payment in it: one debtor, one currency, one scheme, one day. It is written in the
 * variant of its bank. The content depends on the input alone, so the same file can be written again.
 */
import type { Array as Arr } from "effect"
import type { Address, BankAccount } from "../../domain/beneficiary.ts"
import { formatAmount } from "../../domain/money.ts"
import type { BankScheme } from "../../domain/scheme.ts"
import { uetrOf } from "../../domain/uetr.ts"
import { type CreditTransfer, written, writtenAddress } from "./credit-transfer.ts"
import { type Remittance, remittanceOf } from "./creditor-reference.ts"
import {
  account,
  agent,
  type OrganisationIds,
  organisation,
  postalAddress,
  unnamedAgent,
} from "./payment-parties.ts"
import type { CharacterSet } from "./payment-text.ts"
import { messageForms, type PaymentVariant } from "./payment-variant.ts"
import { document, element, type Written } from "./xml-writer.ts"

/** ISO 20022's decimals have at most 18 digits. */
export const SUM_MINOR_MAX = 999_999_999_999_999_999n

/** The owner of the account that the money leaves. */
export interface PayingParty {
  readonly name: string
  readonly account: BankAccount
  readonly address?: Address
  readonly organisation?: OrganisationIds
}

/** On whose behalf the debtor pays. */
export interface UltimateDebtor {
  readonly name: string
  readonly organisation?: OrganisationIds
}

export interface PaymentInitiation {
  /** At most 35 characters; the bank accepts each id once. */
  readonly messageId: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly executionDay: string
  readonly scheme: BankScheme
  readonly currency: string
  readonly debtor: PayingParty
  /** In which the debtor and the ultimate debtors are written, as the transfers are already. */
  readonly characters: CharacterSet
  /** The class of ACH payments to an account of which nobody said who holds it. */
  readonly achClass: "PPD" | "CCD"
  readonly variant: PaymentVariant
  /** By partner; a partner that is not among them is not named. */
  readonly ultimateDebtors?: Readonly<Record<string, UltimateDebtor>>
  readonly transfers: Arr.NonEmptyReadonlyArray<CreditTransfer>
}

export const writePaymentInitiation = (file: PaymentInitiation): string => {
  const { messageId, createdAt, currency, debtor, transfers, variant } = file
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
      organisation(file.scheme, debtor.organisation, variant.message),
    ]),
  ])
  const content = [header, payment(file, totals)]
  return document(element("Document", [element("CstmrCdtTrfInitn", content)], { xmlns: variant.namespace }))
}

const payment = (file: PaymentInitiation, totals: ReadonlyArray<Written>): Written => {
  const { messageId, executionDay, scheme, debtor, characters, transfers, variant } = file
  const { message } = variant
  return element("PmtInf", [
    element("PmtInfId", messageId),
    element("PmtMtd", "TRF"),
    // With single booking, each transfer appears on the account with its own reference.
    element("BtchBookg", String(variant.batchBooking)),
    ...totals,
    isTypedByTransfer(scheme) ? undefined : paymentType(file, undefined),
    element("ReqdExctnDt", messageForms[message].hasDayChoice ? [element("Dt", executionDay)] : executionDay),
    element("Dbtr", [
      element("Nm", written(debtor.name, characters)),
      debtor.address && postalAddress(writtenAddress(debtor.address, characters)),
      organisation(scheme, debtor.organisation, message),
    ]),
    account("DbtrAcct", debtor.account),
    agent("DbtrAgt", debtor.account, message) ?? unnamedAgent("DbtrAgt"),
    element("ChrgBr", variant.schemes[scheme].charges),
    ...transfers.map((each) => transfer(file, each)),
  ])
}

const transfer = (
  file: PaymentInitiation,
  { reference, partner, currency, minor, details }: CreditTransfer,
): Written => {
  const { scheme, achClass, variant } = file
  const { message } = variant
  const uetr = variant.uetr ? uetrOf(reference) : undefined
  return element("CdtTrfTxInf", [
    element("PmtId", [
      element("InstrId", reference),
      element("EndToEndId", reference),
      uetr === undefined ? undefined : element("UETR", uetr),
    ]),
    isTypedByTransfer(scheme) ? paymentType(file, classOf(details.account, achClass)) : undefined,
    element("Amt", [element("InstdAmt", formatAmount(minor, currency), { Ccy: currency })]),
    ultimateDebtor(file, partner),
    agent("CdtrAgt", details.account, message),
    element("Cdtr", [element("Nm", details.name), details.address && postalAddress(details.address)]),
    account("CdtrAcct", details.account),
    variant.purpose === undefined ? undefined : element("Purp", [element("Cd", variant.purpose)]),
    details.remittance === undefined
      ? undefined
      : remittance(remittanceOf(details.remittance, details.account, recognised(file))),
  ])
}

/** ISO 20022 takes the type of a payment from the payment or from its transfers, and never from both. Those of ACH differ. */
const isTypedByTransfer = (scheme: BankScheme): boolean => scheme === "ach"

const paymentType = (
  { scheme, variant }: PaymentInitiation,
  achClass: "PPD" | "CCD" | undefined,
): Written | undefined => {
  const { serviceLevel } = variant.schemes[scheme]
  const instrument = achClass ?? (scheme === "sepa" && variant.instant ? "INST" : undefined)
  const content = [
    variant.priority && element("InstrPrty", variant.priority),
    serviceLevel && element("SvcLvl", [element("Cd", serviceLevel)]),
    instrument && element("LclInstrm", [element("Cd", instrument)]),
    variant.categoryPurpose && element("CtgyPurp", [element("Cd", variant.categoryPurpose)]),
  ].filter((part) => typeof part === "object")
  return content.length === 0 ? undefined : element("PmtTpInf", content)
}

/** Nacha's standard entry class: PPD for a consumer's account, CCD for a company's. */
const classOf = (at: BankAccount, otherwise: "PPD" | "CCD"): "PPD" | "CCD" => {
  const holder = at.scheme === "aba" ? at.holderType : undefined
  if (holder === undefined) return otherwise
  return holder === "company" ? "CCD" : "PPD"
}

const ultimateDebtor = (
  { scheme, characters, variant, ultimateDebtors = {} }: PaymentInitiation,
  partner: string | undefined,
): Written | undefined => {
  if (partner === undefined || !Object.hasOwn(ultimateDebtors, partner)) return undefined
  const party = ultimateDebtors[partner]
  return (
    party &&
    element("UltmtDbtr", [
      element("Nm", written(party.name, characters)),
      organisation(scheme, party.organisation, variant.message),
    ])
  )
}

/** SEPA carries the reference of a creditor, and no other structured remittance (EPC132-08). */
const recognised = ({ scheme, variant: { references, document } }: PaymentInitiation) => ({
  references,
  document: scheme === "sepa" ? undefined : document,
})

const remittance = (of: Remittance): Written => {
  switch (of._tag) {
    case "Text":
      return element("RmtInf", [element("Ustrd", of.text)])
    case "Reference": {
      const type = of.type === "SCOR" ? element("Cd", of.type) : element("Prtry", of.type)
      const reference = [element("Tp", [element("CdOrPrtry", [type])]), element("Ref", of.reference)]
      return element("RmtInf", [element("Strd", [element("CdtrRefInf", reference)])])
    }
    case "Document": {
      const number = [
        element("Tp", [element("CdOrPrtry", [element("Cd", of.type)])]),
        element("Nb", of.number),
      ]
      return element("RmtInf", [element("Strd", [element("RfrdDocInf", number)])])
    }
  }
}
