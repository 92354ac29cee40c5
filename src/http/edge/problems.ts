/** The one table from failures to answers: problem details (RFC 9457) that say what the caller can do next. */
import { Schema } from "effect"
import type {
  DraftChanged,
  DraftLimitReached,
  DraftNotOpen,
  NoSuchDraft,
  PageKeyReused,
} from "../../drafts/drafts.ts"
import type { AccessConflict, NoSuchSubject } from "../../identity/access-register.ts"
import type { Unauthorized } from "../../identity/credentials.ts"
import type { GrantRefused } from "../../identity/grants.ts"
import type { IssuerUnavailable } from "../../identity/issuer-keys.ts"
import type { KeyLookupsFull, PartnerSuspended } from "../../identity/key-directory.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import type { InvalidCursor } from "../../projections/batch-queries.ts"
import type { CorruptEntry } from "../../streams/event-store.ts"
import type { CommandIdReused, MailboxFull, NoSuchBatch } from "../../streams/mailbox.ts"
import type { KeysForgotten, VaultUnavailable } from "../../vault/partner-keys.ts"
import type { RotationUnderWay } from "../../webhooks/endpoint-secrets.ts"
import type { EndpointChanged, EndpointDisabled, EndpointExists } from "../../webhooks/endpoints.ts"
import type { ReplayUnderWay } from "../../webhooks/replays.ts"
import { accessRows } from "./access-problems.ts"
import type { UnsupportedCharset } from "./body-charset.ts"
import { draftRows } from "./draft-problems.ts"
import type {
  CommandRefused,
  DayLimitReached,
  DuplicatePayouts,
  DuplicatesUnknown,
  Forbidden,
  IdempotencyKeyReused,
  IntakeFull,
  InvalidBody,
  InvalidRequest,
  InvalidRows,
  InvalidSignature,
  ItemsNotYetShown,
  MethodNotAllowed,
  NotAcceptable,
  NotFound,
  NotJson,
  NotYetProved,
  OutsideHistory,
  PartnerShareFull,
  PreconditionRequired,
  TooManyRequests,
  VersionNotReached,
} from "./failures.ts"
import { FieldProblem, RowProblem } from "./field-problem.ts"
import { intakeRows } from "./intake-problems.ts"
import { type Problem, problem } from "./problem-details.ts"
import { replayRows } from "./replay-problems.ts"
import type { BodyFailure } from "./request-body.ts"
import { webhookRows } from "./webhook-problems.ts"

/** All failures of routes. A new one does not compile until the table has a row for it. */
export type Failure =
  | AccessConflict
  | BodyFailure
  | CommandIdReused
  | CommandRefused
  | CorruptEntry
  | DayLimitReached
  | DraftChanged
  | DraftLimitReached
  | DraftNotOpen
  | DuplicatePayouts
  | DuplicatesUnknown
  | EndpointChanged
  | EndpointDisabled
  | EndpointExists
  | Forbidden
  | GrantRefused
  | IdempotencyKeyReused
  | IntakeFull
  | InvalidBody
  | InvalidCursor
  | InvalidRequest
  | InvalidRows
  | InvalidSignature
  | IssuerUnavailable
  | ItemsNotYetShown
  | KeyLookupsFull
  | KeysForgotten
  | MailboxFull
  | MethodNotAllowed
  | NoSuchBatch
  | NoSuchDraft
  | NoSuchSubject
  | NotAcceptable
  | NotFound
  | NotJson
  | NotYetProved
  | OutsideHistory
  | PageKeyReused
  | PartnerShareFull
  | PartnerSuspended
  | PreconditionRequired
  | ReplayUnderWay
  | RotationUnderWay
  | StoreUnavailable
  | TooManyRequests
  | Unauthorized
  | UnsupportedCharset
  | VaultUnavailable
  | VersionNotReached

/** An answer to a failure. The slug ends the problem's type URI, `/problems/<slug>`. */
export interface Row<F> {
  readonly status: number
  readonly slug: string
  readonly title: string
  /** Members in addition to type, title, status and instance. */
  readonly members?: (failure: F) => Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>> | ((failure: F) => Readonly<Record<string, string>>)
  readonly retryAfterSeconds?: (failure: F) => number
  /** The schemas of members besides `detail`. */
  readonly fields?: Schema.Struct.Fields
  /** A failure for the document, if members or headers depend on it. */
  readonly example?: Partial<F>
}

type Table = { readonly [Tag in Failure["_tag"]]: Row<Extract<Failure, { readonly _tag: Tag }>> }

const retrySoon = { "retry-after": "1" }
const retryLater = { "retry-after": "5" }

const unavailable = {
  status: 503,
  slug: "unavailable",
  title: "The service cannot reach its storage",
  headers: retrySoon,
}

/** The answer to a defect: only an id for support. */
export const unexpected = { status: 500, slug: "internal-error", title: "Internal error" }

const keyReused = {
  status: 422,
  slug: "idempotency-key-reused",
  title: "The idempotency key was used for another request",
  fields: { batch: Schema.String },
  example: { batch: "pb_7qfdkz5nhm2rj3wtxay4ebgc6u" },
  members: ({ batch }: { readonly batch: string }) => ({
    detail:
      "Nothing was stored. The key was accepted before with another body: read the batch in `batch`. What is in it is paid by it, so do not send that under another key. Only send what is not in it, under a new key.",
    batch,
  }),
}

export const table: Table = {
  ...accessRows,
  ...draftRows,
  ...intakeRows,
  ...replayRows,
  ...webhookRows,
  BodiesFull: {
    status: 503,
    slug: "overloaded",
    title: "The service is processing too many requests",
    headers: retrySoon,
  },
  BodyCutOff: { status: 400, slug: "body-cut-off", title: "The request body is incomplete" },
  BodyTooSlow: { status: 408, slug: "body-too-slow", title: "The request body was sent too slowly" },
  BodyTooLarge: {
    status: 413,
    slug: "body-too-large",
    title: "The request body is too large",
    members: ({ bytesMax }) => ({ detail: `The limit is ${bytesMax} bytes.` }),
    example: { bytesMax: 65_536 },
  },
  BrokenCoding: {
    status: 400,
    slug: "body-not-gzip",
    title: "The request body is not what Content-Encoding says",
    members: () => ({ detail: "The header announces gzip, and the body is not gzip, or not all of it." }),
  },
  CommandIdReused: {
    ...keyReused,
    members: ({ batch }) => ({
      detail:
        "The key was used before with another request to this batch: read the events of the batch in `batch` before you send this one under a new key.",
      batch,
    }),
  },
  CommandRefused: {
    status: 409,
    slug: "command-refused",
    title: "The batch refuses this request in its present state",
    members: ({ reason, attempts }) => ({
      detail: `The reason is ${reason}; docs/SPEC.md explains all reasons.`,
      reason,
      ...(attempts === undefined ? {} : { attempts }),
    }),
    fields: { reason: Schema.String, attempts: Schema.optionalKey(Schema.Array(Schema.Int)) },
    example: { reason: "item-not-held" },
  },
  CorruptEntry: unexpected,
  IdempotencyKeyReused: keyReused,
  InvalidBody: {
    status: 400,
    slug: "invalid-body",
    title: "The request body is invalid",
    members: ({ problems }) => ({
      detail: "Nothing was stored. Correct the fields in errors and send the request again.",
      errors: problems,
    }),
    fields: { errors: Schema.Array(FieldProblem) },
    example: {
      problems: [
        { pointer: "/items/0/amount/value", item: 1, field: "amount.value", detail: "expected a decimal" },
      ],
    },
  },
  InvalidCursor: {
    status: 400,
    slug: "invalid-request",
    title: "The request is invalid",
    members: () => ({ detail: "cursor: expected the value of next from a page of this list." }),
  },
  InvalidRequest: {
    status: 400,
    slug: "invalid-request",
    title: "The request is invalid",
    members: ({ detail }) => ({ detail }),
    example: { detail: "limit: expected 1 to 500." },
  },
  InvalidRows: {
    status: 400,
    slug: "invalid-rows",
    title: "The file of payouts is invalid",
    members: ({ rejected, isComplete, errors }) => ({
      detail: isComplete
        ? "Nothing was stored. Correct the rows in errors and send the file again, under the same key."
        : "Nothing was stored, and the file was not read to its end. Correct what is in errors first.",
      rejected,
      isComplete,
      errors,
    }),
    fields: { rejected: Schema.Int, isComplete: Schema.Boolean, errors: Schema.Array(RowProblem) },
    example: {
      rejected: 1,
      isComplete: true,
      errors: [{ line: 3, column: "iban", detail: "expected a valid IBAN" }],
    },
  },
  InvalidSignature: { status: 401, slug: "invalid-signature", title: "The signature is invalid or too old" },
  ItemsNotYetShown: {
    status: 503,
    slug: "not-yet-shown",
    title: "The batch was just accepted; its items are not visible yet",
    headers: retrySoon,
  },
  NotYetProved: {
    status: 409,
    slug: "not-yet-proved",
    title: "No signed root has the batch yet",
    members: () => ({
      detail: "A batch can be proved a while after it was closed. Try again in some minutes.",
    }),
  },
  KeysForgotten: {
    status: 403,
    slug: "keys-forgotten",
    title: "The keys that seal this partner's payouts were destroyed",
    members: () => ({ detail: "No batch is accepted until the operator creates new keys." }),
  },
  MailboxFull: {
    status: 503,
    slug: "mailbox-full",
    title: "Too many requests are waiting for this batch",
    headers: retryLater,
  },
  MethodNotAllowed: {
    status: 405,
    slug: "method-not-allowed",
    title: "The resource does not have this method",
    members: ({ allowed }) => ({ detail: `Use ${allowed.join(", ")}.` }),
    headers: ({ allowed }) => ({ allow: allowed.join(", ") }),
  },
  NoSuchBatch: { status: 404, slug: "not-found", title: "There is no such payout batch" },
  NotAcceptable: {
    status: 406,
    slug: "not-acceptable",
    title: "The answer has no form that Accept permits",
    members: ({ mediaTypes }) => ({
      detail: `Nothing was done. Let Accept permit one of ${mediaTypes.join(", ")}.`,
      mediaTypes,
    }),
    fields: { mediaTypes: Schema.Array(Schema.String) },
    example: { mediaTypes: ["application/json"] },
  },
  NotFound: {
    status: 404,
    slug: "not-found",
    title: "There is no such resource",
    members: ({ what }) => ({ detail: `There is no such ${what}.` }),
    example: { what: "resource" },
  },
  NotJson: {
    status: 415,
    slug: "not-json",
    title: "The request body is not JSON",
    members: ({ accepted = ["application/json"] }) => ({
      detail: `Send Content-Type: ${accepted.join(" or ")}.`,
    }),
  },
  OutsideHistory: {
    status: 409,
    slug: "outside-history",
    title: "The batch has no state as of this time",
    members: ({ reason }) => ({ detail: reason }),
    example: { reason: "The batch was received later." },
  },
  PartnerShareFull: {
    status: 429,
    slug: "partner-share-full",
    title: "You have too many open batches",
    retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
    example: { retryAfterSeconds: 5 },
  },
  StoreUnavailable: unavailable,
  TooManyRequests: {
    status: 429,
    slug: "too-many-requests",
    title: "You are sending too many requests",
    members: ({ what }) => ({ detail: `Too many ${what}. Retry later, and send fewer requests at a time.` }),
    retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
    example: { what: "acts", retryAfterSeconds: 1 },
  },
  UnsupportedCharset: {
    status: 415,
    slug: "unsupported-charset",
    title: "The request body is in a charset that is not read",
    members: () => ({
      detail:
        "Send JSON in UTF-8, without a charset or with charset=utf-8; other bodies in a charset that is known.",
    }),
  },
  UnsupportedCoding: {
    status: 415,
    slug: "unsupported-content-encoding",
    title: "The request body has a Content-Encoding that is not read",
    members: ({ accepted }) => ({
      detail: accepted === "gzip" ? "Send the body as it is, or in gzip." : "Send the body as it is.",
    }),
    // RFC 9110, 12.5.3: what a request may have.
    headers: ({ accepted }) => ({ "accept-encoding": accepted }),
    example: { accepted: "gzip" },
  },
  VaultUnavailable: unavailable,
  VersionNotReached: {
    status: 409,
    slug: "version-not-reached",
    title: "The batch does not have this version",
    members: ({ version }) => ({
      detail: `The log of the batch ends with version ${version}.`,
      version,
    }),
    headers: retrySoon,
    fields: { version: Schema.Int },
    example: { version: 12 },
  },
}

/** The problem for a failure. */
export const problemOf = (failure: Failure): Problem => {
  // Each row of the table has the type of its tag; only the lookup loses that.
  const row = table[failure._tag] as Row<Failure>
  return problem(row, row.members?.(failure), headersOf(row, failure))
}

/** The headers of a problem besides those that all have. */
export const headersOf = (row: Row<Failure>, failure: Failure): Readonly<Record<string, string>> => {
  const seconds = row.retryAfterSeconds?.(failure)
  const headers = typeof row.headers === "function" ? row.headers(failure) : row.headers
  return { ...headers, ...(seconds === undefined ? {} : { "retry-after": `${seconds}` }) }
}

/** The problem for a defect, without any detail of it. */
export const unexpectedProblem = (): Problem => problem(unexpected)
