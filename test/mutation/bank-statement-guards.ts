/** The guards around statements in SWIFT's form and containers of files, with their tests. */
import type { StepGuard } from "./step-guards.ts"

const statements = "test/providers/swift-mt/mt-statements.test.ts"
const containers = "test/providers/iso20022/zip-file.test.ts"
const forms = "test/providers/iso20022/statement-forms.test.ts"
const inbox = "test/providers/banks/files/other-forms.test.ts"

export const bankStatementGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a statement leads from its opening balance to its closing one",
    file: "providers/swift-mt/mt-accounts.ts",
    text: "if (sum !== undefined && opening.minor + sum !== closing.minor)",
    without: "if (sum === undefined && opening.minor !== closing.minor)",
    caughtIn: statements,
    caughtBy: "whose balance is not that of its entries",
  },
  {
    name: "a message that is cut counts for nothing",
    file: "providers/swift-mt/mt-accounts.ts",
    text: 'if (message.isCut) return refuse("field 4", "the end of its block is missing")',
    without: "",
    caughtIn: statements,
    caughtBy: "with a block that does not end",
  },
  {
    name: "totals of the day are those of the entries",
    file: "providers/swift-mt/mt-accounts.ts",
    text: "if (Number(count) !== alike.length ||",
    without: "if (Number(count) < 0 &&",
    caughtIn: statements,
    caughtBy: "nothing counts if its number or sum is another",
  },
  {
    name: "an expected entry is not booked",
    file: "providers/swift-mt/mt-entry.ts",
    text: "if (read.isExpected) return { part: undefined, change: 0n }",
    without: "",
    caughtIn: statements,
    caughtBy: "a booked entry counts, and one that is expected does not",
  },
  {
    name: "a payer calls nothing a return",
    file: "providers/swift-mt/mt-information.ts",
    text: "isBanks &&= !others.has(name)",
    without: "",
    caughtIn: statements,
    caughtBy: "is not what a payer calls so",
  },
  {
    name: "a reference in a remittance is none",
    file: "providers/swift-mt/mt-information.ts",
    text: 'if (name === "SVWZ") return ofName(parts)',
    without: "",
    caughtIn: statements,
    caughtBy: "not by what payers and payees write",
  },
  {
    name: "a reversed credit settles nothing",
    file: "providers/swift-mt/mt-entry.ts",
    text: 'isReversal: mark.startsWith("R"),',
    without: "isReversal: false,",
    caughtIn: statements,
    caughtBy: "is no settlement as a debit that reverses a credit",
  },
  {
    name: "a statement of another IBAN says so",
    file: "providers/swift-mt/mt-accounts.ts",
    text: "iban: isIbanLike(account) ? account : undefined,",
    without: "iban: undefined,",
    caughtIn: inbox,
    caughtBy: "another account's return",
  },
  {
    name: "a booking that two forms show counts once",
    file: "providers/iso20022/statement-folder.ts",
    text: "if (!primary.has(dayOf(statement))) take(statement, unread)",
    without: "take(statement, unread)",
    caughtIn: forms,
    caughtBy: "counts what a camt.053 and an MT940 say of one account and day once",
  },
  {
    name: "no more is unpacked than the directory says",
    file: "providers/iso20022/zip-file.ts",
    text: "return inflateRawSync(data, { maxOutputLength: Math.max(1, length) })",
    without: "return inflateRawSync(data)",
    caughtIn: containers,
    caughtBy: "has a file that is longer than it says",
  },
  {
    name: "files in a container share no bytes",
    file: "providers/iso20022/zip-file.ts",
    text: 'if (from < end) refused("has files that overlap")',
    without: "",
    caughtIn: containers,
    caughtBy: "has one file twice",
  },
]
