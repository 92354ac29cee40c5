/** What twins that search lists have in common: their books and journal, `GET /books`, and `POST /sandbox/lists`, which loads other lists. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Hono } from "hono"
import { openJournal } from "./journal.ts"
import type { SandboxEnv } from "./request-body.ts"
import { type Entry, LoadedLists, type Search, type SearchEntry, SearchedBooks } from "./searched-books.ts"
import { createApp, type Refused, readJson, readPage, refusal, refuseWhenFull } from "./server.ts"

const decodeLists = Schema.decodeUnknownResult(LoadedLists)

export interface ListServer {
  readonly app: Hono<SandboxEnv>
  readonly books: SearchedBooks
  /** Answers a search from the lists, and writes it down. */
  readonly search: (search: Search) => readonly Entry[]
  readonly close: () => Promise<void>
}

/** A server without its provider's own routes. `format` gives errors the provider's form. */
export const listServer = (
  journalFile: string | undefined,
  format: (refused: Refused) => object,
): ListServer => {
  const app = createApp(format)
  const books = new SearchedBooks()
  const journal = openJournal<SearchEntry>(journalFile, (entry) => books.apply(entry))
  const record = (entry: SearchEntry): void => {
    journal.append(entry)
    books.apply(entry)
  }

  app.post("/sandbox/lists", async (c) => {
    const lists = decodeLists(await readJson(c))
    if (Result.isFailure(lists)) throw refusal(400, { code: "malformed", message: lists.failure.message })
    record({ type: "listed", at: new Date().toISOString(), lists: lists.success })
    return c.json({ listVersion: lists.success.listVersion })
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return {
    app,
    books,
    search: (search) => {
      refuseWhenFull(books.size)
      const found = books.find(search.name)
      const [best] = found
      const { listVersion } = books.lists
      const at = new Date().toISOString()
      record({ type: "searched", at, search, listVersion, ...(best && { score: best.score }) })
      return found
    },
    close: async () => journal.close(),
  }
}

/** A number of a query; `fallback` if it is missing, and 400 if it is no number. */
export const numberOf = (name: string, given: string | undefined, fallback: number): number => {
  const number = given === undefined ? fallback : Number(given)
  if (!Number.isFinite(number) || given === "")
    throw refusal(400, { code: "malformed", message: `${name}: expected a number` })
  return number
}
