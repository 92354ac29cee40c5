/** Guards around files of payouts: nothing is paid twice, to others, or otherwise than the file says. */
import type { StepGuard } from "./step-guards.ts"

const spreadsheets = "test/payout-files/spreadsheet.test.ts"
const batches = "test/payout-files/canonical-batch.test.ts"
const orders = "test/payout-files/payment-order.test.ts"
const rejects = "test/payout-files/rejects-file.test.ts"
const bacs = "test/payout-files/standard-18.test.ts"
const submission = "test/cli/batch-submission.test.ts"

export const payoutFileGuards: ReadonlyArray<StepGuard> = [
  {
    name: "two columns of one name are refused",
    file: "payout-files/table.ts",
    text: 'if (before === undefined || name === "") {',
    without: "if (before === undefined || before >= 0) {",
    caughtIn: spreadsheets,
    caughtBy: "are refused when one is there twice",
  },
  {
    name: "a row is named by the line where it begins",
    file: "payout-files/csv-table.ts",
    text: "line += lineBreaksIn(raw)",
    without: "line += 1",
    caughtIn: "test/payout-files/payout-file.test.ts",
    caughtBy: "lines are counted as an editor counts them",
  },
  {
    name: "a point before three digits is not taken for a decimal point",
    file: "payout-files/decimal-notation.ts",
    text: "if (looksGrouped(whole, fraction, currency))",
    without: "if (currency === undefined)",
    caughtIn: spreadsheets,
    caughtBy: "is refused with advice",
  },
  {
    name: "thousands stand in groups of three",
    file: "payout-files/decimal-notation.ts",
    text: "others.every((group) => /^[0-9]{3}$/.test(group))",
    without: "others.every((group) => /^[0-9]+$/.test(group))",
    caughtIn: spreadsheets,
    caughtBy: "is refused with advice",
  },
  {
    name: "the order of rows makes no other batch",
    file: "payout-files/canonical-batch.ts",
    text: "items\n    .toSorted((a, b) => compared(a.reference, b.reference))",
    without: "items",
    caughtIn: batches,
    caughtBy: "have the same body and key in every kind of file",
  },
  {
    name: "the order of rows makes no other references",
    file: "payout-files/item-references.ts",
    text: "for (const text of [...texts].sort()) {",
    without: "for (const text of texts) {",
    caughtIn: batches,
    caughtBy: "have the same references and key in whatever order",
  },
  {
    name: "a row that was copied is not paid twice",
    file: "payout-files/draft-check.ts",
    text: 'if (before === undefined || reference === "") {',
    without: "if (before === undefined || before >= 0) {",
    caughtIn: batches,
    caughtBy: "is refused, though its reference may be shared",
  },
  {
    name: "what names a batch is what its log shows anyway",
    file: "payout-files/canonical-batch.ts",
    text: "const { scheme, country, lastFour } = visibleOf(account)",
    without:
      'const { scheme, country } = visibleOf(account)\n    const lastFour = "iban" in account ? account.iban : ""',
    caughtIn: batches,
    caughtBy: "does not let its readers try accounts",
  },
  {
    name: "pain.001 says nothing that is left out",
    file: "payout-files/payment-order.ts",
    text: "if (stray !== undefined) unreadable(",
    without: "if (stray === element) unreadable(",
    caughtIn: orders,
    caughtBy: "of a transfer: UltmtCdtr",
  },
  {
    name: "pain.001 that was cut off is refused",
    file: "payout-files/payment-order.ts",
    text: "if (!isDecimal(said) || sumOfDecimals([said]) !== sum)",
    without: "if (!isDecimal(said))",
    caughtIn: orders,
    caughtBy: "has another sum than it says",
  },
  {
    name: "payments of several days are no batch",
    file: "payout-files/payment-order.ts",
    text: "if (executeAtOf(payment) !== executeAtOf(first))",
    without: 'if (executeAtOf(payment) === "")',
    caughtIn: orders,
    caughtBy: "of a payment: another day",
  },
  {
    name: "Bacs payments add up to their trailer",
    file: "payout-files/standard-18.ts",
    text: "...totalProblems(records, payments),",
    without: "",
    caughtIn: bacs,
    caughtBy: "is refused with another sum than its trailer",
  },
  {
    name: "a cell that a spreadsheet would compute is made text",
    file: "payout-files/rejects-file.ts",
    text: "csvLine(cells.map(harmlessCell), table.delimiter)",
    without: "csvLine(cells, table.delimiter)",
    caughtIn: rejects,
    caughtBy: "makes the cell =1+1 text",
  },
  {
    name: "a file of rejects takes no other's place",
    file: "payout-files/rejects-file.ts",
    text: 'open(this.path, "wx", OWNER_ONLY)',
    without: 'open(this.path, "w", OWNER_ONLY)',
    caughtIn: rejects,
    caughtBy: "never takes the place of another",
  },
  {
    name: "a file of rejects is for its owner alone",
    file: "payout-files/rejects-file.ts",
    text: "const OWNER_ONLY = 0o600",
    without: "const OWNER_ONLY = 0o644",
    caughtIn: rejects,
    caughtBy: "is for its owner alone",
  },
  {
    name: "the same payouts are submitted under the same key",
    file: "cli/batch-submission.ts",
    text: "Option.getOrElse(flags.idempotencyKey, () => file.key)",
    without: "Option.getOrElse(flags.idempotencyKey, () => String(Date.now()))",
    caughtIn: submission,
    caughtBy: "pays a file once that is submitted twice",
  },
  {
    name: "only what was submitted before is paid again",
    file: "cli/batch-submission.ts",
    text: "if (first === null)",
    without: 'if (first === "")',
    caughtIn: submission,
    caughtBy: "pays once more where somebody says why",
  },
]
