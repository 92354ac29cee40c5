/** `GET /payout-items`: items of all batches of a partner, by what they have in common; a page of them, or all as a file. */
import { Effect, Schema } from "effect"
import { PartnerId } from "../../domain/identifiers.ts"
import { type Caller, ownerOf } from "../../identity/caller.ts"
import { BatchQueries, ITEMS_PER_PAGE_MAX, type PageTerms } from "../../projections/batch-queries.ts"
import { conditionalJson } from "../edge/conditional.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidRequest } from "../edge/failures.ts"
import { textIn } from "../edge/query.ts"
import { exportForm, exportItems } from "./item-export.ts"
import { itemFilter, pageTerms, received } from "./list-filters.ts"
import { shownFoundItem } from "./shown-batch.ts"

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
  const { entries, next } = yield* pageAfter(terms)
  return conditionalJson(c, { items: entries.map(shownFoundItem), next: next ?? null })
})
