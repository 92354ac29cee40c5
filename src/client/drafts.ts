/**
 * Drafts: batches that are put together before they are submitted. A change and the submission name, in If-Match, the version that the
 * caller has looked at: if somebody has changed the draft since, they fail with a `Problem` of status 412, and nothing was done.
 */
import { readJson } from "./answers.ts"
import type { AcceptedPayoutBatch, BatchDryRun } from "./api-types.ts"
import { type ActOptions, type FileOptions, keyOf, type PayoutFile, sendable } from "./batch-posting.ts"
import { type BodyOf, doOnce, type QueryOf, read } from "./calls.ts"
import type { AddedDraftPage, DraftItem, PayoutBatchDraft, PayoutBatchTerms } from "./draft-types.ts"
import { operations } from "./operations.ts"
import { entriesOf } from "./pages.ts"
import { withNames, withQuery } from "./paths.ts"
import { type CallOptions, type Service, send } from "./transport.ts"

/** A page that was added. `version` is the one that the page made, which may not be the draft's any more. */
export type AddedPage = AddedDraftPage & {
  readonly idempotencyKey: string
  /** The page was added before under this key, and this is the answer of then. */
  readonly isReplayed: boolean
}

/** The batch that a draft has become. */
export type SubmittedDraft = AcceptedPayoutBatch & {
  /** The draft was submitted before, and this is its batch. */
  readonly isReplayed: boolean
}

export interface DraftFileOptions extends ActOptions {
  readonly contentType: Exclude<FileOptions["contentType"], "application/xml">
  /** How numbers of CSV are written. */
  readonly form?: QueryOf<"addDraftItems">
}

const draftMembers = { id: "string", state: "string", version: "number" } as const

const draftIn = async (response: Response): Promise<PayoutBatchDraft> => {
  const answer: unknown = await readJson(response, draftMembers)
  return answer as PayoutBatchDraft
}

const nothing = async (response: Response): Promise<void> => {
  await response.body?.cancel()
}

/** `If-Match` of a version, or a `TypeError`: a request that names none is refused, and one that names another one by chance is not. */
const ifVersion = (version: number): Readonly<Record<string, string>> => {
  if (!Number.isSafeInteger(version) || version < 1)
    throw new TypeError("The version of the draft that you have looked at is expected: 1 or more")
  return { "if-match": `"${version}"` }
}

const isReplayed = (response: Response): boolean => response.headers.get("idempotent-replayed") === "true"

const submission = async <Answer>(
  service: Service,
  draft: string,
  version: number,
  query: QueryOf<"submitPayoutBatchDraft">,
  options: CallOptions,
  readAnswer: (response: Response) => Promise<Answer>,
): Promise<Answer> =>
  send(service, {
    method: "POST",
    path: withQuery(withNames(operations.submitPayoutBatchDraft[1], { draft }), query),
    headers: ifVersion(version),
    // A draft becomes one batch at most, and the same version gets the same answer.
    mayRepeat: true,
    options,
    read: readAnswer,
  })

const addPage = async (
  service: Service,
  draft: string,
  version: number,
  page: PayoutFile,
  {
    contentType,
    form = {},
    idempotencyKey: given,
    ...options
  }: Omit<DraftFileOptions, "contentType"> & {
    readonly contentType: string
  },
): Promise<AddedPage> => {
  const idempotencyKey = keyOf(given)
  return await send(service, {
    method: "POST",
    path: withQuery(withNames(operations.addDraftItems[1], { draft }), form),
    headers: { ...ifVersion(version), "content-type": contentType },
    ...sendable(service, page, options),
    idempotencyKey,
    read: async (response) => {
      const answer: unknown = await readJson(response, { page: "number", version: "number" })
      return { ...(answer as AddedDraftPage), idempotencyKey, isReplayed: isReplayed(response) }
    },
  })
}

/** The drafts of the partner. `version` is always that of the draft that the caller has looked at. */
export const draftsOf = (service: Service) => ({
  /** Begins a draft. It is not repeated: a second one would be another draft. */
  create: (terms: PayoutBatchTerms = {}, options: CallOptions = {}): Promise<PayoutBatchDraft> =>
    doOnce(service, "createPayoutBatchDraft", {}, terms, options, draftIn),

  /** All drafts, the newest first; `limit` is the size of a page. */
  list: (
    filters: Omit<QueryOf<"listPayoutBatchDrafts">, "cursor"> = {},
    options: CallOptions = {},
  ): AsyncGenerator<PayoutBatchDraft, void, undefined> =>
    entriesOf("GET /payout-batch-drafts", undefined, async (cursor: string | undefined) => {
      const essential = { payoutBatchDrafts: "array" } as const
      const query = { ...filters, cursor }
      const page = await read(service, "listPayoutBatchDrafts", {}, query, essential, options)
      return { entries: page.payoutBatchDrafts, next: page.next }
    }),

  show: (draft: string, options: CallOptions = {}): Promise<PayoutBatchDraft> =>
    read(service, "showPayoutBatchDraft", { draft }, {}, draftMembers, options),

  /** Replaces all terms; the items stay. It is not repeated: look at the draft if there is no answer. */
  replaceTerms: async (
    draft: string,
    version: number,
    terms: BodyOf<"replacePayoutBatchDraftTerms">,
    options: CallOptions = {},
  ): Promise<PayoutBatchDraft> =>
    doOnce(service, "replacePayoutBatchDraftTerms", { draft }, terms, options, draftIn, ifVersion(version)),

  remove: async (draft: string, version: number, options: CallOptions = {}): Promise<void> =>
    doOnce(service, "removePayoutBatchDraft", { draft }, undefined, options, nothing, ifVersion(version)),

  /** Adds a page of items, all or none of them, and once under its key. */
  addItems: (
    draft: string,
    version: number,
    items: BodyOf<"addDraftItems">["items"],
    options: ActOptions = {},
  ): Promise<AddedPage> =>
    addPage(service, draft, version, JSON.stringify({ items }), {
      ...options,
      contentType: "application/json",
    }),

  /** The same of rows of CSV or NDJSON. */
  addFile: (
    draft: string,
    version: number,
    file: PayoutFile,
    options: DraftFileOptions,
  ): Promise<AddedPage> => addPage(service, draft, version, file, options),

  items: (
    draft: string,
    filters: Omit<QueryOf<"listDraftItems">, "cursor"> = {},
    options: CallOptions = {},
  ): AsyncGenerator<DraftItem, void, undefined> =>
    entriesOf(`GET /payout-batch-drafts/${draft}/items`, undefined, async (cursor: string | undefined) => {
      const query = { ...filters, cursor }
      const page = await read(service, "listDraftItems", { draft }, query, { items: "array" }, options)
      return { entries: page.items, next: page.next }
    }),

  removeItem: async (
    draft: string,
    version: number,
    item: number,
    options: CallOptions = {},
  ): Promise<void> =>
    doOnce(service, "removeDraftItem", { draft, item }, undefined, options, nothing, ifVersion(version)),

  /** Removes what is left of a page. */
  removePage: async (
    draft: string,
    version: number,
    page: number,
    options: CallOptions = {},
  ): Promise<void> =>
    doOnce(service, "removeDraftPage", { draft, page }, undefined, options, nothing, ifVersion(version)),

  /** Makes a batch of a version; repeated safely, because a draft becomes one batch at most. */
  submit: (draft: string, version: number, options: CallOptions = {}): Promise<SubmittedDraft> =>
    submission(service, draft, version, {}, options, async (response) => {
      const answer: unknown = await readJson(response, { id: "string", itemCount: "number" })
      return { ...(answer as AcceptedPayoutBatch), isReplayed: isReplayed(response) }
    }),

  /** What would become of a version if it was submitted now. Nothing is stored. */
  dryRun: (draft: string, version: number, options: CallOptions = {}): Promise<BatchDryRun> =>
    submission(service, draft, version, { dryRun: true }, options, async (response) => {
      const answer: unknown = await readJson(response, { dryRun: "boolean", itemCount: "number" })
      return answer as BatchDryRun
    }),
})
