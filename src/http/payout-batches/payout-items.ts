/** `GET /payout-items`: items of all batches of a partner, by what they have in common; a page of them, or all as a file. */
import { Effect, Schema } from "effect"
import { PartnerId } from "../../domain/identifiers.ts"
import { type Caller, ownerOf } from "../../identity/caller.ts"
import { BatchQueries, ITEMS_PER_PAGE_MAX, type PageTerms } from "../../projections/batch-queries.ts"
import { conditionalJson } from "../edge/conditional.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidRequest, TooManyRequests } from "../edge/failures.ts"
import { FairRoom } from "../edge/fair-room.ts"
import { textIn } from "../edge/query.ts"
import { exportForm, exportItems } from "./item-export.ts"
import { itemFilter, pageTerms, received } from "./list-filters.ts"
import { shownFoundItem } from "./shown-batch.ts"

/** Searches under way in a process: each may keep a connection to the read models busy, which accepting and paying need, too. */
const SEARCHES_MAX = 6

const searchesUnderWay = new FairRoom(SEARCHES_MAX)

const isPartnerId = Schema.is(PartnerId)

/** The partner whose objects a list shows: a partner itself, or the one that an operator names. */
export const partnerNamed = Effect.fnUntraced(function* (c: EdgeContext, caller: Caller) {
  if (caller.kind === "partner") return caller.partner
  const expected = "the partner whose batches to list"
  const partner = yield* textIn(c, "partner", expected, isPartnerId)
  if (partner === undefined) return yield* new InvalidRequest({ detail: `partner: expected ${expected}.` })
  return partner
})

export const searchItems = Effect.fnUntraced(function* (c: EdgeContext, caller: Caller) {
  const partner = yield* partnerNamed(c, caller)
  const terms = yield* pageTerms(c, ITEMS_PER_PAGE_MAX)
  const search = { ...(yield* itemFilter(c)), ...(yield* received(c)) }
  const queries = yield* BatchQueries
  const pageAfter = (request: PageTerms) => queries.search(partner, { ...request, ...search })
  const form = exportForm(c)
  if (form !== undefined) {
    const page = (cursor: string | undefined) => pageAfter({ cursor, limit: ITEMS_PER_PAGE_MAX })
    const owner = ownerOf(caller)
    return yield* exportItems(c, { name: "payout-items", owner, form, page, expected: undefined })
  }
  const { entries, next } = yield* sharing(ownerOf(caller), pageAfter(terms))
  return conditionalJson(c, { items: entries.map(shownFoundItem), next: next ?? null })
})

/** Shares the searches between partners: one that is alone has half of them at a time. */
const sharing = <A, E, R>(
  owner: string,
  search: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | TooManyRequests, R> =>
  Effect.suspend((): Effect.Effect<A, E | TooManyRequests, R> => {
    if (!searchesUnderWay.admits(owner, 1))
      return new TooManyRequests({ what: "searches at a time", retryAfterSeconds: 1 })
    searchesUnderWay.take(owner, 1)
    return Effect.ensuring(
      search,
      Effect.sync(() => searchesUnderWay.giveBack(owner, 1)),
    )
  })
