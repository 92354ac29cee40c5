/** `/payout-batches` and the routes below it: accept, list and show batches, with their items and events; and `/payout-items`. */
import { Effect } from "effect"
import { Hono } from "hono"
import type { AppConfig } from "../../config.ts"
import { type BatchId, isBatchId, type PartnerId, parseItemNumber } from "../../domain/identifiers.ts"
import { access } from "../../identity/access.ts"
import { type Caller, ownerOf } from "../../identity/caller.ts"
import type { Credentials } from "../../identity/credentials.ts"
import {
  BATCHES_PER_PAGE_MAX,
  BatchQueries,
  type BatchView,
  ITEMS_PER_PAGE_MAX,
  type PageTerms,
} from "../../projections/batch-queries.ts"
import type { PayoutLimits } from "../../providers/banks/payout-limits.ts"
import type { DecisionRegister } from "../../register/decision-register.ts"
import type { PayoutClaims } from "../../register/payout-claims.ts"
import type { AppendWatch } from "../../streams/append-watch.ts"
import type { ApprovalAllowance } from "../../streams/approval-allowance.ts"
import type { ClaimMarks } from "../../streams/claim-marks.ts"
import type { EventStore } from "../../streams/event-store.ts"
import type { Mailbox } from "../../streams/mailbox.ts"
import type { PartnerKeys } from "../../vault/partner-keys.ts"
import { acceptedType } from "../edge/accepted-type.ts"
import { conditionalJson } from "../edge/conditional.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"
import { ItemsNotYetShown, NotFound, VersionNotReached } from "../edge/failures.ts"
import { VERSION_MAX, wholeNumber } from "../edge/query.ts"
import type { RequestBodies } from "../edge/request-body.ts"
import { endsWith, noSuchBatch, ownBatch, partnerOf, viewFromLog } from "./batch-from-log.ts"
import { streamEvents } from "./event-stream.ts"
import type { Intake } from "./intake.ts"
import { approve, cancel, resolve, retry, review } from "./interventions.ts"
import { exportForm, exportItems } from "./item-export.ts"
import { batchFilter, itemFilter, pageTerms } from "./list-filters.ts"
import type { OpenStreams } from "./open-streams.ts"
import { listEvents } from "./payout-batch-events.ts"
import { acceptBatch } from "./payout-batch-intake.ts"
import { partnerNamed, searchItems } from "./payout-items.ts"
import { shownBatch, shownItem, shownRemark } from "./shown-batch.ts"

export const payoutBatches = (
  edge: Edge<
    | AppConfig
    | AppendWatch
    | ApprovalAllowance
    | BatchQueries
    | ClaimMarks
    | Credentials
    | DecisionRegister
    | EventStore
    | Intake
    | Mailbox
    | OpenStreams
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
    .get("/payout-batches/:id/events", edge.caller(access.readBatches, showEvents))
    .get("/payout-items", edge.caller(access.readBatches, searchItems))
    .post("/payout-batches/:id/approval", edge.act(access.approve, approve))
    .post("/payout-batches/:id/cancellation", edge.act(access.cancel, cancel))
    .post("/payout-batches/:id/items/:item/review", edge.act(access.review, review))
    .post("/payout-batches/:id/items/:item/retry", edge.act(access.retry, retry))
    .post("/payout-batches/:id/items/:item/resolution", edge.act(access.resolve, resolve))

/** The routes that show a batch to its partner and to operators. */
const ofBatch =
  <E, R>(show: (c: EdgeContext, partner: PartnerId, caller: Caller) => Effect.Effect<Response, E, R>) =>
  (c: EdgeContext, caller: Caller) =>
    Effect.flatMap(partnerOf(caller, c.req.param("id") ?? ""), (partner) => show(c, partner, caller))

/** A partner's own batches; an operator names the partner. */
const listBatches = Effect.fnUntraced(function* (c: EdgeContext, caller: Caller) {
  const partner = yield* partnerNamed(c, caller)
  const request = { ...(yield* pageTerms(c, BATCHES_PER_PAGE_MAX)), ...(yield* batchFilter(c)) }
  const { entries, next } = yield* (yield* BatchQueries).batches(partner, request)
  return conditionalJson(c, { payoutBatches: entries.map(shownBatch), next: next ?? null })
})

/** The events of a batch: a page of them, or a stream. */
const showEvents = Effect.fnUntraced(function* (c: EdgeContext, caller: Caller, address: string | undefined) {
  const partner = yield* partnerOf(caller, c.req.param("id") ?? "")
  return acceptedType(c, ["application/json", "text/event-stream"]) === "text/event-stream"
    ? yield* streamEvents(c, caller, partner, address)
    : yield* listEvents(c, partner)
})

/**
 * Shows a batch from the read models, or from its log if they do not have it yet, are behind the version that the client
 * knows (`atLeast`), or do not answer: so a client can read a batch as soon as it has posted it. A version beyond the end
 * of the log is refused, without reading the whole log if the read models are at its end.
 */
const showBatch = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId) {
  const id = c.req.param("id") ?? ""
  const atLeast = yield* versionWanted(c)
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
  const isShown = known !== undefined && known.version >= atLeast && !lacksTerms(known)
  const view = isShown ? known : yield* viewFromLog(partner, id)
  if (view.version < atLeast) return yield* new VersionNotReached({ version: view.version })
  return conditionalJson(c, shownBatch(view), view.version)
})

/** A batch that waits for a time or an approval has one; an earlier release stored this one without it. */
const lacksTerms = ({ state, executeAt, approval }: BatchView): boolean =>
  (state === "scheduled" && executeAt === undefined) ||
  (state === "awaiting-approval" && approval === undefined)

/** A page of a batch's items, or all of them as a file. */
const listItems = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId, caller: Caller) {
  const id = c.req.param("id") ?? ""
  const atLeast = yield* versionWanted(c)
  const [terms, filter] = [yield* pageTerms(c, ITEMS_PER_PAGE_MAX), yield* itemFilter(c)]
  if (!isBatchId(id)) return yield* noSuchBatch
  const queries = yield* BatchQueries
  const pageAfter = Effect.fnUntraced(function* (request: PageTerms) {
    const page = yield* queries.items(partner, id, { ...request, ...filter })
    if (page === undefined || page.version < atLeast)
      return yield* notYetShown(partner, id, page?.version, atLeast)
    return page
  })
  const form = exportForm(c)
  if (form !== undefined) {
    const whole = yield* queries.wholeBatch(partner, id)
    if (whole === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
    const isFiltered = Object.values(filter).some((one) => one !== undefined)
    const page = (cursor: string | undefined) =>
      Effect.map(pageAfter({ cursor, limit: ITEMS_PER_PAGE_MAX }), ({ entries, next }) => ({
        entries: entries.map((item) => ({ ...item, batch: id })),
        next,
      }))
    const expected = isFiltered ? undefined : whole
    return yield* exportItems(c, { name: id, owner: ownerOf(caller), form, page, expected })
  }
  const { entries, next, version } = yield* pageAfter(terms)
  return conditionalJson(c, { items: entries.map(shownItem), next: next ?? null, version }, version)
})

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

const versionWanted = (c: EdgeContext) =>
  wholeNumber(c, "atLeast", { fallback: 0, minimum: 0, maximum: VERSION_MAX })

/** One item, with what banks reported of its attempts beside their state. */
const showItem = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId) {
  const id = c.req.param("id") ?? ""
  const number = parseItemNumber(c.req.param("item") ?? "")
  if (!isBatchId(id)) return yield* noSuchBatch
  if (number === undefined) return yield* noSuchItem
  const detail = yield* (yield* BatchQueries).item(partner, id, number)
  if (detail === undefined) return yield* new ItemsNotYetShown({ batch: yield* ownBatch(partner, id) })
  if (detail === "no such item") return yield* noSuchItem
  return conditionalJson(
    c,
    { ...shownItem(detail.item), bankRemarks: detail.remarks.map(shownRemark) },
    detail.item.version,
  )
})

const noSuchItem = new NotFound({ what: "payout item" })
