/**
 * The kind `paypal`: PayPal Payouts v1, which pays wallets. An order waits with us until it is sent with others in one payout batch,
 * by the role `bank-files` (payouts-role.ts), which also asks what became of it. So an order is accepted once it is stored here, and
 * "never seen" is a definitive answer. PayPal's webhooks only make that known earlier.
 */
import { Result } from "effect"
import { isWallet, visibleBeneficiaryOf } from "../../../domain/beneficiary.ts"
import { exponentOf } from "../../../domain/currency.ts"
import type { TransferInstruction } from "../bank.ts"
import { bankKind } from "../bank-kind.ts"
import { limitProblems, type Refusal } from "../bank-limits.ts"
import type { HeldTransfer } from "../orders/held-transfer.ts"
import { holdingBank, withdrawHeld } from "../orders/order-port.ts"
import { PayPalSettings, payPalBankOf, payPalLimits, wholeCurrencies } from "./paypal-settings.ts"
import { payPalWebhooks } from "./webhooks.ts"

export const paypal = bankKind({
  name: "paypal",
  settings: PayPalSettings,
  http: (own) => own,
  limits: () => payPalLimits,
  connect: ({ name, own }) => {
    const { everyMs } = payPalBankOf(name, own)
    // Wallets have no cut-off.
    return holdingBank(name, (_scheme, at) => at + everyMs, transferOf)
  },
  withdraw: withdrawHeld,
  callbacks: () => payPalWebhooks,
})

/** https://developer.paypal.com/api/rest/reference/currency-codes: what accounts can hold. */
const currencies: ReadonlySet<string> = new Set(
  "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD".split(
    " ",
  ),
)

/** The transfer as it will be sent, or the code with which we refuse it before anything is: one bad item refuses a whole payout batch. */
const transferOf = (
  { reference, beneficiary, currency, minor, remittance }: TransferInstruction,
  at: number,
): Result.Result<HeldTransfer, Refusal> => {
  const { account, name } = beneficiary
  const limited = { beneficiary: visibleBeneficiaryOf(beneficiary), currency, minor, remittance }
  const [problem] = limitProblems(payPalLimits, limited, at)
  if (problem !== undefined) return Result.fail(problem.code)
  if (!isWallet(account) || !currencies.has(currency)) return Result.fail("AG03")
  if (wholeCurrencies.has(currency) && minor % 10n ** BigInt(exponentOf(currency) ?? 0) !== 0n)
    return Result.fail("AM02")
  const details = { name, account, ...(remittance !== undefined && { remittance }) }
  return Result.succeed({ reference, currency, minor, details })
}
