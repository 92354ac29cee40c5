/** `/payout-batches` and the routes below it: list and show batches, with their items and events; and `/payout-items`. */
import { Effect } from "effect"
import { type BatchId, type PartnerId, parseItemNumber } from "../../domain/identifiers.ts"
import { access } from "../../identity/access.ts"
import { ownerOf } from "../../identity/caller.ts"
import {
  BATCHES_PER_PAGE_MAX,
  BatchQueries,
  type BatchView,
  ITEMS_PER_PAGE_MAX,
  type PageTerms,
} from "../../projections/batch-queries.ts"
import { pastBatch } from "../../projections/past-batch.ts"
import { ItemsNotYetShown, NotFound, VersionNotReached } from "../edge/failures.ts"
import { VERSION_MAX } from "../edge/query.ts"
import { caller } from "../routing/guards.ts"
import { wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { asOfParameter, oneOfFew, ownPast, pastState, refuseAtLeast, shownAsOf } from "./as-of.ts"
import { listBatchActs } from "./batch-acts.ts"
import { endsWith, ownBatch, partnerOf, viewFromLog } from "./batch-from-log.ts"
import { listBatchEvents } from "./event-list.ts"
import { interventionRoutes } from "./interventions.ts"
import { asFile, exportForm, exportItems } from "./item-export.ts"
import { batchFilters, itemFilters, ofPartner, pageOf, withAmounts, withMore } from "./list-filters.ts"
import { showListMatches } from "./list-matches.ts"
import { exportPastItems, pastItemDetail, pastItemPage } from "./past-items.ts"
import { partnerNamed, searchPayoutItems } from "./payout-items.ts"
import { rescheduleBatch } from "./schedule.ts"
import {
  batchInPath,
  exampleAttempt,
  exampleBatch,
  exampleItem,
  itemInPath,
  PayoutBatch,
  PayoutBatchPage,
  PayoutItemDetail,
  PayoutItemPage,
} from "./shapes.ts"
import { shownAttempts, shownBatch, shownItem, shownRemark, withIncluded } from "./shown-batch.ts"

const reading = caller(access.readBatches)

const atVersion = {
  atLeast: wholeNumber({
    description: "The answer must reflect at least this version of the log.",
    minimum: 0,
    maximum: VERSION_MAX,
    fallback: 0,
  }),
  asOf: asOfParameter,
}

export const listPayoutBatches = route({
  method: "GET",
  path: "/payout-batches",
  operationId: "listPayoutBatches",
  tag: "Payout batches",
  summary: "List payout batches",
  description:
    "The newest first. A partner gets its own batches; an operator names the partner. With filters, a page may have fewer " +
    "batches than its limit, or none, before the end.",
  guard: reading,
  query: { ...pageOf(BATCHES_PER_PAGE_MAX), ...batchFilters, ...ofPartner },
  conditional: true,
  answers: {
    200: {
      description: "One page.",
      schema: PayoutBatchPage,
      example: { payoutBatches: [exampleBatch], next: null },
    },
  },
  failures: ["InvalidCursor", "InvalidRequest", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, query: { partner: asked, ...query } }) {
    const partner = yield* partnerNamed(caller, asked)
    const request = yield* withAmounts(query)
    const { entries, next } = yield* (yield* BatchQueries).batches(partner, request)
    return reply(200, { payoutBatches: entries.map(shownBatch), next: next ?? null })
  }),
)

/**
 * Shows a batch from the read models, or from its log if they do not have it yet, are behind the version that the client
 * knows (`atLeast`), or do not answer: so a client can read a batch as soon as it has posted it. A version beyond the end
 * of the log is refused, without reading the whole log if the read models are at its end.
 */
export const showPayoutBatch = route({
  method: "GET",
  path: "/payout-batches/:id",
  operationId: "showPayoutBatch",
  tag: "Payout batches",
  summary: "Show a payout batch",
  description:
    "As soon as a batch was accepted it can be read, with `atLeast` as of a version that the client knows, and with `asOf` as it " +
    "was at any version or time.",
  guard: reading,
  parameters: batchInPath,
  query: atVersion,
  conditional: true,
  answers: { 200: { description: "The batch.", schema: PayoutBatch, example: exampleBatch } },
  failures: [
    "CorruptEntry",
    "InvalidRequest",
    "NotFound",
    "OutsideHistory",
    "StoreUnavailable",
    "TooManyRequests",
    "VersionNotReached",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters: { id }, query: { atLeast, asOf: moment } }) {
    const partner = yield* partnerOf(caller, id)
    if (moment !== undefined) {
      yield* refuseAtLeast(atLeast)
      yield* ownPast(partner, id)
      const past = pastState(id, moment, (folded) => pastBatch(id, folded))
      const { asOf, shown } = yield* oneOfFew(caller, past)
      return reply(200, { ...shownBatch(shown), asOf: shownAsOf(asOf) })
    }
    const known = yield* (yield* BatchQueries)
      .batch(partner, id)
      .pipe(
        Effect.catchTag("StoreUnavailable", (error) =>
          Effect.as(
            Effect.logWarning("reading the log because the read models are not available", error),
            undefined,
          ),
        ),
      )
    if (known !== undefined && known.version < atLeast && (yield* endsWith(id, known.version)))
      return yield* new VersionNotReached({ version: known.version })
    const isShown = known !== undefined && known.version >= atLeast && !lacksTerms(known)
    const view = isShown ? known : yield* viewFromLog(partner, id)
    if (view.version < atLeast) return yield* new VersionNotReached({ version: view.version })
    return reply(200, shownBatch(view))
  }),
)

/** A batch that waits for a time or an approval has one; an earlier release stored this one without it. */
const lacksTerms = ({ state, executeAt, approval }: BatchView): boolean =>
  (state === "scheduled" && executeAt === undefined) ||
  (state === "awaiting-approval" && approval === undefined)

export const listPayoutItems = route({
  method: "GET",
  path: "/payout-batches/:id/items",
  operationId: "listPayoutItems",
  tag: "Payout batches",
  summary: "List the items of a batch",
  description:
    "In their order. A batch that was just accepted may be answered with 503 for a moment. If `Accept` prefers CSV or NDJSON, all " +
    "items come as a file.",
  guard: reading,
  parameters: batchInPath,
  query: { ...pageOf(ITEMS_PER_PAGE_MAX), ...itemFilters, ...atVersion, ...withMore },
  conditional: true,
  answers: {
    200: {
      ...asFile,
      description: "One page, or all items as a file.",
      schema: PayoutItemPage,
      example: { items: [exampleItem], next: null, version: 12 },
    },
  },
  failures: [
    "CorruptEntry",
    "InvalidCursor",
    "InvalidRequest",
    "ItemsNotYetShown",
    "NotFound",
    "OutsideHistory",
    "StoreUnavailable",
    "TooManyRequests",
    "VersionNotReached",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ c, caller, mediaType, parameters: { id }, query }) {
    const partner = yield* partnerOf(caller, id)
    const { limit, cursor, atLeast, asOf: moment, include, ...filters } = query
    const filter = yield* withAmounts(filters)
    const form = exportForm(mediaType)
    if (moment !== undefined) {
      yield* refuseAtLeast(atLeast)
      const look = { caller, partner, id, moment }
      if (form !== undefined) return yield* exportPastItems(c, form, look, filter)
      return reply(200, yield* pastItemPage(look, { limit, cursor, ...filter }, include))
    }
    const queries = yield* BatchQueries
    const pageAfter = Effect.fnUntraced(function* (terms: PageTerms) {
      const page = yield* queries.items(partner, id, { ...terms, ...filter })
      if (page === undefined || page.version < atLeast)
        return yield* notYetShown(partner, id, page?.version, atLeast)
      return page
    })
    if (form !== undefined) {
      const whole = yield* queries.wholeBatch(partner, id)
      if (whole === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
      const isFiltered = Object.values(filter).some((one) => one !== undefined)
      const page = (after: string | undefined) =>
        Effect.map(pageAfter({ cursor: after, limit: ITEMS_PER_PAGE_MAX }), ({ entries, next }) => ({
          entries: entries.map((item) => ({ ...item, batch: id })),
          next,
        }))
      const expected = isFiltered ? undefined : whole
      return yield* exportItems(c, { name: id, owner: ownerOf(caller), form, page, expected })
    }
    const { entries, next, version } = yield* pageAfter({ limit, cursor })
    return reply(200, { items: entries.map(withIncluded(include, shownItem)), next: next ?? null, version })
  }),
)

/** Why a batch's items cannot be shown as of a version: the log ends before it, or the read models are behind. */
const notYetShown = Effect.fnUntraced(function* (
  partner: PartnerId,
  id: BatchId,
  shown: number | undefined,
  atLeast: number,
) {
  yield* ownBatch(partner, id)
  if (shown !== undefined && shown < atLeast && (yield* endsWith(id, shown)))
    return yield* new VersionNotReached({ version: shown })
  return yield* new ItemsNotYetShown({ batch: id })
})

export const showPayoutItem = route({
  method: "GET",
  path: "/payout-batches/:id/items/:item",
  operationId: "showPayoutItem",
  tag: "Payout batches",
  summary: "Show an item",
  description:
    "With all attempts to pay it, and the reasons, charges and rates that banks reported of them, beside their state.",
  guard: reading,
  parameters: {
    ...batchInPath,
    item: { ...itemInPath, what: "payout item", read: parseItemNumber },
  },
  query: { asOf: asOfParameter },
  conditional: true,
  answers: {
    200: {
      description: "The item.",
      schema: PayoutItemDetail,
      example: { ...exampleItem, attempts: [exampleAttempt], bankRemarks: [] },
    },
  },
  failures: [
    "CorruptEntry",
    "ItemsNotYetShown",
    "NotFound",
    "OutsideHistory",
    "StoreUnavailable",
    "TooManyRequests",
    "VersionNotReached",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters: { id, item }, query: { asOf: moment } }) {
    const partner = yield* partnerOf(caller, id)
    if (moment !== undefined) return reply(200, yield* pastItemDetail({ caller, partner, id, moment }, item))
    const detail = yield* (yield* BatchQueries).item(partner, id, item)
    if (detail === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
    if (detail === "no such item") return yield* noSuchItem
    return reply(200, {
      ...shownItem(detail.item),
      ...shownAttempts(detail.item),
      bankRemarks: detail.remarks.map(shownRemark),
    })
  }),
)

const noSuchItem = new NotFound({ what: "payout item" })

/** The routes of batches that were accepted. */
export const payoutBatchRoutes = [
  listPayoutBatches,
  showPayoutBatch,
  listPayoutItems,
  showPayoutItem,
  showListMatches,
  listBatchEvents,
  listBatchActs,
  searchPayoutItems,
  ...interventionRoutes,
  rescheduleBatch,
]
