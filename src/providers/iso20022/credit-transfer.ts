/** A transfer as it is written into a file: in the characters of payment files, and within the limits of its scheme. */
import { Result } from "effect"
import type { BeneficiaryAccount } from "../../domain/beneficiary.ts"
import { type Scheme, schemeOf } from "../../domain/scheme.ts"
import type { TransferInstruction } from "../banks/bank.ts"
import { latinText } from "./latin-text.ts"

export interface CreditTransfer {
  readonly reference: string
  readonly currency: string
  readonly minor: bigint
  readonly details: TransferDetails
}

/** The data that only the bank may see. */
export interface TransferDetails {
  readonly name: string
  readonly account: BeneficiaryAccount
  readonly remittance?: string
}

/** ISO 20022's codes for transfers that no bank would take: for the characters or length of a text, and for the amount. */
export type Refusal = "RR10" | "AM02"

const NAME_LENGTH_MAX: Readonly<Record<Scheme, number>> = {
  // EPC125-05 rulebook, AT-E001.
  sepa: 70,
  "faster-payments": 140,
  ach: 140,
  "cross-border": 140,
}
const REMITTANCE_LENGTH_MAX = 140
/** 999,999,999.99 EUR (EPC125-05 rulebook, AT-T002). */
const SEPA_MINOR_MAX = 99_999_999_999n

/** The transfer as it will be written, or the code with which we refuse it. */
export const creditTransferOf = ({
  reference,
  beneficiary,
  currency,
  minor,
  remittance,
}: TransferInstruction): Result.Result<CreditTransfer, Refusal> => {
  const scheme = schemeOf(beneficiary.account, currency)
  if (scheme === "sepa" && minor > SEPA_MINOR_MAX) return Result.fail("AM02")
  const name = latinText(beneficiary.name, NAME_LENGTH_MAX[scheme])
  const text = latinText(remittance ?? "", REMITTANCE_LENGTH_MAX)
  if (Result.isFailure(name) || Result.isFailure(text)) return Result.fail("RR10")
  const { account } = beneficiary
  const details = { name: name.success, account, ...(text.success !== "" && { remittance: text.success }) }
  return Result.succeed({ reference, currency, minor, details })
}
