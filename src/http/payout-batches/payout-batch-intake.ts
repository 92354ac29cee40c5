/** The acceptance of a batch, in whatever form it was asked for: it is in the log before the answer, and a repeated request finds it there. */
import { randomUUID } from "node:crypto"
import { Array as Arr, Clock, Effect, Result } from "effect"
import { AppConfig } from "../../config.ts"
import { hasThresholds, isAboveThreshold, totalsOf } from "../../domain/approval-threshold.ts"
import { type Batch, emptyBatch } from "../../domain/batch.ts"
import { sealedOf, visibleBeneficiaryOf } from "../../domain/beneficiary.ts"
import type { BatchPolicy, ReceiveBatch } from "../../domain/commands.ts"
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
import { inSlices, turn } from "../../parsing/turns.ts"
import { IntakePressure } from "../../platform/intake-pressure.ts"
import { ApprovalAllowance } from "../../streams/approval-allowance.ts"
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
import { batchIdOf, REQUESTS, requestDigest } from "./batch-identity.ts"
import { checkDuplicates, noteOpened, releaseClaim } from "./duplicate-check.ts"
import { type IdempotencyKey, waysOf } from "./idempotency-key.ts"
import { Intake } from "./intake.ts"
import { unpayableItems } from "./intake-limits.ts"
import type { IntakeRules } from "./intake-rules.ts"
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
export type Submitter = Pick<Submission, "partner" | "credential">

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
        Effect.catchTag("UnsupportedCharset", (refused) => repeatedOrRefused(submission.id, asked, refused)),
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
  const { id, key } = yield* identityOf(submitter.partner, asked)
  // Limits apply to new batches only; a repeated request gets its first answer.
  const unlessKnown = Effect.fnUntraced(function* (full: IntakeFull | PartnerShareFull) {
    const [first] = yield* (yield* EventStore).read(id, 0, 1)
    if (first === undefined) return yield* full
  })
  yield* (yield* Intake)
    .admit(partnerShardOf(id))
    .pipe(Effect.catchTags({ IntakeFull: unlessKnown, PartnerShareFull: unlessKnown }))
  const response = yield* answer({ ...submitter, id, key })
  observe({ status: response.status })
  return response
})

/** The id of a batch, the idempotency key that it comes from, its partner, and the credential that submitted it. */
export interface Submission {
  readonly id: BatchId
  readonly key: string
  readonly partner: PartnerId
  readonly credential: Credential
  /** After this, no batch is opened: epoch milliseconds by the clock of the log's store. */
  readonly openBy?: number
}

/**
 * The batch that a key names, and the text that names it. If the key was written in the other way before, it is the batch of that
 * text; otherwise that of the text as it is written here ({@link waysOf}).
 */
export const identityOf = Effect.fnUntraced(function* (partner: PartnerId, asked: IdempotencyKey) {
  const [written, other] = waysOf(asked)
  const own = { id: batchIdOf(partner, written), key: written }
  if (other === undefined) return own
  const { read } = yield* EventStore
  const before = { id: batchIdOf(partner, other), key: other }
  if ((yield* read(before.id, 0, 1)).length === 0) return own
  // A release that took the two for different keys may have accepted both.
  return (yield* read(own.id, 0, 1)).length === 0 ? before : own
})

/**
 * What was read of a request is let go before its batch is opened: of many batches that Redis writes at a time, the garbage
 * collector would copy all of it.
 */
export const accept = <E, R>(submission: Submission, asked: Asked<E, R>) =>
  Effect.flatMap(readyToOpen(submission, asked), (ready) =>
    ready instanceof Response ? Effect.succeed(ready) : openAndAnswer(ready),
  )

/** A batch that was accepted before. */
interface Existing {
  readonly _tag: "Exists"
  readonly first: BatchEvent
}

/** Of a request all that is needed to open its batch, and to answer it. */
interface Ready {
  readonly store: EventStore["Service"]
  readonly id: BatchId
  readonly digest: string
  readonly shown: Shown
  readonly received: Received
  readonly claim: string | undefined
  readonly openBy: number | undefined
  /** Its first events, or what there is already. */
  readonly start: ReadonlyArray<BatchEvent> | Existing
}

/** Reads and checks a request. Gives the answer to a repetition of one that would be refused now. */
const readyToOpen = Effect.fnUntraced(function* <E, R>(submission: Submission, asked: Asked<E, R>) {
  const { id, key: idempotencyKey, partner, credential, openBy: mayOpenBy } = submission
  const read = yield* Effect.result(asked.read)
  if (Result.isFailure(read)) return yield* repeatedOrRefused(id, asked, read.failure)
  const request = read.success
  const digestKey = yield* (yield* PartnerKeys).current(REQUESTS)
  const digest = yield* inSlices(asked.digest(digestKey))
  const at = yield* Clock.currentTimeMillis
  const store = yield* EventStore
  const problems = yield* unpayableItems(partner, request, at, asked.problemsMax)
  // What was accepted when the banks took more is answered as ever.
  if (problems.length > 0 && (yield* store.read(id, 0, 1)).length === 0)
    return yield* Effect.fail(asked.unpayable(problems))
  const { duplicates, claim, openBy } = yield* checkDuplicates({ id, partner, digest, request }, digestKey)
  const found = duplicates === undefined ? {} : { duplicates }
  const start = yield* sealItems(partner, id, request.items).pipe(
    Effect.flatMap((sealed) =>
      receive(id, request, {
        at,
        partner,
        credential,
        idempotencyKey,
        requestDigest: digest,
        ...found,
        ...sealed,
      }),
    ),
    Effect.catchTag("KeysForgotten", (forgotten) => acceptedBefore(id, forgotten)),
    Effect.tapErrorTag("KeysForgotten", () => releaseClaim(claim)),
  )
  const { totals, modulusFailures } = request
  const shown = { itemCount: request.items.length, totals, modulusFailures }
  return {
    store,
    id,
    digest,
    shown,
    received: { at, ...found },
    claim,
    openBy: earlierOf(openBy, mayOpenBy),
    start,
  } satisfies Ready as Ready
})

const earlierOf = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)

const openAndAnswer = ({ store, start, ...ready }: Ready) =>
  "first" in start
    ? answerTo(ready, start)
    : Effect.flatMap(store.open(ready.id, start, randomUUID(), ready.openBy), (outcome) =>
        answerTo(ready, outcome),
      )

const answerTo = Effect.fnUntraced(function* (
  { id, digest, shown, received, claim }: Omit<Ready, "store" | "start">,
  outcome: { readonly _tag: "Opened" } | Existing,
) {
  yield* outcome._tag === "Opened" ? noteOpened(claim) : releaseClaim(claim)
  if (outcome._tag === "Opened") return accepted(id, shown, received, {})
  if (!isSameRequest(outcome.first, digest)) return yield* new IdempotencyKeyReused({ batch: id })
  return accepted(id, shown, outcome.first, replayed)
})

/**
 * A body that is refused today may be one that was accepted: by another release, under other settings, while its currency was
 * in use, or before its time had long passed. Its answer is that of the first time, by the log. A partner that got a refusal
 * instead could send the payouts again under another key.
 */
const repeatedOrRefused = Effect.fnUntraced(function* <E>(
  id: BatchId,
  { digest: digestOf }: Pick<Asked<unknown, unknown>, "digest">,
  refused: E,
) {
  const [first] = yield* (yield* EventStore).read(id, 0, 1)
  if (first === undefined) return yield* Effect.fail(refused)
  const digest = yield* inSlices(digestOf(yield* (yield* PartnerKeys).current(REQUESTS)))
  if (!isSameRequest(first.event, digest)) return yield* Effect.fail(refused)
  return yield* answerFromLog(id, first.event)
})

/** The answer to a request whose batch is in its log, which begins with `first`. */
export const answerFromLog = Effect.fnUntraced(function* (id: BatchId, first: BatchEventOf<"BatchReceived">) {
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
  received: Pick<
    ReceiveBatch,
    "at" | "partner" | "credential" | "idempotencyKey" | "requestDigest" | "duplicates" | "items" | "seals"
  >,
) {
  const { policy } = yield* AppConfig
  const approvalAsked = requireApproval ?? false
  const decision = decide(emptyBatch(), {
    _tag: "ReceiveBatch",
    ...asked,
    ...received,
    mode: mode ?? "partial",
    submittedBy: submittedBy ?? received.partner,
    approvalAsked,
    dayIsUsedUp: !approvalAsked && (yield* isDayUsedUp(id, received, policy)),
    policy,
  })
  if (Result.isFailure(decision)) return yield* Effect.die(new Error(decision.failure.reason))
  return decision.success
})

/**
 * Whether a batch within the thresholds exceeds what is left of the partner's day. It is counted before it is in the
 * log, so a crash in between has counted too much, never too little.
 */
const isDayUsedUp = Effect.fnUntraced(function* (
  id: BatchId,
  { partner, requestDigest, items }: Pick<ReceiveBatch, "partner" | "requestDigest" | "items">,
  { approvalAbove }: BatchPolicy,
) {
  const totals = totalsOf(items)
  if (!hasThresholds(approvalAbove) || isAboveThreshold(totals, approvalAbove)) return false
  // A repeated request, however late, is answered from the log and does not count again.
  if ((yield* (yield* EventStore).read(id, 0, 1)).length > 0) return false
  const amounts = [...totals].map(([currency, minor]) => ({
    currency,
    minor,
    perDay: approvalAbove[currency] ?? 0n,
  }))
  return !(yield* (yield* ApprovalAllowance).take(partner, `${id}:${requestDigest}`, amounts))
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

/** A request for a batch that was accepted before the partner's keys were forgotten gets its first answer. */
const acceptedBefore = Effect.fnUntraced(function* (id: BatchId, forgotten: KeysForgotten) {
  const [first] = yield* (yield* EventStore).read(id, 0, 1)
  if (first === undefined) return yield* forgotten
  return { _tag: "Exists" as const, first: first.event }
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
