/** `/payout-batch-drafts`: batches that a partner still puts together. */
import { Clock, Effect, Predicate, Result, Schema } from "effect"
import { AppConfig } from "../../config.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import { DraftId, type DraftPlace, Drafts } from "../../drafts/drafts.ts"
import { access } from "../../identity/access.ts"
import { InvalidCursor } from "../../projections/batch-queries.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidBody } from "../edge/failures.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import { parseJson, requireJson, requireUtf8 } from "../edge/json-body.ts"
import { RequestBodies } from "../edge/request-body.ts"
import { pageOf } from "../payout-batches/list-filters.ts"
import { readBatchTerms } from "../payout-batches/payout-batch-request.ts"
import { jsonFailures, ownBody } from "../routing/bodies.ts"
import { partner, partnerAct } from "../routing/guards.ts"
import { emptyReply, reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { addDraftItems, listDraftItems, removeDraftItem, removeDraftPage } from "./draft-items.ts"
import { submitDraft } from "./draft-submission.ts"
import { ownDraft, versionNamed } from "./own-draft.ts"
import {
  DraftTerms,
  draftInPath,
  etagHeader,
  etagOf,
  exampleDraft,
  exampleTerms,
  ifMatch,
  PayoutBatchDraft,
  PayoutBatchDraftPage,
  shownDraft,
} from "./shapes.ts"

const { partner: write } = access.postBatches
const { partner: read } = access.readDrafts

const TERMS_BYTES_MAX = 16 * 1024
const DRAFTS_PER_PAGE_MAX = 500

const termsBody = ownBody({
  description: "What the batch says beside its items.",
  bytesMax: TERMS_BYTES_MAX,
  closed: true,
  media: { "application/json": { schema: DraftTerms, example: exampleTerms } },
})

/** Reads the terms of a body, with the checks that those of a batch get. */
const readTerms = Effect.fnUntraced(function* (c: EdgeContext, owner: PartnerId) {
  yield* requireJson(c)
  const { intake } = yield* AppConfig
  const now = yield* Clock.currentTimeMillis
  return yield* (yield* RequestBodies).use(
    c.env,
    { kind: "acts", owner, bytesMax: TERMS_BYTES_MAX },
    Effect.fnUntraced(function* (bytes) {
      yield* requireUtf8(c, bytes)
      const json = yield* parseJson(bytes)
      if (!Predicate.isObject(json))
        return yield* new InvalidBody({ problems: [fieldProblem([], "expected an object with the terms")] })
      const asked = readBatchTerms(json, now, intake)
      if (Result.isFailure(asked)) return yield* new InvalidBody({ problems: asked.failure })
      const { executeAt, ...others } = asked.success
      return {
        ...others,
        ...(executeAt === undefined ? {} : { executeAt: new Date(executeAt).toISOString() }),
      }
    }),
  )
})

export const createDraft = route({
  method: "POST",
  path: "/payout-batch-drafts",
  operationId: "createPayoutBatchDraft",
  tag: "Drafts",
  summary: "Begin a draft",
  description:
    "A draft has the terms of a batch, and no items yet. Nothing of it is paid before it is submitted.",
  guard: partnerAct(write),
  body: termsBody,
  answers: {
    201: {
      description: "The draft.",
      schema: PayoutBatchDraft,
      headers: {
        ...etagHeader,
        location: {
          description: "The address of the draft.",
          example: `/payout-batch-drafts/${exampleDraft.id}`,
        },
      },
      example: { ...exampleDraft, version: 1, itemCount: 0 },
    },
  },
  failures: [...jsonFailures, "DraftLimitReached", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ c, partner }) {
    const terms = yield* readTerms(c, partner)
    const draft = yield* (yield* Drafts).create(partner, terms)
    return reply(201, shownDraft(draft), { location: `/payout-batch-drafts/${draft.id}`, ...etagOf(draft) })
  }),
)

export const listDrafts = route({
  method: "GET",
  path: "/payout-batch-drafts",
  operationId: "listPayoutBatchDrafts",
  tag: "Drafts",
  summary: "List drafts",
  description: "The newest first, also those that have become batches.",
  guard: partner(read),
  query: pageOf(DRAFTS_PER_PAGE_MAX),
  answers: {
    200: {
      description: "One page.",
      schema: PayoutBatchDraftPage,
      example: { payoutBatchDrafts: [exampleDraft], next: null },
    },
  },
  failures: ["InvalidCursor", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, query: { limit, cursor } }) {
    const before = cursor === undefined ? undefined : yield* placeIn(cursor)
    const drafts = yield* (yield* Drafts).list(partner, limit + 1, before)
    const page = drafts.slice(0, limit)
    const last = page.at(-1)
    const next =
      drafts.length > limit && last !== undefined ? cursorAfter(last.createdAt.getTime(), last.id) : null
    return reply(200, { payoutBatchDrafts: page.map(shownDraft), next })
  }),
)

const Cursor = Schema.fromJsonString(
  Schema.Tuple([
    Schema.Literal("drafts"),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 253_402_300_799_999 })),
    DraftId,
  ]),
)

const cursorAfter = (createdAt: number, id: string): string =>
  Buffer.from(Schema.encodeSync(Cursor)(["drafts", createdAt, id])).toString("base64url")

const placeIn = (cursor: string): Effect.Effect<DraftPlace, InvalidCursor> => {
  const parsed = Schema.decodeUnknownResult(Cursor)(Buffer.from(cursor, "base64url").toString())
  if (Result.isFailure(parsed)) return Effect.fail(new InvalidCursor())
  const [, createdAt, id] = parsed.success
  return Effect.succeed({ createdAt, id })
}

export const showDraft = route({
  method: "GET",
  path: "/payout-batch-drafts/:draft",
  operationId: "showPayoutBatchDraft",
  tag: "Drafts",
  summary: "Show a draft",
  description:
    "Its terms, its version and its state. If the answer to its submission was lost, this shows what became of it.",
  guard: partner(read),
  parameters: draftInPath,
  answers: {
    200: { description: "The draft.", schema: PayoutBatchDraft, headers: etagHeader, example: exampleDraft },
  },
  failures: ["CorruptEntry", "NoSuchDraft", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters }) {
    const draft = yield* ownDraft(partner, parameters.draft)
    return reply(200, shownDraft(draft), etagOf(draft))
  }),
)

const changeFailures = [
  "CorruptEntry",
  "DraftChanged",
  "DraftNotOpen",
  "NoSuchDraft",
  "PreconditionRequired",
  "StoreUnavailable",
] as const

export const replaceDraftTerms = route({
  method: "PUT",
  path: "/payout-batch-drafts/:draft",
  operationId: "replacePayoutBatchDraftTerms",
  tag: "Drafts",
  summary: "Replace the terms of a draft",
  description: "The items stay. Terms that the body does not have are removed.",
  guard: partnerAct(write),
  parameters: draftInPath,
  headers: ifMatch,
  body: termsBody,
  answers: {
    200: {
      description: "The next version.",
      schema: PayoutBatchDraft,
      headers: etagHeader,
      example: exampleDraft,
    },
  },
  failures: [...jsonFailures, ...changeFailures],
}).handledBy(
  Effect.fnUntraced(function* ({ c, partner, parameters, headers }) {
    const before = yield* ownDraft(partner, parameters.draft)
    const version = yield* versionNamed(before, headers["if-match"])
    const terms = yield* readTerms(c, partner)
    const draft = yield* (yield* Drafts).setTerms(partner, before.id, version, terms)
    return reply(200, shownDraft(draft), etagOf(draft))
  }),
)

export const removeDraft = route({
  method: "DELETE",
  path: "/payout-batch-drafts/:draft",
  operationId: "removePayoutBatchDraft",
  tag: "Drafts",
  summary: "Remove a draft",
  description: "Removes the draft and its items. One that was submitted stays until it expires.",
  guard: partnerAct(write),
  parameters: draftInPath,
  headers: ifMatch,
  answers: { 204: { description: "The draft is gone." } },
  failures: changeFailures,
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters, headers }) {
    const draft = yield* ownDraft(partner, parameters.draft)
    const version = yield* versionNamed(draft, headers["if-match"])
    yield* (yield* Drafts).remove(partner, draft.id, version)
    return emptyReply(204)
  }),
)

/** All routes of drafts. */
export const draftRoutes = [
  createDraft,
  listDrafts,
  showDraft,
  replaceDraftTerms,
  removeDraft,
  addDraftItems,
  listDraftItems,
  removeDraftItem,
  removeDraftPage,
  submitDraft,
]
