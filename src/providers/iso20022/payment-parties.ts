/** The parties of a credit transfer, their banks and accounts, as pain.001 has them. */
import type { Address, BankAccount } from "../../domain/beneficiary.ts"
import type { BankScheme } from "../../domain/scheme.ts"
import { isWritableBic, type Message, messageForms } from "./payment-variant.ts"
import { element, type Written } from "./xml-writer.ts"

/** How an organisation is identified besides its name. */
export interface OrganisationIds {
  readonly bic?: string
  readonly lei?: string
  readonly other?: { readonly id: string; readonly scheme?: string; readonly issuer?: string }
}

/** Structured; with lines it is a hybrid address. November 2026 leaves these two (EPC153-22). */
export const postalAddress = ({
  street,
  buildingNumber,
  postcode,
  town,
  country,
  lines = [],
}: Address): Written =>
  element("PstlAdr", [
    street === undefined ? undefined : element("StrtNm", street),
    buildingNumber === undefined ? undefined : element("BldgNb", buildingNumber),
    postcode === undefined ? undefined : element("PstCd", postcode),
    element("TwnNm", town),
    element("Ctry", country),
    ...lines.map((line) => element("AdrLine", line)),
  ])

/** SEPA takes one of the identifications (EPC132-08): the one that was agreed with the bank first, then the LEI, then the BIC. */
export const organisation = (
  scheme: BankScheme,
  ids: OrganisationIds | undefined,
  message: Message,
): Written | undefined => {
  if (ids === undefined) return undefined
  const bic = ids.bic === undefined ? undefined : element(messageForms[message].organisation, ids.bic)
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
export const agent = (name: string, at: BankAccount, message: Message): Written | undefined => {
  switch (at.scheme) {
    case "iban":
      return at.bic === undefined || !isWritableBic(at.bic, message)
        ? undefined
        : institution(name, [element(messageForms[message].bank, at.bic)])
    case "bic":
      return institution(name, [element(messageForms[message].bank, at.bic)])
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

/** A bank that has to be there and that nobody named. */
export const unnamedAgent = (name: string): Written =>
  institution(name, [element("Othr", [element("Id", "NOTPROVIDED")])])

export const account = (name: string, at: BankAccount): Written => {
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
