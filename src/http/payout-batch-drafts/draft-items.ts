/** `/payout-batch-drafts/:draft/items`: a draft's items, which are added in pages. A page that is sent again adds nothing twice. */
import { Effect } from "effect"
import { AppConfig } from "../../config.ts"
import { changeable } from "../../drafts/draft-changes.ts"
import { type AddedPage, type Draft, Drafts } from "../../drafts/drafts.ts"
import { access } from "../../identity/access.ts"
import { InvalidCursor } from "../../projections/batch-queries.ts"
import { NotFound } from "../edge/failures.ts"
import { RequestBodies } from "../edge/request-body.ts"
import { idempotencyKey } from "../payout-batches/idempotency-key.ts"
import { pageOf } from "../payout-batches/list-filters.ts"
import { exampleRequest } from "../payout-batches/payout-batch-request.ts"
import { exampleFiles } from "../payout-uploads/example-files.ts"
import { postQuery } from "../payout-uploads/post-parameters.ts"
import { jsonFailures, ownBody } from "../routing/bodies.ts"
import { partner, partnerAct } from "../routing/guards.ts"
import { emptyReply, reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { ownDraft, versionNamed } from "./own-draft.ts"
import { formOf, itemsOfPage, pageDigest } from "./requested-page.ts"
import {
  AddedDraftPage,
  DraftItemPage,
  draftInPath,
  etagHeader,
  etagOf,
  exampleAdded,
  exampleItem,
  ifMatch,
  NewDraftItems,
  numberInPath,
} from "./shapes.ts"
import { opened, sealedPage, sealedRest, shownItem } from "./stored-items.ts"

const { partner: write } = access.postBatches
const { partner: read } = access.readDrafts

/** The most bytes of a page; DRAFT_PAGE_BYTES_MAX may allow fewer. */
const PAGE_BYTES_MAX = 8 * 1024 * 1024
const ITEMS_PER_ANSWER_MAX = 500
/** Groups of items that are read at a time. */
const GROUPS_AT_ONCE = 2

const changeFailures = [
  "CorruptEntry",
  "DraftChanged",
  "DraftNotOpen",
  "NoSuchDraft",
  "PreconditionRequired",
  "StoreUnavailable",
] as const

const { decimal, thousands } = postQuery

export const addDraftItems = route({
  method: "POST",
  path: "/payout-batch-drafts/:draft/items",
  operationId: "addDraftItems",
  tag: "Drafts",
  summary: "Add a page of items",
  description:
    "All items of the page are checked and added, or none. If you send a page again under its key, nothing is added twice: you get " +
    "the first answer, whatever the version is now.",
  guard: partner(write),
  parameters: draftInPath,
  query: { decimal, thousands },
  headers: {
    ...ifMatch,
    "idempotency-key": {
      ...idempotencyKey,
      description: "Names the page in its draft: the same key and body add it once.",
      example: "page-1",
    },
  },
  body: ownBody({
    bytesMax: PAGE_BYTES_MAX,
    closed: true,
    media: {
      "application/json": { schema: NewDraftItems, example: { items: exampleRequest.items } },
      "text/csv": exampleFiles["text/csv"],
      "application/x-ndjson": exampleFiles["application/x-ndjson"],
    },
  }),
  answers: {
    201: {
      description: "The page was added, now or before.",
      schema: AddedDraftPage,
      headers: {
        ...etagHeader,
        "idempotent-replayed": { description: "`true` in the answer to a repetition.", optional: true },
      },
      example: exampleAdded,
    },
  },
  failures: [
    ...jsonFailures,
    ...changeFailures,
    "DraftLimitReached",
    "InvalidRequest",
    "InvalidRows",
    "KeysForgotten",
    "PageKeyReused",
    "VaultUnavailable",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ c, partner, parameters, query, headers }) {
    const draft = yield* ownDraft(partner, parameters.draft)
    const version = yield* versionNamed(draft, headers["if-match"])
    const form = yield* formOf(c)
    const terms = {
      kind: "intake",
      owner: partner,
      bytesMax: (yield* AppConfig).drafts.pageBytesMax,
    } as const
    const { key } = headers["idempotency-key"]
    const added = yield* (yield* RequestBodies).usePieces(c.env, terms, (pieces) =>
      Effect.gen(function* () {
        const request = yield* pageDigest(pieces, form, query)
        // Before the version is looked at: the page itself made another one.
        const before = yield* (yield* Drafts).added(draft.id, key, request)
        if (before !== undefined) return before
        yield* Effect.fromResult(changeable(draft, version))
        const items = yield* itemsOfPage(c, pieces, form, query)
        const page = { key, request, items: yield* sealedPage(draft, items) }
        return yield* (yield* Drafts).addPage(partner, draft.id, version, page)
      }),
    )
    return reply(201, shownAdded(draft, added), {
      ...etagOf(added),
      ...(added.isRepeated ? { "idempotent-replayed": "true" } : {}),
    })
  }),
)

const shownAdded = ({ id }: Draft, { page, firstItem, itemCount, version }: AddedPage) => ({
  draft: id,
  page,
  firstItem,
  itemCount,
  version,
})

export const listDraftItems = route({
  method: "GET",
  path: "/payout-batch-drafts/:draft/items",
  operationId: "listDraftItems",
  tag: "Drafts",
  summary: "List the items of a draft",
  description:
    "In their order, each with its number and page. Of an account only the scheme and the last four characters are shown.",
  guard: partner(read),
  parameters: draftInPath,
  query: pageOf(ITEMS_PER_ANSWER_MAX),
  answers: {
    200: {
      description: "One page. `version` is the version of the draft.",
      schema: DraftItemPage,
      headers: etagHeader,
      example: { items: [exampleItem], next: null, version: 3 },
    },
  },
  failures: [
    "CorruptEntry",
    "InvalidCursor",
    "KeysForgotten",
    "NoSuchDraft",
    "StoreUnavailable",
    "VaultUnavailable",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters, query: { limit, cursor = "0" } }) {
    const draft = yield* ownDraft(partner, parameters.draft)
    if (!/^(0|[1-9][0-9]{0,8})$/.test(cursor)) return yield* new InvalidCursor()
    const found = yield* itemsAfter(draft, Number(cursor), limit + 1)
    const items = found.slice(0, limit)
    const last = items.at(-1)
    const next = found.length > limit && last !== undefined ? `${last.item}` : null
    return reply(200, { items, next, version: draft.version }, etagOf(draft))
  }),
)

/** At most so many items whose numbers are greater than `after`, as they are shown. */
const itemsAfter = Effect.fnUntraced(function* (draft: Draft, after: number, limit: number) {
  const drafts = yield* Drafts
  const begun = after === 0 ? undefined : yield* drafts.itemsWith(draft.id, after)
  let groups = begun === undefined ? yield* drafts.items(draft.id, 0, GROUPS_AT_ONCE) : [begun]
  const found: Array<ReturnType<typeof shownItem>> = []
  while (groups.length > 0) {
    for (const group of groups) {
      const { page, items } = yield* opened(draft, group)
      for (const numbered of items) if (numbered[0] > after) found.push(shownItem(page, numbered))
    }
    if (found.length >= limit) break
    groups = yield* drafts.items(draft.id, groups.at(-1)?.firstItem ?? 0, GROUPS_AT_ONCE)
  }
  return found.slice(0, limit)
})

export const removeDraftItem = route({
  method: "DELETE",
  path: "/payout-batch-drafts/:draft/items/:item",
  operationId: "removeDraftItem",
  tag: "Drafts",
  summary: "Remove an item of a draft",
  description: "The other items keep their numbers.",
  guard: partnerAct(write),
  parameters: { ...draftInPath, item: numberInPath("item") },
  headers: ifMatch,
  answers: { 204: { description: "The item is gone.", headers: etagHeader } },
  failures: [...changeFailures, "KeysForgotten", "NotFound", "VaultUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters, headers }) {
    const drafts = yield* Drafts
    const draft = yield* ownDraft(partner, parameters.draft)
    const version = yield* versionNamed(draft, headers["if-match"])
    yield* Effect.fromResult(changeable(draft, version))
    const group = yield* drafts.itemsWith(draft.id, parameters.item)
    const before = group === undefined ? undefined : yield* opened(draft, group)
    const left = before?.items.filter(([item]) => item !== parameters.item)
    if (before === undefined || left === undefined || left.length === before.items.length)
      return yield* new NotFound({ what: "item of the draft" })
    // If the items were changed meanwhile, so was the version.
    const rest = yield* sealedRest(draft, before, left)
    const after = yield* drafts.replaceItems(partner, draft.id, version, rest)
    return emptyReply(204, etagOf(after))
  }),
)

export const removeDraftPage = route({
  method: "DELETE",
  path: "/payout-batch-drafts/:draft/pages/:page",
  operationId: "removeDraftPage",
  tag: "Drafts",
  summary: "Remove a page of a draft",
  description:
    "Removes the items of a page that are left. Its key stays used: the page that had it is not added again.",
  guard: partnerAct(write),
  parameters: { ...draftInPath, page: numberInPath("page") },
  headers: ifMatch,
  answers: { 204: { description: "The items of the page are gone.", headers: etagHeader } },
  failures: [...changeFailures, "NotFound"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters, headers }) {
    const draft = yield* ownDraft(partner, parameters.draft)
    const version = yield* versionNamed(draft, headers["if-match"])
    const after = yield* (yield* Drafts).removePage(partner, draft.id, version, parameters.page)
    if (after === undefined) return yield* new NotFound({ what: "page of the draft" })
    return emptyReply(204, etagOf(after))
  }),
)
