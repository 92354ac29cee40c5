import {
  FormanceBooks,
  type FormanceEntry,
  type Ledger,
  type Movement,
  type Transaction,
} from "./formance-books.ts"
import type { Asked } from "./formance-requests.ts"
import { openJournal } from "./journal.ts"
import { refuseWhenFull } from "./server.ts"

/** Why something is not done, by the document's codes. */
export type FormanceRefusal =
  | "NO_POSTINGS"
  | "INSUFFICIENT_FUND"
  | "CONFLICT"
  | "VALIDATION"
  | "NOT_FOUND"
  | "ALREADY_REVERT"

/** What became of a request: a transaction, perhaps one that was booked before, or a refusal. */
export type Outcome =
  | { readonly transaction: Transaction; readonly wasKnown: boolean }
  | { readonly refused: FormanceRefusal }

export interface FormanceOptions {
  readonly journalFile: string | undefined
  /** What is paid in to an account `…:available` before it first pays in an asset, in whole units; nothing at all if it is 0. */
  readonly funds: bigint
}

/** The ledger that is there from the start. */
const firstLedger = "payouts"

const now = () => new Date().toISOString()

/** Books transactions, each in the journal before it is in the books. */
export const formanceBookings = ({ journalFile, funds }: FormanceOptions) => {
  const books = new FormanceBooks()
  const journal = openJournal<FormanceEntry>(journalFile, (entry) => books.apply(entry))
  const record = (entry: FormanceEntry): Transaction | undefined => {
    journal.append(entry)
    return books.apply(entry)
  }
  const booked = (entry: FormanceEntry): Outcome => {
    const transaction = record(entry)
    return transaction === undefined ? { refused: "NOT_FOUND" } : { transaction, wasKnown: false }
  }
  const create = (ledger: string): void => void record({ at: now(), ledger, created: true })
  if (!books.ledgers.has(firstLedger)) create(firstLedger)

  /** What is paid in for the accounts that pay in these postings for the first time, as somebody of the company would book it. */
  const payIn = (name: string, ledger: Ledger, postings: ReadonlyArray<Movement>): void => {
    for (const { source, asset } of postings) {
      if (funds === 0n || !source.endsWith(":available") || ledger.hasSeen(source, asset)) continue
      const amount = (funds * 10n ** BigInt(asset.split("/")[1] ?? "0")).toString()
      const paidIn = { source: "world", destination: source, asset, amount }
      record({ at: now(), ledger: name, draft: { metadata: { note: "play money" }, postings: [paidIn] } })
    }
  }

  return {
    books,
    create,
    close: () => journal.close(),
    book(name: string, ledger: Ledger, asked: Asked): Outcome {
      const { draft, key, fingerprint, isDryRun } = asked
      const known = key === undefined ? undefined : ledger.byKey.get(key)
      if (known !== undefined)
        return known.fingerprint === fingerprint
          ? { transaction: known.transaction, wasKnown: true }
          : { refused: "VALIDATION" }
      refuseWhenFull(books.size)
      payIn(name, ledger, draft.postings)
      const refused = objectionTo(ledger, asked)
      if (refused !== undefined) return { refused }
      if (isDryRun)
        return { transaction: { ...draft, id: ledger.transactions.length + 1, at: now() }, wasKnown: false }
      return booked({ at: now(), ledger: name, ...(key === undefined ? {} : { key, fingerprint }), draft })
    },
    /** Books the reverse of a transaction, once. */
    revert(name: string, ledger: Ledger, id: number, isForced: boolean): Outcome {
      const reverted = ledger.withId(id)
      if (reverted === undefined) return { refused: "NOT_FOUND" }
      if (reverted.revertedAt !== undefined) return { refused: "ALREADY_REVERT" }
      const postings = reverted.postings
        .toReversed()
        .map((posting) => ({ ...posting, source: posting.destination, destination: posting.source }))
      if (!isForced && ledger.lacksFunds(postings)) return { refused: "INSUFFICIENT_FUND" }
      const metadata = { "com.formance.spec/state/reverts": String(id) }
      return booked({ at: now(), ledger: name, reverts: id, draft: { metadata, postings } })
    },
  }
}

const objectionTo = (ledger: Ledger, { draft, isForced }: Asked): FormanceRefusal | undefined => {
  const { postings, reference } = draft
  if (postings.length === 0) return "NO_POSTINGS"
  // Funds are looked at first, as the real one does: a repeated reference may be answered with a lack of funds.
  if (!isForced && ledger.lacksFunds(postings)) return "INSUFFICIENT_FUND"
  return reference !== undefined && ledger.withReference(reference) !== undefined ? "CONFLICT" : undefined
}
