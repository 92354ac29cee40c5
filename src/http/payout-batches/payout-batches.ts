/** `/payout-batches` and the routes below it: accept, list and show batches, with their items and events. */
import { Effect, Schema } from "effect"
import { Hono } from "hono"
import type { AppConfig } from "../../config.ts"
import { batchStates } from "../../domain/batch.ts"
import { failureOf } from "../../domain/failure-codes.ts"
import { isBatchId, PartnerId, parseItemNumber } from "../../domain/identifiers.ts"
import { publicItemStates } from "../../domain/item-state.ts"
import { formatAmount } from "../../domain/money.ts"
import { needsAttention } from "../../domain/shown.ts"
import { uetrOf } from "../../domain/uetr.ts"
import { access } from "../../identity/access.ts"
import type { Caller } from "../../identity/caller.ts"
import type { KeyDirectory } from "../../identity/key-directory.ts"
import type { PartnerContracts } from "../../identity/partner-contracts.ts"
import {
  BATCHES_PER_PAGE_MAX,
  type BankRemarkView,
  BatchQueries,
  type BatchView,
  ITEMS_PER_PAGE_MAX,
  type ItemView,
  type Totals,
} from "../../projections/batch-queries.ts"
import type { PayoutLimits } from "../../providers/banks/payout-limits.ts"
import type { DecisionRegister } from "../../register/decision-register.ts"
import type { PayoutClaims } from "../../register/payout-claims.ts"
import type { ApprovalAllowance } from "../../streams/approval-allowance.ts"
import type { ClaimMarks } from "../../streams/claim-marks.ts"
import type { DayLimit } from "../../streams/day-limit.ts"
import type { EventStore } from "../../streams/event-store.ts"
import type { Mailbox } from "../../streams/mailbox.ts"
import type { PartnerKeys } from "../../vault/partner-keys.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"
import { InvalidRequest, ItemsNotYetShown, NotFound, VersionNotReached } from "../edge/failures.ts"
import { oneOf, VERSION_MAX, wholeNumber } from "../edge/query.ts"
import type { RequestBodies } from "../edge/request-body.ts"
import { endsWith, noSuchBatch, ownBatch, partnerOf, viewFromLog } from "./batch-from-log.ts"
import type { Intake } from "./intake.ts"
import { approve, cancel, decline, reschedule, resolve, retry, review } from "./interventions.ts"
import { listEvents } from "./payout-batch-events.ts"
import { acceptBatch } from "./payout-batch-intake.ts"

export const payoutBatches = (
  edge: Edge<
    | AppConfig
    | ApprovalAllowance
    | BatchQueries
    | ClaimMarks
    | DayLimit
    | DecisionRegister
    | EventStore
    | Intake
    | KeyDirectory
    | Mailbox
    | PartnerContracts
    | PartnerKeys
    | PayoutClaims
    | PayoutLimits
    | RequestBodies
  >,
): Hono<EdgeEnv> =>
  new Hono<EdgeEnv>()
    .post("/payout-batches", edge.partner(access.postBatches.partner, acceptBatch))
    .get("/payout-batches", edge.caller(access.readBatches, listBatches))
    .get("/payout-batches/:id", edge.caller(access.readBatches, ofBatch(showBatch)))
    .get("/payout-batches/:id/items", edge.caller(access.readBatches, ofBatch(listItems)))
    .get("/payout-batches/:id/items/:item", edge.caller(access.readBatches, ofBatch(showItem)))
    .get("/payout-batches/:id/events", edge.caller(access.readBatches, ofBatch(listEvents)))
    .post("/payout-batches/:id/approval", edge.act(access.approve, approve))
    .post("/payout-batches/:id/decline", edge.act(access.approve, decline))
    .post("/payout-batches/:id/cancellation", edge.act(access.cancel, cancel))
    .post("/payout-batches/:id/schedule", edge.act(access.reschedule, reschedule))
    .post("/payout-batches/:id/items/:item/review", edge.act(access.review, review))
    .post("/payout-batches/:id/items/:item/retry", edge.act(access.retry, retry))
    .post("/payout-batches/:id/items/:item/resolution", edge.act(access.resolve, resolve))

const PAGE_DEFAULT = 100
const isPartnerId = Schema.is(PartnerId)

/** The routes that show a batch to its partner and to operators. */
const ofBatch =
  <E, R>(show: (c: EdgeContext, partner: PartnerId) => Effect.Effect<Response, E, R>) =>
  (c: EdgeContext, caller: Caller) =>
    Effect.flatMap(partnerOf(caller, c.req.param("id") ?? ""), (partner) => show(c, partner))

/** A partner's own batches; an operator names the partner. */
const listBatches = Effect.fnUntraced(function* (c: EdgeContext, caller: Caller) {
  const partner = caller.kind === "partner" ? caller.partner : c.req.query("partner")
  if (!isPartnerId(partner))
    return yield* new InvalidRequest({ detail: "partner: expected the partner whose batches to list." })
  const request = yield* pageRequest(c, batchStates, BATCHES_PER_PAGE_MAX)
  const { entries, next } = yield* (yield* BatchQueries).batches(partner, request)
  return c.json({ payoutBatches: entries.map(shownBatch), next: next ?? null })
})

/**
 * Shows a batch from the read models, or from its log if they do not have it yet, are behind the version that the client
 * knows (`atLeast`), or do not answer: so a client can read a batch as soon as it has posted it. A version beyond the end
 * of the log is refused, without reading the whole log if the read models are at its end.
 */
const showBatch = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId) {
  const id = c.req.param("id") ?? ""
  const atLeast = yield* wholeNumber(c, "atLeast", { fallback: 0, minimum: 0, maximum: VERSION_MAX })
  if (!isBatchId(id)) return yield* noSuchBatch
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
  return c.json(shownBatch(view))
})

/** A batch that is scheduled has a time; an earlier release stored this one without it. */
const lacksSchedule = ({ state, executeAt }: BatchView): boolean =>
  state === "scheduled" && executeAt === undefined

const listItems = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId) {
  const id = c.req.param("id") ?? ""
  const request = yield* pageRequest(c, publicItemStates, ITEMS_PER_PAGE_MAX)
  if (!isBatchId(id)) return yield* noSuchBatch
  const page = yield* (yield* BatchQueries).items(partner, id, request)
  if (page === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
  const { entries, next, version } = page
  return c.json({ items: entries.map(shownItem), next: next ?? null, version })
})

/** One item, with what banks reported of its attempts beside their state. */
const showItem = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId) {
  const id = c.req.param("id") ?? ""
  const number = parseItemNumber(c.req.param("item") ?? "")
  if (!isBatchId(id)) return yield* noSuchBatch
  if (number === undefined) return yield* noSuchItem
  const detail = yield* (yield* BatchQueries).item(partner, id, number)
  if (detail === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
  if (detail === "no such item") return yield* noSuchItem
  return c.json({ ...shownItem(detail.item), bankRemarks: detail.remarks.map(shownRemark) })
})

const noSuchItem = new NotFound({ what: "payout item" })

const shownRemark = ({ seenAt, ...remark }: BankRemarkView) => ({
  ...remark,
  seenAt: new Date(seenAt).toISOString(),
})

const pageRequest = Effect.fnUntraced(function* <State extends string>(
  c: EdgeContext,
  states: ReadonlyArray<State>,
  limitMax: number,
) {
  const limit = yield* wholeNumber(c, "limit", { fallback: PAGE_DEFAULT, minimum: 1, maximum: limitMax })
  const state = yield* oneOf(c, "state", states)
  return { limit, state, cursor: c.req.query("cursor") }
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
