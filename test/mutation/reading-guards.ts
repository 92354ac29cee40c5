/** Guards around what partners read: whose it is, and that a part is not taken for the whole. */
import type { StepGuard } from "./step-guards.ts"

const search = "test/projections/item-search.test.ts"
const reading = "test/http/payout-batches/reading.test.ts"
const streams = "test/http/payout-batches/event-stream.test.ts"

export const readingGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a search leads to no item of another partner",
    file: "projections/item-search-postgres.ts",
    text: `where partner = \${partner}\n        \${receivedIn(sql, search)}\n        and exists (select from payout_items last`,
    without: `where true\n        \${receivedIn(sql, search)}\n        and exists (select from payout_items last`,
    caughtIn: search,
    caughtBy: "finds nothing of another partner",
  },
  {
    name: "a page goes on after the item at which the last one ended",
    file: "projections/item-search-postgres.ts",
    text: `then \${after?.item ?? 0} else 0 end`,
    without: "then 0 else 0 end",
    caughtIn: search,
    caughtBy: "neither skips nor repeats an item while others are written",
  },
  {
    name: "a batch is found once all of its items are shown",
    file: "projections/item-search-postgres.ts",
    text: `(select true from payout_items where batch = id and item = item_count) \${mayHaveItems(sql, search)}`,
    without: `true \${mayHaveItems(sql, search)}`,
    caughtIn: search,
    caughtBy: "does not find a batch before all of its items are shown",
  },
  {
    name: "a cursor belongs to its list",
    file: "projections/page-cursor.ts",
    text: "bound === undefined || bound === boundTo(list, place)",
    without: `bound !== boundTo(list, \`\${place}x\`)`,
    caughtIn: search,
    caughtBy: "refuses a cursor of another filter, another partner, or one that was changed",
  },
  {
    name: "an export that lacks items does not look complete",
    file: "http/payout-batches/item-export.ts",
    text: "expected !== undefined && count !== expected",
    without: "expected !== undefined && count > expected",
    caughtIn: reading,
    caughtBy: "that cannot be completed is cut off",
  },
  {
    name: "no cell of an export is a formula",
    file: "http/payout-batches/export-lines.ts",
    text: 'textCell(String(cells[column] ?? ""))',
    without: 'String(cells[column] ?? "")',
    caughtIn: reading,
    caughtBy: "in CSV has no formula, and amounts as they are",
  },
  {
    name: "a request whose answer the client does not accept does nothing",
    file: "http/routing/route.ts",
    text: "if (mediaType === undefined) return Effect.fail",
    without: "if (mediaType === null) return Effect.fail",
    caughtIn: "test/http/openapi.test.ts",
    caughtBy: "to who accepts none of the forms that a route answers in, before it does anything",
  },
  {
    name: "a stream ends with its key",
    file: "http/payout-batches/event-stream.ts",
    text: "if (Exit.isSuccess(found) && lackOf(found.value, access.readBatches) === undefined) continue",
    without: "if (found._tag.length > 0) continue",
    caughtIn: streams,
    caughtBy: "is cut off within five seconds when its key is revoked",
  },
  {
    name: "a partner has a limited number of streams",
    file: "http/payout-batches/open-streams.ts",
    text: "all >= eventStreamsMax || own >= eventStreamsPerPartnerMax",
    without: "all >= eventStreamsMax",
    caughtIn: streams,
    caughtBy: "is one of a limited number",
  },
]
