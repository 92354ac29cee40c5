/** Drafts and their items as the API takes and shows them. */
import { Schema, Struct } from "effect"
import { type Draft, DraftId, draftStates } from "../../drafts/drafts.ts"
import { NewPayoutBatch } from "../payout-batches/payout-batch-request.ts"
import { ShownAmount } from "../payout-batches/shapes.ts"
import { named, type Parameter } from "../routing/parameters.ts"
import { Instant, Next } from "../routing/shapes.ts"

const Whole = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** What a batch says beside its items. */
export const DraftTerms = Schema.Struct(Struct.omit(NewPayoutBatch.fields, ["items"])).annotate({
  identifier: "PayoutBatchTerms",
})

export const NewDraftItems = Schema.Struct({ items: NewPayoutBatch.fields.items }).annotate({
  identifier: "NewDraftItems",
})

export const PayoutBatchDraft = Schema.Struct({
  id: Schema.String,
  state: Schema.Literals(draftStates),
  version: Whole.annotate({ description: "Grows with each change; it is the ETag as well." }),
  terms: DraftTerms,
  itemCount: Whole,
  batch: Schema.optionalKey(Schema.String.annotate({ description: "The batch that the draft has become." })),
  createdAt: Instant,
  changedAt: Instant,
  expiresAt: Instant.annotate({ description: "When it is forgotten if nobody changes it before." }),
}).annotate({ identifier: "PayoutBatchDraft" })

export const PayoutBatchDraftPage = Schema.Struct({
  payoutBatchDrafts: Schema.Array(PayoutBatchDraft),
  next: Next,
}).annotate({ identifier: "PayoutBatchDraftPage" })

export const AddedDraftPage = Schema.Struct({
  draft: Schema.String,
  page: Whole,
  firstItem: Whole.annotate({ description: "The number of the first item of the page." }),
  itemCount: Whole.annotate({ description: "How many items the page added." }),
  version: Whole.annotate({ description: "The version of the draft that the page made." }),
}).annotate({ identifier: "AddedDraftPage" })

export const DraftItem = Schema.Struct({
  item: Whole.annotate({ description: "Its number in the draft, which no other item gets." }),
  page: Whole,
  reference: Schema.String,
  amount: ShownAmount,
  beneficiary: Schema.Struct({
    name: Schema.String,
    account: Schema.String.annotate({ description: "The scheme and the last four characters." }),
  }),
  remittance: Schema.optionalKey(Schema.String),
}).annotate({ identifier: "DraftItem" })

export const DraftItemPage = Schema.Struct({
  items: Schema.Array(DraftItem),
  next: Next,
  version: Whole,
}).annotate({ identifier: "DraftItemPage" })

const id = "pd_0123456789abcdef0123456789abcdef"
const at = "2027-01-02T03:04:05.678Z"

export const draftInPath = {
  draft: named(DraftId, { description: "The draft.", example: id, what: "draft" }),
}

const numberPattern = /^[1-9][0-9]{0,8}$/

/** The number of an item or a page of a draft in a path. */
export const numberInPath = (what: string) => ({
  schema: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 999_999_999 })),
  description: `The number of the ${what}.`,
  example: 1,
  what: `${what} of the draft`,
  read: (text: string) => (numberPattern.test(text) ? Number(text) : undefined),
})

/** The version that a request is meant for. Without it, the answer is 428 in place of 400, once the draft was found. */
export const ifMatch: { readonly "if-match": Parameter<string | undefined> } = {
  "if-match": {
    schema: Schema.String.check(Schema.isPattern(/^"[1-9][0-9]*"$/)),
    required: true,
    description: "The ETag of the draft as you have looked at it. `*` is not taken.",
    example: '"3"',
    read: (value) => ({ value }),
  },
}

export const etagOf = ({ version }: Pick<Draft, "version">) => ({ etag: `"${version}"` })

export const etagHeader = {
  etag: { description: "The version of the draft, for If-Match.", example: '"3"' },
}

export const exampleTerms = { reference: "week 12", mode: "strict" } as const

export const exampleDraft = {
  id,
  state: "open",
  version: 3,
  terms: exampleTerms,
  itemCount: 1,
  createdAt: at,
  changedAt: at,
  expiresAt: "2027-02-01T03:04:05.678Z",
} as const

export const exampleAdded = { draft: id, page: 1, firstItem: 1, itemCount: 1, version: 2 } as const

export const exampleItem = {
  item: 1,
  page: 1,
  reference: "invoice-4711",
  amount: { currency: "EUR", value: "12.34" },
  beneficiary: { name: "Erika Mustermann", account: "iban …3000" },
  remittance: "Invoice 4711",
} as const

export const shownDraft = (draft: Draft) => ({
  id: draft.id,
  state: draft.state,
  version: draft.version,
  terms: draft.terms as typeof DraftTerms.Encoded,
  itemCount: draft.itemCount,
  ...(draft.batch === undefined ? {} : { batch: draft.batch }),
  createdAt: draft.createdAt.toISOString(),
  changedAt: draft.changedAt.toISOString(),
  expiresAt: draft.expiresAt.toISOString(),
})
