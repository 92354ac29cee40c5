import type { BeneficiaryAccount } from "../../../domain/beneficiary.ts"
import type { CreditTransfer, TransferDetails } from "../../iso20022/credit-transfer.ts"

/** A transfer that waits with us, to an account at a bank or to a wallet, as it will be sent. */
export type HeldTransfer = CreditTransfer<BeneficiaryAccount>

/** What only the bank may see of it. */
export type HeldDetails = TransferDetails<BeneficiaryAccount>
