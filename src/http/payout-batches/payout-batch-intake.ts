/** The acceptance of a batch, in whatever form it was asked for: it is in the log before the answer, and a repeated request finds it there. */
import { Array as Arr, Clock, Effect, Result } from "effect"
import { AppConfig } from "../../config.ts"
import { hasThresholds } from "../../domain/approval-threshold.ts"
import { type Batch, emptyBatch } from "../../domain/batch.ts"
import { sealedOf, visibleBeneficiaryOf } from "../../domain/beneficiary.ts"
import type { ReceiveBatch } from "../../domain/commands.ts"
import type { Credential } from "../../domain/credential.ts"
import { decide } from "../../domain/decide.ts"
import {
  type BatchEvent,
  type BatchEventOf,
  ITEMS_PER_EVENT_MAX,
  type PayoutItem,
} from "../../domain/events.ts"
import { type BatchId, type PartnerId, partnerShardOf } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import type { Trace } from "../../domain/trace.ts"
import { inSlices, turn } from "../../parsing/turns.ts"
import { IntakePressure } from "../../platform/intake-pressure.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { EventStore } from "../../streams/event-store.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { type DataKey, type KeysForgotten, PartnerKeys } from "../../vault/partner-keys.ts"
import { sealAccounts } from "../../vault/sealing.ts"
import type { EdgeContext } from "../edge/edge.ts"
import {
  IdempotencyKeyReused,
  type IntakeFull,
  InvalidBody,
  type PartnerShareFull,
} from "../edge/failures.ts"
import { type FieldProblem, PROBLEMS_MAX } from "../edge/field-problem.ts"
import { requireUtf8 } from "../edge/json-body.ts"
import { type BodyTerms, RequestBodies } from "../edge/request-body.ts"
import { warningsOf } from "./acceptance-warnings.ts"
import { batchFromLog } from "./batch-from-log.ts"
import { REQUESTS, requestDigest } from "./batch-identity.ts"
import { acceptedAs, type BatchName, batchName, type Existing, openOnce } from "./batch-name.ts"
import { isDayUsedUp } from "./day-allowance.ts"
import { countInDay, type DayCount, noteCount } from "./day-count.ts"
import { checkDuplicates, noteOpened, releaseClaim } from "./duplicate-check.ts"
import type { IdempotencyKey } from "./idempotency-key.ts"
import { Intake } from "./intake.ts"
import { unpayableItems } from "./intake-limits.ts"
import type { IntakeRules } from "./intake-rules.ts"
import { type PartnerTerms, partnerTerms, refusedBySettings } from "./partner-terms.ts"
import { type BatchRequest, type RequestedItem, readBatchRequest } from "./payout-batch-request.ts"

/** The most bytes of a body, inflated. */
export const BODY_BYTES_MAX = 48 * 1024 * 1024

/** A request to open a batch, in whatever form its payouts come. */
export interface Asked<E, R> {
  /** The keyed digest of all that was asked: the same key with another digest is another request. */
  readonly digest: (key: DataKey) => Generator<void, string>
  /** Reads and checks what was asked. */
  readonly read: Effect.Effect<BatchRequest, E, R>
  /** What is answered to items that no bank could be sent. */
  readonly unpayable: (problems: ReadonlyArray<FieldProblem>) => E
  /** How many of such problems are looked for. */
  readonly problemsMax: number
}

/** Who submits a batch. */
export type Submitter = Pick<Submission, "partner" | "credential" | "trace">

/** Accepts a batch from a body of JSON, or repeats the first answer. */
export const acceptJson = Effect.fnUntraced(function* (
  c: EdgeContext,
  submitter: Submitter,
  key: IdempotencyKey,
) {
  const bodies = yield* RequestBodies
  const { intake } = yield* AppConfig
  return yield* admitted(submitter, key, (submission) =>
    bodies.use(c.env, bodyTerms(submitter.partner), (body) => {
      const asked = inJson(body, intake)
      return Effect.andThen(requireUtf8(c, body), accept(submission, asked)).pipe(
        Effect.catchTag("UnsupportedCharset", (refused) => repeatedOrRefused(submission, asked, refused)),
        holdingPressure,
      )
    }),
  )
})

/** The limits on the body of a batch, of whatever form. */
export const bodyTerms = (partner: PartnerId): BodyTerms => ({
  kind: "intake",
  owner: partner,
  bytesMax: BODY_BYTES_MAX,
})

/** What a body of JSON asks for. */
export const inJson = (body: Buffer, rules: IntakeRules): Asked<InvalidBody, never> => ({
  digest: (key) => requestDigest(key, [body]),
  read: readBatchRequest(body, rules),
  unpayable: (problems) => new InvalidBody({ problems }),
  problemsMax: PROBLEMS_MAX,
})

/** Counts what is being accepted, so that other work makes room for it. */
export const holdingPressure = <A, E, R>(accepted: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.service(IntakePressure), ({ accepting }) => accepting(accepted))

/** Lets a request for a batch in, if there is room for another one, and measures how long it takes. */
export const admitted = Effect.fnUntraced(function* <E, R>(
  submitter: Submitter,
  asked: IdempotencyKey,
  answer: (submission: Submission) => Effect.Effect<Response, E, R>,
) {
  const { acceptanceSeconds } = yield* Metrics
  const observe = acceptanceSeconds.startTimer()
  const name = batchName(submitter.partner, asked)
  // Limits apply to new batches only; a repeated request gets its first answer, also while the settings cannot be read.
  const unlessKnown = Effect.fnUntraced(function* (
    refused: IntakeFull | PartnerShareFull | StoreUnavailable,
  ) {
    if ((yield* acceptedAs(name)) === undefined) return yield* refused
  })
  const intake = yield* Intake
  yield* partnerTerms(submitter.partner).pipe(
    Effect.flatMap(({ backlogMax }) => intake.admit(partnerShardOf(name.id), backlogMax)),
    Effect.catchTags({
      IntakeFull: unlessKnown,
      PartnerShareFull: unlessKnown,
      StoreUnavailable: unlessKnown,
    }),
  )
  const { credential, trace } = submitter
  const response = yield* answer({ ...name, credential, trace })
  observe({ status: response.status })
  return response
})

/** A batch by its name, and the credential that submitted it. */
export interface Submission extends BatchName {
  readonly credential: Credential
  /** The trace that the request names. A repetition of the request may name another one: the batch keeps the first. */
  readonly trace: Trace | undefined
}

/**
 * What was read of a request is let go before its batch is opened: of many batches that Redis writes at a time, the garbage
 * collector would copy all of it.
 */
export const accept = <E, R>(submission: Submission, asked: Asked<E, R>) =>
  Effect.flatMap(readyToOpen(submission, asked), (ready) =>
    ready instanceof Response ? Effect.succeed(ready) : openAndAnswer(ready),
  )

/** Of a request all that is needed to open its batch, and to answer it. */
interface Ready {
  readonly store: EventStore["Service"]
  readonly name: BatchName
  readonly digest: string
  readonly shown: Shown
  readonly received: Received
  readonly claim: string | undefined
  /** Its count in the partner's day. */
  readonly count: DayCount | undefined
  readonly openBy: number | undefined
  /** Its first events, or what there is already. */
  readonly start: ReadonlyArray<BatchEvent> | Existing
}

/** Reads and checks a request. Gives the answer to a repetition of one that would be refused now. */
const readyToOpen = Effect.fnUntraced(function* <E, R>(submission: Submission, asked: Asked<E, R>) {
  const { id, key: idempotencyKey, partner, credential, trace } = submission
  const read = yield* Effect.result(asked.read)
  if (Result.isFailure(read)) return yield* repeatedOrRefused(submission, asked, read.failure)
  const request = read.success
  const digestKey = yield* (yield* PartnerKeys).current(REQUESTS)
  const digest = yield* inSlices(asked.digest(digestKey))
  const at = yield* Clock.currentTimeMillis
  // Not before: the body may have taken long to come.
  const terms = yield* partnerTerms(partner).pipe(
    Effect.catchTag("StoreUnavailable", (away) => acceptedBefore(submission, away)),
  )
  const { totals, modulusFailures } = request
  const shown = { itemCount: request.items.length, totals, modulusFailures }
  if ("first" in terms) return yield* answerAgain({ digest, shown }, terms)
  const store = yield* EventStore
  const problems = yield* problemsNow(terms, partner, request, at, asked.problemsMax)
  const mayBeRefused = problems.length > 0 || mayNeedMore(terms)
  // What was accepted when the banks took more, and the settings allowed more, is answered as ever, and nothing of it is checked or
  // counted again.
  const before = mayBeRefused ? yield* acceptedAs(submission) : undefined
  if (before !== undefined) return yield* answerAgain({ digest, shown }, before)
  if (problems.length > 0) return yield* Effect.fail(asked.unpayable(problems))
  const accepted = Effect.map(acceptedAs(submission), (known) => known !== undefined)
  const { duplicates, claim, openBy } = yield* checkDuplicates(
    { id, partner, digest, request, accepted, policy: terms.duplicates },
    digestKey,
  )
  const count = yield* countInDay({ id, partner, digest, accepted }, terms, request).pipe(
    Effect.tapError(() => releaseClaim(claim)),
  )
  const found = duplicates === undefined ? {} : { duplicates }
  const start = yield* sealItems(partner, id, request.items).pipe(
    Effect.flatMap((sealed) =>
      receive(id, request, terms, {
        at,
        partner,
        credential,
        idempotencyKey,
        requestDigest: digest,
        ...(trace === undefined ? {} : { trace }),
        ...found,
        ...sealed,
      }),
    ),
    Effect.catchTag("KeysForgotten", (forgotten) => acceptedBefore(submission, forgotten)),
    Effect.tapErrorTag("KeysForgotten", () => Effect.andThen(releaseClaim(claim), noteCount(count, false))),
  )
  return {
    store,
    name: submission,
    digest,
    shown,
    received: { at, ...found },
    claim,
    count,
    openBy: earlier(openBy, count?.openBy),
    start,
  } satisfies Ready as Ready
})

/** Whether a partner's requests are compared with earlier ones, or counted: then one that is repeated has to be known before. */
const mayNeedMore = ({ duplicates, dayMax, policy }: PartnerTerms): boolean =>
  duplicates !== undefined || dayMax !== undefined || hasThresholds(policy.approvalAbove)

/** What the partner's settings, and the banks, refuse in a request at `now` (epoch milliseconds): at most `problemsMax`. */
export const problemsNow = Effect.fnUntraced(function* (
  terms: PartnerTerms,
  partner: PartnerId,
  request: BatchRequest,
  now: number,
  problemsMax: number,
) {
  const refused = yield* refusedBySettings(terms, request, now, problemsMax)
  return [...refused, ...(yield* unpayableItems(partner, request, now, problemsMax))].slice(0, problemsMax)
})

const earlier = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)

const openAndAnswer = ({ store, start, ...ready }: Ready) =>
  "first" in start
    ? answerTo(ready, start)
    : Effect.flatMap(openOnce(store, ready.name, start, ready.openBy), (outcome) => answerTo(ready, outcome))

const answerTo = Effect.fnUntraced(function* (
  { name, digest, shown, received, claim, count }: Omit<Ready, "store" | "start">,
  outcome: { readonly _tag: "Opened" } | Existing,
) {
  yield* outcome._tag === "Opened" ? noteOpened(claim) : releaseClaim(claim)
  // A batch under the other way of writing the key was counted under its own id.
  const isCounted =
    outcome._tag === "Opened" || (outcome.id === name.id && isSameRequest(outcome.first, digest))
  yield* noteCount(count, isCounted)
  if (outcome._tag === "Opened") return accepted(name.id, shown, received, {})
  return yield* answerAgain({ digest, shown }, outcome)
})

/** The first answer of a batch that is in the log, if it is of the same request. */
const answerAgain = (
  { digest, shown }: Pick<Ready, "digest" | "shown">,
  { id, first }: Existing,
): Effect.Effect<Response, IdempotencyKeyReused> =>
  isSameRequest(first, digest)
    ? Effect.succeed(accepted(id, shown, first, replayed))
    : Effect.fail(new IdempotencyKeyReused({ batch: id }))

/**
 * A body that is refused today may be one that was accepted: by another release, under other settings, while its currency was
 * in use, or before its time had long passed. Its answer is that of the first time, by the log. A partner that got a refusal
 * instead could send the payouts again under another key.
 */
const repeatedOrRefused = Effect.fnUntraced(function* <E>(
  name: BatchName,
  { digest: digestOf }: Pick<Asked<unknown, unknown>, "digest">,
  refused: E,
) {
  const before = yield* acceptedAs(name)
  if (before === undefined) return yield* Effect.fail(refused)
  const { id, first } = before
  const digest = yield* inSlices(digestOf(yield* (yield* PartnerKeys).current(REQUESTS)))
  if (!isSameRequest(first, digest)) return yield* Effect.fail(refused)
  const { itemCount, totals } = yield* batchFromLog(id, ({ batch }) => ({
    itemCount: batch.itemCount,
    totals: totalsAccepted(batch),
  }))
  return accepted(id, { itemCount, totals }, first, replayed)
})

const totalsAccepted = ({ tallies }: Batch): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...tallies].map(([currency, states]) => {
      const minor = [...states.values()].reduce((sum, tally) => sum + tally.minor, 0n)
      return [currency, formatAmount(minor, currency)]
    }),
  )

/** The first events of a requested batch. */
const receive = Effect.fnUntraced(function* (
  id: BatchId,
  {
    totals: _,
    duplicates: _allowed,
    modulusFailures: _failures,
    mode,
    submittedBy,
    requireApproval,
    ...asked
  }: BatchRequest,
  { policy, modeByDefault, recorded }: PartnerTerms,
  received: Pick<
    ReceiveBatch,
    | "at"
    | "partner"
    | "credential"
    | "idempotencyKey"
    | "requestDigest"
    | "duplicates"
    | "trace"
    | "items"
    | "seals"
  >,
) {
  const approvalAsked = requireApproval ?? false
  const decision = decide(emptyBatch(), {
    _tag: "ReceiveBatch",
    ...asked,
    ...received,
    ...(recorded === undefined ? {} : { terms: recorded }),
    mode: mode ?? modeByDefault,
    submittedBy: submittedBy ?? received.partner,
    approvalAsked,
    dayIsUsedUp: !approvalAsked && (yield* isDayUsedUp(id, received, policy)),
    policy,
  })
  if (Result.isFailure(decision)) return yield* Effect.die(new Error(decision.failure.reason))
  return decision.success
})

/** The items as the log may contain them, and their accounts and addresses, sealed by chunks with turns in between. */
const sealItems = Effect.fnUntraced(function* (
  partner: PartnerId,
  batch: BatchId,
  items: BatchRequest["items"],
) {
  const key = yield* (yield* PartnerKeys).current(partner)
  const chunks = Arr.chunksOf(items, ITEMS_PER_EVENT_MAX)
  const sealed = yield* Effect.forEach(chunks, (chunk, index) =>
    Effect.map(index === 0 ? Effect.void : turn, () => {
      const visible = Arr.map(chunk, withoutAccount)
      const places = visible.map(({ item, beneficiary }) => ({ item, ...beneficiary }))
      const accounts = chunk.map(({ beneficiary }) => sealedOf(beneficiary))
      return { visible, seal: sealAccounts(key, { partner, batch }, places, accounts) }
    }),
  )
  return {
    items: Arr.flatten(Arr.map(sealed, ({ visible }) => visible)),
    seals: Arr.map(sealed, ({ seal }) => seal),
  }
})

const withoutAccount = ({ beneficiary, ...item }: RequestedItem): PayoutItem => ({
  ...item,
  beneficiary: visibleBeneficiaryOf(beneficiary),
})

/** A request for a batch that is in the log gets its first answer, whatever a new one would lack now. */
const acceptedBefore = Effect.fnUntraced(function* <E extends KeysForgotten | StoreUnavailable>(
  name: BatchName,
  lacking: E,
) {
  return (yield* acceptedAs(name)) ?? (yield* Effect.fail(lacking))
})

const replayed = { "idempotent-replayed": "true" }

/** What the log says of a batch that was accepted: when it was, and what was found of payouts accepted before. */
type Received = Pick<BatchEventOf<"BatchReceived">, "at" | "duplicates">

/** What is shown of the request. Of a body that could not be read, the accounts were not looked at again. */
type Shown = Pick<BatchRequest, "totals"> &
  Partial<Pick<BatchRequest, "modulusFailures">> & { readonly itemCount: number }

/** The same for the first request and each repetition of it: the body has the same digest, the rest is the log's. */
const accepted = (
  id: BatchId,
  { itemCount, totals, modulusFailures }: Shown,
  { at, duplicates }: Received,
  headers: Readonly<Record<string, string>>,
): Response =>
  new Response(
    JSON.stringify({
      id,
      state: "received",
      itemCount,
      totals,
      receivedAt: new Date(at).toISOString(),
      ...warningsOf({ duplicates, modulusFailures }),
    }),
    {
      status: 202,
      headers: { "content-type": "application/json", location: `/payout-batches/${id}`, ...headers },
    },
  )

const isSameRequest = (first: BatchEvent, requestDigest: string): first is BatchEventOf<"BatchReceived"> =>
  first._tag === "BatchReceived" && first.requestDigest === requestDigest
