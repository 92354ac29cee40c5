/** The items of a batch as they were: page by page, as of one version, or all as a file. */
import { Effect } from "effect"
import type { BatchId, ItemNumber, PartnerId } from "../../domain/identifiers.ts"
import { type Moment, momentText } from "../../domain/moment.ts"
import { type Caller, ownerOf } from "../../identity/caller.ts"
import {
  BatchQueries,
  InvalidCursor,
  ITEMS_PER_PAGE_MAX,
  type PageTerms,
} from "../../projections/batch-queries.ts"
import { parsePastItemsCursor, pastItemsCursor } from "../../projections/page-cursor.ts"
import { pastItem, pastItems } from "../../projections/past-batch.ts"
import { filterText, type ItemFilter } from "../../projections/search-filter.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { NotFound } from "../edge/failures.ts"
import { oneOfFew, ownPast, pastState, shownAsOf } from "./as-of.ts"
import type { ExportForm } from "./export-lines.ts"
import { exportItems } from "./item-export.ts"
import { shownAttempts, shownItem, shownRemark, withIncluded } from "./shown-batch.ts"

/** Whose batch is asked for, and as of when. */
export interface PastLook {
  readonly caller: Caller
  readonly partner: PartnerId
  readonly id: BatchId
  readonly moment: Moment
}

/** A page of the items as of a moment. The cursor has the version, so that all pages are of one. */
const pastPage = Effect.fnUntraced(function* (
  id: BatchId,
  moment: Moment,
  { cursor, limit, ...filter }: PageTerms & ItemFilter,
) {
  const list = `items ${id} ${momentText(moment)} ${filterText(filter)}`
  const place = cursor === undefined ? undefined : parsePastItemsCursor(list, cursor)
  if (cursor !== undefined && place === undefined) return yield* new InvalidCursor()
  const { asOf, shown } = yield* pastState(
    id,
    place === undefined ? moment : { version: place.version },
    (folded) => pastItems(id, folded, filter, { after: place?.item ?? 0, countMax: limit + 1 }),
  )
  const entries = shown.slice(0, limit)
  const last = entries.at(-1)
  const next =
    shown.length > limit && last !== undefined
      ? pastItemsCursor(list, { version: asOf.version, item: last.item })
      : undefined
  return { entries, next, asOf }
})

/** The answer with a page of the items as they were. */
export const pastItemPage = Effect.fnUntraced(function* (
  { caller, partner, id, moment }: PastLook,
  terms: PageTerms & ItemFilter,
  include: ReadonlyArray<"attempts"> | undefined,
) {
  yield* ownPast(partner, id)
  const { entries, next, asOf } = yield* oneOfFew(caller, pastPage(id, moment, terms))
  return {
    items: entries.map(withIncluded(include, shownItem)),
    next: next ?? null,
    version: asOf.version,
    asOf: shownAsOf(asOf),
  }
})

/** All items as they were, as a file. Exports have a limit of their own. */
export const exportPastItems = Effect.fnUntraced(function* (
  c: EdgeContext,
  form: ExportForm,
  { caller, partner, id, moment }: PastLook,
  filter: ItemFilter,
) {
  yield* ownPast(partner, id)
  const { asOf, shown: count } = yield* oneOfFew(
    caller,
    pastState(id, moment, ({ batch }) => batch.items.size),
  )
  const page = (cursor: string | undefined) =>
    Effect.map(
      pastPage(id, { version: asOf.version }, { ...filter, cursor, limit: ITEMS_PER_PAGE_MAX }),
      ({ entries, next }) => ({ entries: entries.map((item) => ({ ...item, batch: id })), next }),
    )
  const isFiltered = Object.values(filter).some((one) => one !== undefined)
  const expected = isFiltered ? undefined : count
  return yield* exportItems(c, { name: id, owner: ownerOf(caller), form, page, expected })
})

/** The answer with one item as it was, with what banks had reported by then. Remarks are not in the log: the read models have them. */
export const pastItemDetail = Effect.fnUntraced(function* (
  { caller, partner, id, moment }: PastLook,
  item: ItemNumber,
) {
  yield* ownPast(partner, id)
  const { asOf, shown } = yield* oneOfFew(
    caller,
    pastState(id, moment, (folded) => pastItem(id, folded, item)),
  )
  if (shown === undefined) return yield* new NotFound({ what: "payout item" })
  const detail = yield* (yield* BatchQueries).item(partner, id, item)
  const remarks = typeof detail === "object" ? detail.remarks : []
  return {
    ...shownItem(shown),
    ...shownAttempts(shown),
    bankRemarks: remarks.filter(({ seenAt }) => seenAt <= asOf.at).map(shownRemark),
    asOf: shownAsOf(asOf),
  }
})
