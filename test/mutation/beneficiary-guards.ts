/** Guards around beneficiaries: wallets are one wallet however they are written, types agree, and nothing of them is told. */
import type { StepGuard } from "./step-guards.ts"

const accounts = "test/domain/beneficiary.test.ts"
const entered = "test/domain/entered-account.test.ts"
const coded = "test/domain/coded-reason.test.ts"
const limits = "test/http/payout-batches/intake-limits.test.ts"
const files = "test/payout-files/wallets.test.ts"
const orders = "test/payout-files/payment-order.test.ts"

export const beneficiaryGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a telephone number of digits alone may begin with 00",
    file: "domain/entered-account.ts",
    text: "(?!IBAN|00)",
    without: "(?!IBAN)",
    caughtIn: entered,
    caughtBy: "undoes the groups of",
  },
  {
    name: "an e-mail address has one case",
    file: "domain/entered-account.ts",
    text: "text.trim().replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())",
    without: "text.trim()",
    caughtIn: entered,
    caughtBy: "undoes the groups of",
  },
  {
    name: "a telephone number with a digit for calls within the country is not guessed",
    file: "domain/entered-account.ts",
    text: "  if (trunkDigit.test(text)) return text\n",
    without: "",
    caughtIn: entered,
    caughtBy: "leaves a telephone number that could mean two things as no number",
  },
  {
    name: "a person has no account that a company holds",
    file: "domain/beneficiary.ts",
    text: "return typeByHolder[account.holderType] === type",
    without: "return true",
    caughtIn: accounts,
    caughtBy: "agrees with who holds its American account",
  },
  {
    name: "nothing of an e-mail address is shown",
    file: "domain/beneficiary.ts",
    text: 'scheme !== "email" && number.length',
    without: "number.length",
    caughtIn: accounts,
    caughtBy: "shows the scheme and at most four characters",
  },
  {
    name: "a wallet that no rule leads anywhere is refused",
    file: "providers/banks/payout-limits.ts",
    text: "(isToWallet ? noWalletBank : none)",
    without: "none",
    caughtIn: limits,
    caughtBy: "is refused at its account: euros",
  },
  {
    name: "no word of a bank names a wallet",
    file: "domain/coded-reason.ts",
    text: "withoutWalletIds(text.slice(0, READ_LENGTH_MAX))",
    without: "text.slice(0, READ_LENGTH_MAX)",
    caughtIn: coded,
    caughtBy: "names no wallet",
  },
  {
    name: "no id of a bank names a wallet",
    file: "pipelines/inquiring.ts",
    text: " || withoutWallets(text) !== text",
    without: "",
    caughtIn: "test/pipelines/inquiring.test.ts",
    caughtBy: "keeps out of the log an id that may quote the account",
  },
  {
    name: "no log line names a wallet",
    file: "telemetry/redaction.ts",
    text: "masked(withoutWallets(part))",
    without: "masked(part)",
    caughtIn: "test/telemetry/redaction.test.ts",
    caughtBy: "loses what a wallet is known by",
  },
  {
    name: "who came in before there were types is screened by the same words",
    file: "providers/compliance/compliance-engine-http.ts",
    text: "  if (type === undefined) return {}\n",
    without: "",
    caughtIn: "test/providers/compliance/compliance-engine-http.test.ts",
    caughtBy: "tells whether a person or a company is screened",
  },
  {
    name: "nobody of PayPal's file is paid without a name",
    file: "payout-files/payout-rows.ts",
    text: "      accountProblem(layout, ours) ??\n      namelessRow(layout, ours)",
    without: "      accountProblem(layout, ours)",
    caughtIn: files,
    caughtBy: "nobody is paid without a name",
  },
  {
    name: "the first row of a file without a header is paid",
    file: "payout-files/spreadsheet.ts",
    text: "first === undefined ? rows : [first, ...rows]",
    without: "rows",
    caughtIn: files,
    caughtBy: "each row is a payout to a wallet, also the first",
  },
  {
    name: "free lines stand beside a town and a country",
    file: "payout-files/creditor.ts",
    text: 'maybe(postal, "TwnNm") === undefined || maybe(postal, "Ctry") === undefined',
    without: "false",
    caughtIn: orders,
    caughtBy: "free lines are refused without a town",
  },
]
