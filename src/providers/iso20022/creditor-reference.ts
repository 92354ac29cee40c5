/**
 * References of creditors in a remittance: what a creditor asked to be paid under, with check digits, so that its software knows which
 * invoice was paid. A text that is no such reference stays a text.
 */
import type { BankAccount } from "../../domain/beneficiary.ts"
import type { DocumentKind, ReferenceKind } from "./payment-variant.ts"

/** A remittance as it is written. */
export type Remittance =
  | { readonly _tag: "Text"; readonly text: string }
  /** `SCOR`: ISO 11649; `QRR`: Switzerland's QR reference. */
  | { readonly _tag: "Reference"; readonly type: "SCOR" | "QRR"; readonly reference: string }
  | { readonly _tag: "Document"; readonly type: DocumentKind; readonly number: string }

/** ISO 20022: the number of a document. */
const DOCUMENT_NUMBER_LENGTH_MAX = 35

/**
 * How a remittance is written to an account: as the first reference of these kinds that it is, else as the number of a document, if
 * it fits, else as text.
 */
export const remittanceOf = (
  text: string,
  account: BankAccount,
  {
    references,
    document,
  }: { readonly references: ReadonlyArray<ReferenceKind>; readonly document: DocumentKind | undefined },
): Remittance => {
  const compact = text.replaceAll(" ", "").toUpperCase()
  if (references.includes("swiss-qr") && isQrAccount(account) && isQrReference(compact))
    return { _tag: "Reference", type: "QRR", reference: compact }
  if (references.includes("iso-11649") && isCreditorReference(compact))
    return { _tag: "Reference", type: "SCOR", reference: compact }
  return document !== undefined && text.length <= DOCUMENT_NUMBER_LENGTH_MAX
    ? { _tag: "Document", type: document, number: text }
    : { _tag: "Text", text }
}

/** ISO 11649: RF, two check digits by ISO 7064 (mod 97-10), and 1 to 21 letters or digits. */
export const isCreditorReference = (text: string): boolean => {
  if (!/^RF[0-9]{2}[A-Z0-9]{1,21}$/.test(text)) return false
  let rest = 0
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}

/** The table of the check digit of Switzerland's references: modulo 10, recursive (SPS, implementation guidelines QR-bill, annex B). */
const carries = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5] as const

/** A QR reference: 26 digits that are not all zero, and their check digit. */
export const isQrReference = (text: string): boolean => {
  if (!/^[0-9]{27}$/.test(text) || /^0+$/.test(text)) return false
  let carry = 0
  for (const digit of text.slice(0, -1)) carry = carries[(carry + Number(digit)) % 10] ?? 0
  return (10 - carry) % 10 === Number(text.at(-1))
}

/** Whether an account is paid with QR references only: its bank's number (IID) is one from 30000 to 31999 (SPS). */
export const isQrAccount = (account: BankAccount): boolean =>
  account.scheme === "iban" && /^(CH|LI)[0-9]{2}3[01]/.test(account.iban)
