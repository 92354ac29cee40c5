/** The creditor of a pain.001 transfer as the beneficiary of a payout. What is not a beneficiary's is refused by name. */
import { all, maybe, maybeText, one, text } from "../providers/iso20022/element.ts"
import { type Element, unreadable } from "../providers/iso20022/xml-reader.ts"

/** Refuses an element that has children of other names. */
type Only = (element: Element, ...names: ReadonlyArray<string>) => void

/** A beneficiary as the API takes it, before it is checked. */
export const beneficiaryOf = (transfer: Element, only: Only): Readonly<Record<string, unknown>> => {
  const creditor = one(transfer, "Cdtr")
  only(creditor, "Nm", "PstlAdr", "Id")
  const address = addressOf(creditor, only)
  const type = typeOf(creditor, only)
  return {
    name: text(creditor, "Nm"),
    account: accountOf(transfer, only),
    ...(type === undefined ? {} : { type }),
    ...(Object.keys(address).length > 0 ? { address } : {}),
  }
}

/** An organisation is identified as one, and a person as one. The numbers in it are for the payer's bank, and stay in the file. */
const typeOf = (creditor: Element, only: Only): "person" | "company" | undefined => {
  const identification = maybe(creditor, "Id")
  if (identification === undefined) return undefined
  only(identification, "OrgId", "PrvtId")
  if (identification.children.length !== 1) return unreadable("Cdtr/Id", "neither OrgId nor PrvtId alone")
  return maybe(identification, "OrgId") === undefined ? "person" : "company"
}

/** Our name of each element of a structured address. */
const addressElements = {
  StrtNm: "street",
  BldgNb: "buildingNumber",
  PstCd: "postcode",
  TwnNm: "town",
  Ctry: "country",
} as const

/** Free lines may stand beside the town and the country, which nobody could tell from lines alone. */
const addressOf = (creditor: Element, only: Only): Readonly<Record<string, unknown>> => {
  const postal = maybe(creditor, "PstlAdr")
  if (postal === undefined) return {}
  only(postal, ...Object.keys(addressElements), "AdrLine")
  const fields = Object.entries(addressElements).flatMap(([name, field]) => {
    const value = maybeText(postal, name)
    return value === undefined ? [] : [[field, value] as const]
  })
  const lines = all(postal, "AdrLine").map((line) => line.text)
  if (lines.length === 0) return Object.fromEntries(fields)
  if (maybe(postal, "TwnNm") === undefined || maybe(postal, "Ctry") === undefined)
    unreadable(
      "PstlAdr/AdrLine",
      "free lines without TwnNm and Ctry; from November 2026 on, no payment has them",
    )
  return { ...Object.fromEntries(fields), lines }
}

/** The clearing systems whose members are addressed here (ISO 20022, ExternalClearingSystemIdentification1Code). */
const BRITISH = "GBDSC"
const AMERICAN = "USABA"

/** `CACC` and `SVGS` of ExternalCashAccountType1Code. */
const accountTypes: Readonly<Record<string, string>> = { CACC: "checking", SVGS: "savings" }

const accountOf = (transfer: Element, only: Only): Readonly<Record<string, string>> => {
  const account = one(transfer, "CdtrAcct")
  only(account, "Id", "Tp", "Ccy", "Nm")
  checkCurrency(account, transfer)
  const { bic, system, member } = agentOf(transfer, only)
  const iban = maybeText(account, "Id", "IBAN")
  if (iban !== undefined) return { scheme: "iban", iban, ...(bic === undefined ? {} : { bic }) }
  const accountNumber = accountNumberOf(account, only)
  if (system === BRITISH) return { scheme: "sort-code", sortCode: member, accountNumber }
  if (system === AMERICAN)
    return { scheme: "aba", routingNumber: member, accountNumber, accountType: accountTypeOf(account) }
  if (system !== undefined)
    return unreadable("CdtrAgt/FinInstnId/ClrSysMmbId", `neither of ${BRITISH} nor of ${AMERICAN}`)
  if (bic === undefined)
    return unreadable("CdtrAgt/FinInstnId", `neither a BIC nor a member of ${BRITISH} or ${AMERICAN}`)
  return { scheme: "bic", bic, accountNumber }
}

/** Some banks have accounts of several currencies under one number: then it is a part of the account, which a payout has not. */
const checkCurrency = (account: Element, transfer: Element): void => {
  const currency = maybeText(account, "Ccy")
  if (currency !== undefined && currency !== maybe(transfer, "Amt", "InstdAmt")?.attributes.Ccy)
    unreadable("CdtrAcct/Ccy", "not the currency of the payment; a payout does not choose between accounts")
}

/** As the file has it. One that is not a bank's own number, such as a giro number or a card's, is no account at that bank. */
const accountNumberOf = (account: Element, only: Only): string => {
  const other = one(account, "Id", "Othr")
  only(other, "Id", "SchmeNm", "Issr")
  if (maybe(other, "SchmeNm") !== undefined && maybeText(other, "SchmeNm", "Cd") !== "BBAN")
    unreadable("CdtrAcct/Id/Othr/SchmeNm", "not BBAN; a payout goes to a bank's own account number")
  return text(other, "Id")
}

const accountTypeOf = (account: Element): string =>
  accountTypes[maybeText(account, "Tp", "Cd") ?? ""] ?? unreadable("CdtrAcct/Tp/Cd", "neither CACC nor SVGS")

/** The bank, if it is given: `BIC` in version .03, `BICFI` since. */
const agentOf = (transfer: Element, only: Only) => {
  const agent = maybe(transfer, "CdtrAgt")
  const none = { bic: undefined, system: undefined, member: "" }
  if (agent === undefined) return none
  only(agent, "FinInstnId")
  const institution = one(agent, "FinInstnId")
  only(institution, "BICFI", "BIC", "ClrSysMmbId", "Nm", "PstlAdr", "LEI", "Othr")
  if (all(institution, "Othr").some((other) => maybeText(other, "Id") !== "NOTPROVIDED"))
    return unreadable("CdtrAgt/FinInstnId/Othr", "a bank is named by its BIC or clearing system here")
  const bic = maybeText(institution, "BICFI") ?? maybeText(institution, "BIC")
  const membership = maybe(institution, "ClrSysMmbId")
  if (membership === undefined) return { ...none, bic }
  const system = maybeText(membership, "ClrSysId", "Cd") ?? "another system"
  return { bic, system, member: text(membership, "MmbId") }
}

/** The element that a field of an item comes from: `beneficiary.account.iban` is `CdtrAcct/Id/IBAN`. */
export const elementOfField = (field: string | undefined): string | undefined => {
  if (field?.includes("address.lines") === true) return "Cdtr/PstlAdr/AdrLine"
  const last = field?.split(".").at(-1) ?? ""
  return elements[last] ?? Object.entries(addressElements).find(([, name]) => name === last)?.[0] ?? field
}

const elements: Readonly<Record<string, string>> = {
  reference: "PmtId/EndToEndId",
  currency: "Amt/InstdAmt",
  value: "Amt/InstdAmt",
  amount: "Amt/InstdAmt",
  name: "Cdtr/Nm",
  iban: "CdtrAcct/Id/IBAN",
  bic: "CdtrAgt/FinInstnId/BICFI",
  accountNumber: "CdtrAcct/Id/Othr/Id",
  sortCode: "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId",
  routingNumber: "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId",
  accountType: "CdtrAcct/Tp/Cd",
  type: "Cdtr/Id",
  remittance: "RmtInf/Ustrd",
}
