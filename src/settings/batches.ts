import { PayeePolicy } from "../domain/clearance-answers.ts"
import { ATTEMPTS_MAX } from "../domain/identifiers.ts"
import { ModulusPolicy } from "../domain/uk-modulus.ts"
import { amounts, count, day, duplicatePolicies, duration, oneOf } from "./kinds.ts"
import { all, setting } from "./setting.ts"

/** The most bytes of a page of a draft. */
const DRAFT_PAGE_BYTES_MAX = 8 * 1024 * 1024

export const intake = all({
  executeAheadMsMax: setting(
    "EXECUTE_AHEAD_MS_MAX",
    duration(366 * day, 36_600 * day),
    "how far ahead of its arrival a batch's `executeAt` may lie",
  ),
  executePastMsMax: setting(
    "EXECUTE_PAST_MS_MAX",
    duration(7 * day, 36_600 * day, 0),
    "how far behind its arrival it may lie. Such a batch starts at once",
  ),
  ukModulus: setting("UK_MODULUS_CHECK", oneOf(ModulusPolicy, "warn"), [
    "what happens to a British account number that cannot belong to its sort code by [the table of this",
    "release](IDENTIFIERS.md#sources): `warn` accepts it with a warning, `refuse` refuses the batch,",
    "`off` does not check",
  ]),
})

export const drafts = all({
  perPartnerMax: setting(
    "DRAFTS_PER_PARTNER_MAX",
    count(100, 10_000),
    "drafts of one partner that were not submitted",
  ),
  itemsMax: setting("DRAFT_ITEMS_MAX", count(100_000, 100_000), "items of a draft"),
  pagesMax: setting("DRAFT_PAGES_MAX", count(1_000, 10_000), "pages that are ever added to a draft"),
  pageBytesMax: setting(
    "DRAFT_PAGE_BYTES_MAX",
    count(DRAFT_PAGE_BYTES_MAX, DRAFT_PAGE_BYTES_MAX, 1_024),
    "bytes of a page, inflated",
  ),
  ageMsMax: setting(
    "DRAFT_AGE_MS_MAX",
    duration(30 * day, 366 * day),
    "how long a draft is kept after its last change or its submission",
  ),
})

export const policy = all({
  approvalAbove: setting("APPROVAL_ABOVE", amounts, [
    "totals per currency above which a batch needs approval under another credential, such as",
    "`EUR=100000.00,JPY=15000000`. They apply to each batch and to what a partner has accepted in 24",
    "hours. If you set any, every batch in a [currency without",
    "one](SPEC.md#4-when-a-batch-starts-to-pay) needs approval. If you set none, only batches that",
    "request it do",
  ]),
  approvalWithinMs: setting(
    "APPROVAL_WITHIN_MS",
    duration(day, 31 * day),
    "how long an approval may take; then the batch is cancelled",
  ),
  resolutionAbove: setting("RESOLUTION_ABOVE", amounts, [
    "amounts per currency up to which one operator may resolve a parked transfer; above, and in a",
    "currency without one, [it takes two](SPEC.md#what-it-takes)",
  ]),
  resolutionWithinMs: setting(
    "RESOLUTION_WITHIN_MS",
    duration(day, 31 * day),
    "how long a proposed resolution waits for the second operator",
  ),
  attemptsMax: setting(
    "ATTEMPTS_MAX",
    count(1, ATTEMPTS_MAX),
    "attempts that an item may have by policy, after failures that a new attempt may fix",
  ),
  payeePolicy: setting("PAYEE_CHECK", oneOf(PayeePolicy, "review"), [
    "what happens to an item for which the compliance engine reports `no-match`: the beneficiary's name",
    "is not the name on the account. `review` holds it for a reviewer, `reject` rejects it, `off` only",
    "shows it. The value at acceptance applies to the whole life of a batch",
  ]),
  duplicates: setting("DUPLICATE_PAYOUTS", duplicatePolicies, [
    "what happens to payouts that a partner was [accepted",
    "before](SPEC.md#payouts-that-were-accepted-before), by partner, `*` for all others:",
    "`acme=refuse:30,globex=warn:7:reference,initech=off,*=warn:7`. `refuse` answers 409, `warn`",
    "accepts with a warning; the number is for how many days a payout is remembered, 1 to 90. A payout",
    "is compared by its reference and its remittance. If a partner's remittances do not name an invoice",
    "(`Salary`), compare the references alone with `:reference`; if its references are made anew for",
    "each file, the remittances with `:remittance`. A partner without an entry is not checked, and its",
    "batches do not need Postgres. Only what was accepted while its entry was there is remembered; if",
    "you raise the days, the service looks back further only as time passes",
  ]),
})
