/** `GET /payout-items`: items of all batches of a partner, by what they have in common; a page of them, or all as a file. */
import { Effect, Schema } from "effect"
import { PartnerId } from "../../domain/identifiers.ts"
import { access } from "../../identity/access.ts"
import { type Caller, ownerOf } from "../../identity/caller.ts"
import { BatchQueries, ITEMS_PER_PAGE_MAX, type PageTerms } from "../../projections/batch-queries.ts"
import { fairlyAtATime } from "../edge/at-a-time.ts"
import { InvalidRequest } from "../edge/failures.ts"
import { caller } from "../routing/guards.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { asFile, exportForm, exportItems } from "./item-export.ts"
import { itemFilters, ofPartner, ofTime, pageOf, withAmounts, withMore } from "./list-filters.ts"
import { exampleFoundItem, FoundItemPage } from "./shapes.ts"
import { shownFoundItem, withIncluded } from "./shown-batch.ts"

/** Searches under way in a process: each may keep a connection to the read models busy, which accepting and paying need, too. */
const SEARCHES_MAX = 6

/** Shares the searches between partners. */
const sharing = fairlyAtATime(SEARCHES_MAX, "searches at a time")

const isPartnerId = Schema.is(PartnerId)

/** The partner whose objects a list shows: a partner itself, or the one that an operator names. */
export const partnerNamed = (
  caller: Caller,
  asked: string | undefined,
): Effect.Effect<PartnerId, InvalidRequest> => {
  if (caller.kind === "partner") return Effect.succeed(caller.partner)
  return isPartnerId(asked)
    ? Effect.succeed(asked)
    : Effect.fail(new InvalidRequest({ detail: "partner: expected the partner whose batches to list." }))
}

export const searchPayoutItems = route({
  method: "GET",
  path: "/payout-items",
  operationId: "searchPayoutItems",
  tag: "Payout batches",
  summary: "Search the items of all batches",
  description:
    "Those of the batch that was received last come first, in their order. With filters, a page may have fewer items than its " +
    "limit, or none, before the end. If `Accept` prefers CSV or NDJSON, all items come as a file.",
  guard: caller(access.readBatches),
  query: { ...pageOf(ITEMS_PER_PAGE_MAX), ...itemFilters, ...ofTime, ...ofPartner, ...withMore },
  conditional: true,
  answers: {
    200: {
      ...asFile,
      description: "One page, or all items as a file.",
      schema: FoundItemPage,
      example: { items: [exampleFoundItem], next: null },
    },
  },
  failures: ["InvalidCursor", "InvalidRequest", "StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({
    c,
    caller,
    mediaType,
    query: { limit, cursor, partner: asked, include, ...filters },
  }) {
    const partner = yield* partnerNamed(caller, asked)
    const search = yield* withAmounts(filters)
    const queries = yield* BatchQueries
    const pageAfter = (terms: PageTerms) => queries.search(partner, { ...terms, ...search })
    const form = exportForm(mediaType)
    if (form !== undefined) {
      const page = (after: string | undefined) => pageAfter({ cursor: after, limit: ITEMS_PER_PAGE_MAX })
      const owner = ownerOf(caller)
      return yield* exportItems(c, { name: "payout-items", owner, form, page, expected: undefined })
    }
    const { entries, next } = yield* sharing(ownerOf(caller), pageAfter({ limit, cursor }))
    return reply(200, { items: entries.map(withIncluded(include, shownFoundItem)), next: next ?? null })
  }),
)
