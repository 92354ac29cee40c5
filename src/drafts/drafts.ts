/**
 * The port to drafts: batches that partners still put together. Every method is scoped by partner.
 *
 * A draft is `open` until somebody submits it. Each change names the version that it changes, and makes the next one. A submission
 * fixes its version first: the draft is `submitting` then, and takes no changes. Once its batch is in the log, the draft is
 * `submitted`, and knows the batch. A submission that was refused opens the draft again, unless another one may still open the batch:
 * each names the time after which it opens nothing any more.
 */
import { Context, type Effect, Schema } from "effect"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

export const draftStates = ["open", "submitting", "submitted"] as const
export type DraftState = (typeof draftStates)[number]

/** The id of a draft: `pd_` and 32 hexadecimal digits, at random. */
export const DraftId = Schema.String.check(
  Schema.isPattern(/^pd_[0-9a-f]{32}$/, { message: "expected the id of a draft such as pd_…" }),
)

/** The partner has no such draft. */
export class NoSuchDraft extends Schema.TaggedError<NoSuchDraft>()("NoSuchDraft", {}) {}

/** The draft has another version than the one that the request names: somebody changed it. */
export class DraftChanged extends Schema.TaggedError<DraftChanged>()("DraftChanged", {
  version: Schema.Int,
}) {}

/** The draft is being submitted, or has become a batch: it does not change any more. */
export class DraftNotOpen extends Schema.TaggedError<DraftNotOpen>()("DraftNotOpen", {
  state: Schema.Literals(draftStates),
  version: Schema.Int,
  batch: Schema.optionalKey(Schema.String),
}) {}

/** A limit on drafts is reached; `reason` says which. */
export class DraftLimitReached extends Schema.TaggedError<DraftLimitReached>()("DraftLimitReached", {
  reason: Schema.String,
}) {}

/** The idempotency key was used for another page of the same draft. */
export class PageKeyReused extends Schema.TaggedError<PageKeyReused>()("PageKeyReused", {
  page: Schema.Int,
}) {}

/** A submission that may open the batch until `openBy`: epoch milliseconds by the clock of the log's store. */
export interface Attempt {
  readonly id: string
  readonly openBy: number
}

export interface Draft {
  readonly id: string
  readonly partner: PartnerId
  /** What the batch says beside its items, as a body of JSON has it. */
  readonly terms: Readonly<Record<string, unknown>>
  readonly version: number
  readonly state: DraftState
  readonly itemCount: number
  /** The bytes of its items as JSON, not sealed. */
  readonly itemsBytes: number
  /** The numbers of the next page and of its first item. No number is given twice. */
  readonly nextPage: number
  readonly nextItem: number
  readonly attempts: ReadonlyArray<Attempt>
  /** The batch that it has become. */
  readonly batch: BatchId | undefined
  readonly createdAt: Date
  readonly changedAt: Date
  /** When it is forgotten if nobody changes it before. */
  readonly expiresAt: Date
}

/** Items of a page that are sealed together. Each belongs to the numbers from `firstItem` on. */
export interface SealedItems {
  readonly firstItem: number
  /** How many there are: some of the numbers may have been removed. */
  readonly itemCount: number
  /** Their bytes as JSON, not sealed. */
  readonly bytes: number
  readonly sealed: string
}

export interface StoredItems extends SealedItems {
  readonly page: number
}

/** A page that is added: the key of its request, and the keyed digest of it. */
export interface NewPage {
  readonly key: string
  readonly request: string
  readonly items: ReadonlyArray<SealedItems>
}

/** A page as it was added, and the version of the draft that it made. */
export interface AddedPage {
  readonly page: number
  readonly version: number
  readonly firstItem: number
  readonly itemCount: number
  /** Whether it had been added before: nothing was added now. */
  readonly isRepeated: boolean
}

/** A place in the list of drafts, newest first. */
export interface DraftPlace {
  readonly createdAt: number
  readonly id: string
}

/** The bounds on drafts, whose numbers are settings. */
export interface DraftLimits {
  readonly perPartnerMax: number
  readonly itemsMax: number
  readonly bytesMax: number
  readonly pagesMax: number
  readonly ageMsMax: number
}

type Refused = DraftChanged | DraftNotOpen | NoSuchDraft | StoreUnavailable

export class Drafts extends Context.Service<
  Drafts,
  {
    /** Makes a draft without items. */
    readonly create: (
      partner: PartnerId,
      terms: Draft["terms"],
    ) => Effect.Effect<Draft, DraftLimitReached | StoreUnavailable>
    /** At most `limit` drafts of a partner that were made before a place, the newest first. */
    readonly list: (
      partner: PartnerId,
      limit: number,
      before: DraftPlace | undefined,
    ) => Effect.Effect<ReadonlyArray<Draft>, StoreUnavailable>
    readonly find: (partner: PartnerId, id: string) => Effect.Effect<Draft, NoSuchDraft | StoreUnavailable>
    /** Replaces the terms of a version. */
    readonly setTerms: (
      partner: PartnerId,
      id: string,
      version: number,
      terms: Draft["terms"],
    ) => Effect.Effect<Draft, Refused>
    /** Removes a draft that was not submitted, and all of its items. */
    readonly remove: (partner: PartnerId, id: string, version: number) => Effect.Effect<void, Refused>
    /** The page that was added under a key before; fails if the key was that of another request. */
    readonly added: (
      id: string,
      key: string,
      request: string,
    ) => Effect.Effect<AddedPage | undefined, PageKeyReused | StoreUnavailable>
    /**
     * Adds a page to a version, in one step. A page whose key was used before adds nothing: it is answered as it was the first time,
     * whatever the version is now.
     */
    readonly addPage: (
      partner: PartnerId,
      id: string,
      version: number,
      page: NewPage,
    ) => Effect.Effect<AddedPage, Refused | DraftLimitReached | PageKeyReused>
    /** At most `limit` groups of items, in their order, that begin after a number. */
    readonly items: (
      id: string,
      after: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<StoredItems>, StoreUnavailable>
    /** The group that the item with a number is in, unless it was removed. */
    readonly itemsWith: (id: string, item: number) => Effect.Effect<StoredItems | undefined, StoreUnavailable>
    /** Replaces a group of a version by one with fewer items; one without items is removed. */
    readonly replaceItems: (
      partner: PartnerId,
      id: string,
      version: number,
      items: SealedItems,
    ) => Effect.Effect<Draft, Refused>
    /** Removes the items of a page; `undefined` if it has none. */
    readonly removePage: (
      partner: PartnerId,
      id: string,
      version: number,
      page: number,
    ) => Effect.Effect<Draft | undefined, Refused>
    /**
     * Fixes a version as the one that is submitted, and notes who submits it. Fails if another version is being submitted, or the draft
     * has become a batch. Submissions that can open nothing any more at `now` (epoch milliseconds by the clock of the log's store)
     * are forgotten.
     */
    readonly beginSubmission: (
      partner: PartnerId,
      id: string,
      version: number,
      attempt: Attempt,
      now: number,
    ) => Effect.Effect<Draft, Refused | DraftLimitReached>
    /**
     * Notes that a submission was refused, and forgets those that can open nothing any more at `now`. Opens the draft if none is left.
     * Whoever calls it has seen after `now` that the log does not have the batch.
     */
    readonly endSubmission: (
      partner: PartnerId,
      id: string,
      attempt: string | undefined,
      now: number,
    ) => Effect.Effect<void, StoreUnavailable>
    /** Notes the batch that a draft has become, and removes its items. Whoever calls it has seen the batch in the log. */
    readonly submitted: (
      partner: PartnerId,
      id: string,
      batch: BatchId,
    ) => Effect.Effect<void, StoreUnavailable>
    /** Forgets a bounded number of drafts and items that have expired; gives how many. */
    readonly prune: Effect.Effect<number, StoreUnavailable>
  }
>()("atlaspay/drafts/Drafts") {}

/** How long after its `openBy` a submission counts as one that may still open the batch: clocks of servers differ. */
export const CLOCKS_DIFFER_MS = 60_000

/** The most submissions of one draft that are under way at a time. */
export const ATTEMPTS_MAX = 16
