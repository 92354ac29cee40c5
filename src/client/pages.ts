/** Lists that come in pages, entry by entry. A page may be empty before the end. */
import { UnusableAnswer } from "./errors.ts"

/** More pages than any list has. A list that does not end has another fault. */
const PAGES_MAX = 1_000_000

interface Page<Entry, Cursor> {
  readonly entries: ReadonlyArray<Entry>
  readonly next: Cursor | null
}

/** The entries of all pages, of which one is kept at a time. `call` names the list in an error. */
export async function* entriesOf<Entry, Cursor extends string | number>(
  call: string,
  first: Cursor | undefined,
  pageAfter: (cursor: Cursor | undefined) => Promise<Page<Entry, Cursor>>,
): AsyncGenerator<Entry, void, undefined> {
  let cursor = first
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { entries, next } = await pageAfter(cursor)
    yield* entries
    if (next === null || next === undefined) return
    if (next === cursor) break
    cursor = next
  }
  const details = { call, idempotencyKey: undefined, tries: 1, mayBeDone: false }
  throw new UnusableAnswer("the list does not end: a page leads to itself", details)
}
