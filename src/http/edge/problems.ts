/** The one table from failures to answers: problem details (RFC 9457) that say what the caller can do next. */
import { randomBytes } from "node:crypto"
import type { AccessConflict, NoSuchSubject } from "../../identity/access-register.ts"
import type { Unauthorized } from "../../identity/credentials.ts"
import type { IssuerUnavailable } from "../../identity/issuer-keys.ts"
import type { KeyLookupsFull, PartnerSuspended } from "../../identity/key-directory.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import type { InvalidCursor } from "../../projections/batch-queries.ts"
import type { CorruptEntry } from "../../streams/event-store.ts"
import type { CommandIdReused, MailboxFull, NoSuchBatch } from "../../streams/mailbox.ts"
import type { KeysForgotten, VaultUnavailable } from "../../vault/partner-keys.ts"
import { base32 } from "./base32.ts"
import type { UnsupportedCharset } from "./body-charset.ts"
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
  InvalidSignature,
  ItemsNotYetShown,
  NotFound,
  NotJson,
  PartnerShareFull,
  TooManyRequests,
  VersionNotReached,
} from "./failures.ts"
import { fieldProblem } from "./field-problem.ts"
import type { BodyFailure } from "./request-body.ts"

/** All failures of routes. A new one does not compile until the table has a row for it. */
export type Failure =
  | AccessConflict
  | BodyFailure
  | CommandIdReused
  | CommandRefused
  | CorruptEntry
  | DayLimitReached
  | DuplicatePayouts
  | DuplicatesUnknown
  | Forbidden
  | IdempotencyKeyReused
  | IntakeFull
  | InvalidBody
  | InvalidCursor
  | InvalidRequest
  | InvalidSignature
  | IssuerUnavailable
  | ItemsNotYetShown
  | KeyLookupsFull
  | KeysForgotten
  | MailboxFull
  | NoSuchBatch
  | NoSuchSubject
  | NotFound
  | NotJson
  | PartnerShareFull
  | PartnerSuspended
  | StoreUnavailable
  | TooManyRequests
  | Unauthorized
  | UnsupportedCharset
  | VaultUnavailable
  | VersionNotReached

/** An answer to a failure. The slug ends the problem's type URI, `/problems/<slug>`. */
interface Row<F> {
  readonly status: number
  readonly slug: string
  readonly title: string
  /** Members in addition to type, title, status and instance. */
  readonly members?: (failure: F) => Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>> | ((failure: F) => Readonly<Record<string, string>>)
  readonly retryAfterSeconds?: (failure: F) => number
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
const unexpected = { status: 500, slug: "internal-error", title: "Internal error" }

const keyReused = {
  status: 422,
  slug: "idempotency-key-reused",
  title: "The idempotency key was used for another request",
  members: ({ batch }: { readonly batch: string }) => ({
    detail:
      "Nothing was stored. The key was accepted before with another body: read the batch in `batch`. What is in it is paid by it, so do not send that under another key. Only send what is not in it, under a new key.",
    batch,
  }),
}

const table: Table = {
  AccessConflict: {
    status: 409,
    slug: "conflict",
    title: "The request contradicts what there is",
    members: ({ reason }) => ({
      detail: `The reason is ${reason}; docs/API.md explains all reasons.`,
      reason,
    }),
  },
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
  },
  CorruptEntry: unexpected,
  DayLimitReached: {
    status: 409,
    slug: "day-limit-reached",
    title: "The batch exceeds what this partner may have accepted in a day",
    members: ({ setting, currency, max }) => ({
      detail: `Nothing was stored. The setting ${setting} allows ${max} ${currency} within 24 hours. Send the same request again later, or less.`,
      setting,
      currency,
      max,
      errors: [
        fieldProblem(["items"], `the setting ${setting} allows at most ${max} ${currency} within 24 hours`),
      ],
    }),
  },
  DuplicatePayouts: {
    status: 409,
    slug: "duplicate-payouts",
    title: "Items of this batch were accepted before",
    members: ({ count, errors }) => ({
      detail:
        "Nothing was stored. Remove the items in errors, or pay them again on purpose: " +
        'add "duplicates": { "allowed": true, "reason": "…" } to the batch.',
      count,
      errors,
    }),
  },
  DuplicatesUnknown: {
    status: 503,
    slug: "duplicates-unknown",
    title: "It cannot be found out now whether these payouts were accepted before",
    members: ({ detail }) => ({ detail }),
    retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
  },
  Forbidden: {
    status: 403,
    slug: "forbidden",
    title: "This key does not permit the request",
    members: ({ detail, scope }) => ({ detail, ...(scope === undefined ? {} : { scope }) }),
  },
  IdempotencyKeyReused: keyReused,
  IntakeFull: {
    status: 503,
    slug: "intake-full",
    title: "The service accepts no more batches at the moment",
    retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
  },
  InvalidBody: {
    status: 400,
    slug: "invalid-body",
    title: "The request body is invalid",
    members: ({ problems }) => ({
      detail: "Nothing was stored. Correct the fields in errors and send the request again.",
      errors: problems,
    }),
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
  },
  InvalidSignature: { status: 401, slug: "invalid-signature", title: "The signature is invalid or too old" },
  IssuerUnavailable: {
    status: 503,
    slug: "issuer-unavailable",
    title: "The issuer of sign-ins does not answer",
    members: () => ({
      detail: "The token cannot be verified at the moment. Retry, or use an operator's key.",
    }),
    headers: retryLater,
  },
  ItemsNotYetShown: {
    status: 503,
    slug: "not-yet-shown",
    title: "The batch was just accepted; its items are not visible yet",
    headers: retrySoon,
  },
  KeyLookupsFull: {
    status: 429,
    slug: "too-many-requests",
    title: "You are sending too many requests",
    members: () => ({ detail: "Too many keys are being looked up. Retry later." }),
    headers: retrySoon,
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
  NoSuchSubject: {
    status: 404,
    slug: "not-found",
    title: "There is no such resource",
    members: ({ what }) => ({ detail: `There is no such ${what}.` }),
  },
  NoSuchBatch: { status: 404, slug: "not-found", title: "There is no such payout batch" },
  NotFound: {
    status: 404,
    slug: "not-found",
    title: "There is no such resource",
    members: ({ what }) => ({ detail: `There is no such ${what}.` }),
  },
  NotJson: {
    status: 415,
    slug: "not-json",
    title: "The request body is not JSON",
    members: () => ({ detail: "Send Content-Type: application/json." }),
  },
  PartnerShareFull: {
    status: 429,
    slug: "partner-share-full",
    title: "You have too many open batches",
    retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
  },
  PartnerSuspended: {
    status: 403,
    slug: "partner-suspended",
    title: "The partner is suspended",
    members: () => ({ detail: "Nothing is accepted or shown until the operator resumes the partner." }),
  },
  StoreUnavailable: unavailable,
  TooManyRequests: {
    status: 429,
    slug: "too-many-requests",
    title: "You are sending too many requests",
    members: ({ what }) => ({ detail: `Too many ${what}. Retry later, and send fewer requests at a time.` }),
    retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
  },
  Unauthorized: {
    status: 401,
    slug: "unauthorized",
    title: "A valid API key is required",
    members: () => ({ detail: "Send Authorization: Bearer <API key>." }),
    headers: { "www-authenticate": "Bearer" },
  },
  UnsupportedCharset: {
    status: 415,
    slug: "unsupported-charset",
    title: "The request body is in a charset that is not read",
    members: () => ({ detail: "Send JSON in UTF-8, without a charset or with charset=utf-8." }),
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
  },
}

/** A problem, and the id under which it is logged. */
export interface Problem {
  readonly instance: string
  readonly status: number
  readonly type: string
  readonly response: Response
}

/** The problem for a failure. */
export const problemOf = (failure: Failure): Problem => {
  // Each row of the table has the type of its tag; only the lookup loses that.
  const row = table[failure._tag] as Row<Failure>
  const seconds = row.retryAfterSeconds?.(failure)
  const headers = typeof row.headers === "function" ? row.headers(failure) : row.headers
  return problem(row, row.members?.(failure), {
    ...headers,
    ...(seconds === undefined ? {} : { "retry-after": `${seconds}` }),
  })
}

/** The problem for a defect, without any detail of it. */
export const unexpectedProblem = (): Problem => problem(unexpected)

const problem = (
  row: Pick<Row<never>, "status" | "slug" | "title">,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Problem => {
  const { status, title } = row
  const type = `/problems/${row.slug}`
  // In groups of four, because logs mask what looks like an IBAN or a long number.
  const instance = `urn:atlaspay:problem:${base32(randomBytes(10), 16).replace(/.{4}(?=.)/g, "$&-")}`
  const body = JSON.stringify({ type, title, status, ...members, instance })
  return {
    instance,
    status,
    type,
    response: new Response(body, {
      status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        ...headers,
      },
    }),
  }
}
