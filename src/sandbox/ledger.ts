import { randomUUID } from "node:crypto"
import * as Schema from "effect/Schema"
import { openJournal } from "./journal.ts"
import { LedgerBooks, type LedgerEntry, Posting } from "./ledger-books.ts"
import { createApp, readKeyed, readPage, refusal, refuseWhenFull, type SandboxServer } from "./server.ts"

export interface LedgerOptions {
  readonly journalFile: string | undefined
  /** What each partner has in each currency to begin with, in whole units of the currency. */
  readonly funds: bigint
}

/** The ledger: keeps what each partner has available, held and paid, and books a posting wholly or not at all. */
export const ledger = ({ journalFile, funds }: LedgerOptions): SandboxServer => {
  const app = createApp()
  const books = new LedgerBooks(funds)
  const journal = openJournal<LedgerEntry>(journalFile, (entry) => books.apply(entry))
  const decodePosting = Schema.decodeUnknownResult(Posting)

  app.post("/postings", async (c) => {
    const { key, fingerprint, body: posting } = await readKeyed(c, decodePosting)
    const { kind } = posting
    const known = books.answers.recall(key, fingerprint)
    if (known !== undefined) return c.json({ postingId: known, kind })
    refuseWhenFull(books.size)
    const objection = books.objectionTo(posting)
    if (objection !== undefined) throw refusal(422, objection)
    const postingId = `posting-${randomUUID()}`
    const entry = { at: new Date().toISOString(), key, fingerprint, postingId, posting }
    journal.append(entry)
    books.apply(entry)
    return c.json({ postingId, kind }, 201)
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return { app, start() {}, close: async () => journal.close() }
}
