/** Guards of what a Formance ledger is believed, and of the kinds in the settings. */
import type { StepGuard } from "./step-guards.ts"

const postings = "test/providers/ledger/formance.test.ts"
const books = "test/providers/ledger/formance-books.test.ts"
const config = "test/cli/config.test.ts"

export const formanceGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a lack of funds is no refusal of what is booked",
    file: "providers/ledger/formance/formance-ledger-http.ts",
    text: "transaction ?? (isAbsence(error) ? undefined : yield* withReference(provider, at, posting))",
    without: "transaction",
    caughtIn: postings,
    caughtBy: "though the money that it took is missing for a second one",
  },
  {
    name: "a reference with another amount is no booking",
    file: "providers/ledger/formance/formance-transaction.ts",
    text: "booked.amount === amount",
    without: "true",
    caughtIn: postings,
    caughtBy: "never counts as booked if its reference has another amount",
  },
  {
    name: "what was reverted is no booking",
    file: "providers/ledger/formance/formance-transaction.ts",
    text: "!reverted &&",
    without: "",
    caughtIn: postings,
    caughtBy: "or was reverted",
  },
  {
    name: "a list that was not filtered says nothing of a reference",
    file: "providers/ledger/formance/formance-ledger-http.ts",
    text: "found.every(({ reference }) => reference === key)",
    without: "found.length < 2",
    caughtIn: postings,
    caughtBy: "something dropped the filter",
  },
  {
    name: "a batch has only what it has held",
    file: "providers/ledger/formance/formance-accounts.ts",
    text: "batch: BatchId): Way => {",
    without: "of: BatchId): Way => {\n  const batch = of.slice(0, 3)",
    caughtIn: postings,
    caughtBy: "cannot take what another batch holds",
  },
  {
    name: "books lack what was reverted",
    file: "providers/ledger/formance/formance-transaction.ts",
    text: "if (reverted) return",
    without: "if (false) return",
    caughtIn: books,
    caughtBy: "lack what somebody reverted",
  },
  {
    name: "pages of books are in order",
    file: "providers/ledger/formance/formance-books-http.ts",
    text: "transaction.id <= last",
    without: "false",
    caughtIn: books,
    caughtBy: "cannot be read if their pages come again",
  },
  {
    name: "a kind without fields takes none",
    file: "providers/calling/provider-settings.ts",
    text: "hasNoFields(shape) ? Object.keys(own) : []",
    without: "[] as ReadonlyArray<string>",
    caughtIn: config,
    caughtBy: "a field of no kind is a mistake with a place",
  },
  {
    name: "the kind of the ledger is checked before anything connects",
    file: "production/every-mistake.ts",
    text: "yield* check(checkedByKind(called.ledger, ledger))",
    without: "",
    caughtIn: config,
    caughtBy: "an unknown ledger is a mistake with a place",
  },
]
