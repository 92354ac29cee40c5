/** The books of twins that search lists: which lists they have loaded, and what was searched in them. */
import { hash } from "node:crypto"
import * as Schema from "effect/Schema"
import { firstWords, magicOutcome } from "./magic-beneficiaries.ts"
import { type BooksPage, nextOffset, pageOf } from "./server.ts"

const text = (lengthMax: number) => Schema.String.check(Schema.isBetweenLength(1, lengthMax))
const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** An entry of the lists. It is found by the first two words of its name. */
const Entry = Schema.Struct({
  name: text(1_000),
  id: text(200),
  list: text(60),
  score: Share,
  programs: Schema.optionalKey(Schema.Array(text(1_000)).check(Schema.isMaxLength(20))),
})
export type Entry = typeof Entry.Type

const Time = Schema.String.check(
  Schema.makeFilter((given: string) => !Number.isNaN(Date.parse(given)) || "expected an ISO 8601 time"),
)

/** New lists. Without a time they are loaded now, and again every twelve hours. */
export const LoadedLists = Schema.Struct({
  listVersion: text(100),
  entries: Schema.optionalKey(Schema.Array(Entry).check(Schema.isMaxLength(1_000))),
  /** False: as before the first download. */
  isLoaded: Schema.optionalKey(Schema.Boolean),
  loadedAt: Schema.optionalKey(Time),
})
export type LoadedLists = typeof LoadedLists.Type

const firstLists: LoadedLists = { listVersion: "sandbox-2026-11-01" }
const refreshEveryMs = 12 * 3_600_000

/** What is asked: who, as which type, and under which id of the client, where it gave one. */
export interface Search {
  readonly name: string
  readonly type?: string
  readonly requestId?: string
}

/** An entry of the journal. Times are ISO 8601. */
export type SearchEntry =
  | ({ readonly type: "searched"; readonly at: string } & Row)
  | { readonly type: "listed"; readonly at: string; readonly lists: LoadedLists }

interface Row {
  readonly search: Search
  readonly listVersion: string
  /** The highest score that was found; absent if nothing was. */
  readonly score?: number
}

export class SearchedBooks {
  lists: LoadedLists = firstLists
  #since = Date.now()
  readonly #rows: (Row & { readonly at: string })[] = []

  get size(): number {
    return this.#rows.length
  }

  apply(entry: SearchEntry): void {
    if (entry.type === "listed") {
      this.lists = entry.lists
      this.#since = Date.parse(entry.at)
      return
    }
    const { type: _, ...row } = entry
    this.#rows.push(row)
  }

  /** When the lists were loaded last, in milliseconds since 1970. */
  get loadedAtMs(): number {
    const { loadedAt } = this.lists
    if (loadedAt !== undefined) return Date.parse(loadedAt)
    const now = Date.now()
    return now - ((now - this.#since) % refreshEveryMs)
  }

  /** Changes with the lists. */
  hashOf(list: string): string {
    return hash("sha256", `${this.lists.listVersion} ${list}`)
  }

  /** The entries that resemble a name: of the lists, or else a magic beneficiary. Nothing is found while nothing is loaded. */
  find(name: string): readonly Entry[] {
    const { entries = [], isLoaded = true } = this.lists
    if (!isLoaded) return []
    const listed = entries.filter((entry) => firstWords(entry.name) === firstWords(name))
    if (listed.length > 0) return listed.toSorted((one, other) => other.score - one.score)
    const magic = magicOutcome(name)
    if (magic === "sanctioned")
      return [{ name: "SANCTIONED, Sam", id: "17646", list: "us_ofac", score: 1, programs: ["SDGT"] }]
    return magic === "review"
      ? [{ name: "REVIEWER, Rita", id: "442", list: "us_csl", score: 0.87, programs: ["UFLPA"] }]
      : []
  }

  /** The answer to `GET /books`. A search has no consequences, so nothing is ever outstanding. */
  show(page: BooksPage) {
    const summary = {
      listVersion: this.lists.listVersion,
      counts: {
        searched: this.#rows.length,
        found: this.#rows.filter(({ score }) => score !== undefined).length,
      },
      outstanding: 0,
    }
    if (page.summary) return summary
    return {
      ...summary,
      searched: pageOf(this.#rows, page, (row) => row),
      next: nextOffset(this.#rows.length, page),
    }
  }
}
