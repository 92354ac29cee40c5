/** `/payout-batches` and the routes below it: list and show batches, with their items and events. */
import { Effect, Schema } from "effect"
import { failureOf } from "../../domain/failure-codes.ts"
import { PartnerId, parseItemNumber } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import { needsAttention } from "../../domain/shown.ts"
import { uetrOf } from "../../domain/uetr.ts"
import { access } from "../../identity/access.ts"
import {
  BATCHES_PER_PAGE_MAX,
  type BankRemarkView,
  BatchQueries,
  type BatchView,
  ITEMS_PER_PAGE_MAX,
  type ItemView,
  type Totals,
} from "../../projections/batch-queries.ts"
import { InvalidRequest, ItemsNotYetShown, NotFound, VersionNotReached } from "../edge/failures.ts"
import { VERSION_MAX } from "../edge/query.ts"
import { caller } from "../routing/guards.ts"
import { oneOf, text, wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { endsWith, ownBatch, partnerOf, viewFromLog } from "./batch-from-log.ts"
import { interventionRoutes } from "./interventions.ts"
import { listBatchEvents } from "./payout-batch-events.ts"
import {
  BatchState,
  batchInPath,
  exampleBatch,
  exampleItem,
  ItemState,
  itemInPath,
  PayoutBatch,
  PayoutBatchPage,
  PayoutItemDetail,
  PayoutItemPage,
} from "./shapes.ts"

const PAGE_DEFAULT = 100
const isPartnerId = Schema.is(PartnerId)

const reading = caller(access.readBatches)

const pageOf = (limitMax: number) => ({
  limit: wholeNumber({
    description: "How many entries a page has at most.",
    minimum: 1,
    maximum: limitMax,
    fallback: PAGE_DEFAULT,
  }),
  cursor: text(Schema.String, { description: "`next` of the previous page.", expected: "a cursor" }),
})

export const listPayoutBatches = route({
  method: "GET",
  path: "/payout-batches",
  operationId: "listPayoutBatches",
  tag: "Payout batches",
  summary: "List payout batches",
  description: "The newest first. A partner gets its own batches; an operator names the partner.",
  guard: reading,
  query: {
    ...pageOf(BATCHES_PER_PAGE_MAX),
    state: oneOf(BatchState, { description: "Only those in this state." }),
    partner: text(Schema.String, {
      description: "For operators, who have to name it: the partner whose batches to list.",
      expected: "the partner whose batches to list",
    }),
  },
  answers: {
    200: {
      description: "One page.",
      schema: PayoutBatchPage,
      example: { payoutBatches: [exampleBatch], next: null },
    },
  },
  failures: ["InvalidCursor", "InvalidRequest", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, query: { partner: asked, ...request } }) {
    const partner = caller.kind === "partner" ? caller.partner : asked
    if (!isPartnerId(partner))
      return yield* new InvalidRequest({ detail: "partner: expected the partner whose batches to list." })
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
    "As soon as a batch was accepted it can be read, with `atLeast` as of a version that the client knows.",
  guard: reading,
  parameters: batchInPath,
  query: {
    atLeast: wholeNumber({
      description: "The answer must reflect at least this version of the log.",
      minimum: 0,
      maximum: VERSION_MAX,
      fallback: 0,
    }),
  },
  answers: { 200: { description: "The batch.", schema: PayoutBatch, example: exampleBatch } },
  failures: ["CorruptEntry", "NotFound", "StoreUnavailable", "TooManyRequests", "VersionNotReached"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters: { id }, query: { atLeast } }) {
    const partner = yield* partnerOf(caller, id)
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
    const isShown = known !== undefined && known.version >= atLeast && !lacksSchedule(known)
    const view = isShown ? known : yield* viewFromLog(partner, id)
    if (view.version < atLeast) return yield* new VersionNotReached({ version: view.version })
    return reply(200, shownBatch(view))
  }),
)

/** A batch that is scheduled has a time; an earlier release stored this one without it. */
const lacksSchedule = ({ state, executeAt }: BatchView): boolean =>
  state === "scheduled" && executeAt === undefined

export const listPayoutItems = route({
  method: "GET",
  path: "/payout-batches/:id/items",
  operationId: "listPayoutItems",
  tag: "Payout batches",
  summary: "List the items of a batch",
  description: "In their order. A batch that was just accepted may be answered with 503 for a moment.",
  guard: reading,
  parameters: batchInPath,
  query: {
    ...pageOf(ITEMS_PER_PAGE_MAX),
    state: oneOf(ItemState, { description: "Only those in this state." }),
  },
  answers: {
    200: {
      description: "One page.",
      schema: PayoutItemPage,
      example: { items: [exampleItem], next: null, version: 12 },
    },
  },
  failures: ["CorruptEntry", "InvalidCursor", "ItemsNotYetShown", "NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters: { id }, query }) {
    const partner = yield* partnerOf(caller, id)
    const page = yield* (yield* BatchQueries).items(partner, id, query)
    if (page === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
    const { entries, next, version } = page
    return reply(200, { items: entries.map(shownItem), next: next ?? null, version })
  }),
)

export const showPayoutItem = route({
  method: "GET",
  path: "/payout-batches/:id/items/:item",
  operationId: "showPayoutItem",
  tag: "Payout batches",
  summary: "Show an item",
  description: "With the reasons, charges and rates that banks reported of its attempts, beside their state.",
  guard: reading,
  parameters: {
    ...batchInPath,
    item: { ...itemInPath, what: "payout item", read: parseItemNumber },
  },
  answers: {
    200: {
      description: "The item.",
      schema: PayoutItemDetail,
      example: { ...exampleItem, bankRemarks: [] },
    },
  },
  failures: ["CorruptEntry", "ItemsNotYetShown", "NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters: { id, item } }) {
    const partner = yield* partnerOf(caller, id)
    const detail = yield* (yield* BatchQueries).item(partner, id, item)
    if (detail === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
    if (detail === "no such item") return yield* noSuchItem
    return reply(200, { ...shownItem(detail.item), bankRemarks: detail.remarks.map(shownRemark) })
  }),
)

const noSuchItem = new NotFound({ what: "payout item" })

const shownRemark = ({ seenAt, ...remark }: BankRemarkView) => ({
  ...remark,
  seenAt: new Date(seenAt).toISOString(),
})

/** `totals` are the accepted amounts, as in the answer to the post; `states` has the amounts by item state. */
const shownBatch = ({ totals, receivedAt, updatedAt, closedAt, executeAt, ...view }: BatchView) => ({
  ...view,
  totals: Object.fromEntries(
    Object.entries(totals).map(([currency, states]) => [currency, sumOf(currency, states)]),
  ),
  states: totals,
  needsAttention: needsAttention(view.state, totals),
  receivedAt: new Date(receivedAt).toISOString(),
  updatedAt: new Date(updatedAt).toISOString(),
  ...(closedAt === undefined ? {} : { closedAt: new Date(closedAt).toISOString() }),
  ...(executeAt === undefined ? {} : { executeAt: new Date(executeAt).toISOString() }),
})

/** Amounts have exactly the currency's decimals, so without the decimal point they are minor units. */
const sumOf = (currency: string, states: Totals[string]): string => {
  let minor = 0n
  for (const { amount } of Object.values(states)) minor += BigInt(amount.replace(".", ""))
  return formatAmount(minor, currency)
}

const shownItem = ({ beneficiaryName, account, currency, amount, updatedAt, ...item }: ItemView) => {
  const failure = item.state === "failed" || item.state === "returned" ? failureOf(item.reason) : undefined
  const uetr = item.transferReference === undefined ? undefined : uetrOf(item.transferReference)
  return {
    ...item,
    ...(uetr === undefined ? {} : { uetr }),
    ...(failure === undefined ? {} : { failure }),
    amount: { currency, value: amount },
    beneficiary: { name: beneficiaryName, account },
    updatedAt: new Date(updatedAt).toISOString(),
  }
}

/** The routes of batches that were accepted. */
export const payoutBatchRoutes = [
  listPayoutBatches,
  showPayoutBatch,
  listPayoutItems,
  showPayoutItem,
  listBatchEvents,
  ...interventionRoutes,
]
