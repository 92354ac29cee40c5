import { randomUUID } from "node:crypto"
import * as Schema from "effect/Schema"
import { type CallbackRetry, CallbackSender } from "./callbacks.ts"
import { openJournal } from "./journal.ts"
import { Funding, LedgerBooks, type LedgerEntry, Posting } from "./ledger-books.ts"
import { createApp, readKeyed, readPage, refusal, refuseWhenFull, type SandboxServer } from "./server.ts"
import type { WeatherStation } from "./weather-station.ts"

export interface LedgerOptions {
  readonly station: WeatherStation
  readonly journalFile: string | undefined
  /** What each partner has in each currency at the start, in whole units of the currency. */
  readonly funds: bigint
  readonly secret: string
  readonly callbackRetry: CallbackRetry
}

/**
 * The ledger: keeps what each partner has available, held and paid, and books a posting wholly or not at all. Adding funds can
 * notify the service by callback. Unlike a bank's callback, this one is lost when the process ends.
 */
export const ledger = ({
  station,
  journalFile,
  funds,
  secret,
  callbackRetry,
}: LedgerOptions): SandboxServer => {
  const app = createApp()
  const books = new LedgerBooks(funds)
  const journal = openJournal<LedgerEntry>(journalFile, (entry) => books.apply(entry))
  const sender = new CallbackSender(secret, callbackRetry, () => station.clockSkewMs)
  const decodePosting = Schema.decodeUnknownResult(Posting)
  const decodeFunding = Schema.decodeUnknownResult(Funding)

  const record = (entry: LedgerEntry): void => {
    journal.append(entry)
    books.apply(entry)
  }

  const notify = (id: string, { partner, amount: { currency }, callbackUrl }: Funding): void => {
    if (callbackUrl !== undefined)
      sender.deliver(
        { delivery: id, url: callbackUrl, dueMs: Date.now(), message: { id, partner, currency } },
        () => {},
      )
  }

  app.post("/postings", async (c) => {
    const { key, fingerprint, body: posting } = await readKeyed(c, decodePosting)
    const { kind } = posting
    const known = books.answers.recall(key, fingerprint)
    if (known !== undefined) return c.json({ postingId: known, kind })
    refuseWhenFull(books.size)
    const objection = books.objectionTo(posting)
    if (objection !== undefined) throw refusal(422, objection)
    const postingId = `posting-${randomUUID()}`
    record({ at: new Date().toISOString(), key, fingerprint, postingId, posting })
    return c.json({ postingId, kind }, 201)
  })

  app.post("/accounts/fund", async (c) => {
    const { key, fingerprint, body: funding } = await readKeyed(c, decodeFunding)
    const known = books.answers.recall(key, fingerprint)
    if (known !== undefined) return c.json({ fundingId: known })
    refuseWhenFull(books.size)
    const fundingId = `funding-${randomUUID()}`
    record({ at: new Date().toISOString(), key, fingerprint, fundingId, funding })
    notify(fundingId, funding)
    return c.json({ fundingId }, 201)
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return {
    app,
    start() {},
    async close() {
      await sender.close()
      journal.close()
    },
  }
}
