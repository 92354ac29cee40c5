/** `POST /payout-batches`: a batch is in the log before the answer, and a repeated request finds it there. */
import { randomUUID } from "node:crypto"
import { Array as Arr, Clock, Effect, Result } from "effect"
import { AppConfig } from "../../config.ts"
import { hasThresholds, isAboveThreshold, totalsOf } from "../../domain/approval-threshold.ts"
import { emptyBatch } from "../../domain/batch.ts"
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
import { inSlices, turn } from "../../parsing/turns.ts"
import { ApprovalAllowance } from "../../streams/approval-allowance.ts"
import { EventStore } from "../../streams/event-store.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { type KeysForgotten, PartnerKeys } from "../../vault/partner-keys.ts"
import { sealAccounts } from "../../vault/sealing.ts"
import type { EdgeContext } from "../edge/edge.ts"
import {
  IdempotencyKeyReused,
  type IntakeFull,
  InvalidBody,
  type PartnerShareFull,
} from "../edge/failures.ts"
import { requireJson } from "../edge/json-body.ts"
import { RequestBodies } from "../edge/request-body.ts"
import { warningsOf } from "./acceptance-warnings.ts"
import { batchIdOf, REQUESTS, requestDigest } from "./batch-identity.ts"
import { checkDuplicates, noteOpened, releaseClaim } from "./duplicate-check.ts"
import { idempotencyKeyOf } from "./idempotency-key.ts"
import { Intake } from "./intake.ts"
import { unpayableItems } from "./intake-limits.ts"
import { type BatchRequest, type RequestedItem, readBatchRequest } from "./payout-batch-request.ts"

const BODY_BYTES_MAX = 48 * 1024 * 1024

/** Accepts a batch, or repeats the first answer. */
export const acceptBatch = Effect.fnUntraced(function* (
  c: EdgeContext,
  partner: PartnerId,
  credential: Credential,
) {
  const { acceptanceSeconds } = yield* Metrics
  const observe = acceptanceSeconds.startTimer()
  const key = yield* idempotencyKeyOf(c)
  yield* requireJson(c)
  const id = batchIdOf(partner, key)
  // Limits apply to new batches only; a repeated request gets its first answer.
  const unlessKnown = Effect.fnUntraced(function* (full: IntakeFull | PartnerShareFull) {
    const [first] = yield* (yield* EventStore).read(id, 0, 1)
    if (first === undefined) return yield* full
  })
  yield* (yield* Intake)
    .admit(partnerShardOf(id))
    .pipe(Effect.catchTags({ IntakeFull: unlessKnown, PartnerShareFull: unlessKnown }))
  const bodies = yield* RequestBodies
  const terms = { kind: "intake", owner: partner, bytesMax: BODY_BYTES_MAX } as const
  const response = yield* bodies.use(c.env, terms, (body) => accept({ partner, credential }, key, body))
  observe({ status: response.status })
  return response
})

/** The partner of a batch, and the key under which it was submitted. */
interface Submitter {
  readonly partner: PartnerId
  readonly credential: Credential
}

const accept = Effect.fnUntraced(function* (submitter: Submitter, idempotencyKey: string, body: Buffer) {
  const { partner } = submitter
  const request = yield* readBatchRequest(body)
  const id = batchIdOf(partner, idempotencyKey)
  const digestKey = yield* (yield* PartnerKeys).current(REQUESTS)
  const digest = yield* inSlices(requestDigest(digestKey, body))
  const at = yield* Clock.currentTimeMillis
  const store = yield* EventStore
  const problems = yield* unpayableItems(partner, request, at)
  // What was accepted when the banks took more is answered as ever.
  if (problems.length > 0 && (yield* store.read(id, 0, 1)).length === 0)
    return yield* new InvalidBody({ problems })
  const { duplicates, claim, openBy } = yield* checkDuplicates({ id, partner, digest, request }, digestKey)
  const found = duplicates === undefined ? {} : { duplicates }
  const outcome = yield* sealItems(partner, id, request.items).pipe(
    Effect.flatMap((sealed) =>
      receive(id, request, { at, ...submitter, idempotencyKey, requestDigest: digest, ...found, ...sealed }),
    ),
    Effect.flatMap((events) => store.open(id, events, randomUUID(), openBy)),
    Effect.catchTag("KeysForgotten", (forgotten) => acceptedBefore(id, forgotten)),
    Effect.tapErrorTag("KeysForgotten", () => releaseClaim(claim)),
  )
  yield* outcome._tag === "Opened" ? noteOpened(claim) : releaseClaim(claim)
  if (outcome._tag === "Opened") return accepted(id, request, { at, ...found }, {})
  if (!isSameRequest(outcome.first, digest)) return yield* new IdempotencyKeyReused({ batch: id })
  return accepted(id, request, outcome.first, { "idempotent-replayed": "true" })
})

/** The first events of a requested batch. */
const receive = Effect.fnUntraced(function* (
  id: BatchId,
  { totals: _, duplicates: _allowed, mode, submittedBy, requireApproval, ...asked }: BatchRequest,
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

/** What the log says of a batch that was accepted: when it was, and what was found of payouts accepted before. */
type Received = Pick<BatchEventOf<"BatchReceived">, "at" | "duplicates">

/** The same for the first request and each repetition of it: the body has the same digest, the rest is the log's. */
const accepted = (
  id: BatchId,
  { items, totals }: BatchRequest,
  { at, duplicates }: Received,
  headers: Readonly<Record<string, string>>,
): Response =>
  new Response(
    JSON.stringify({
      id,
      state: "received",
      itemCount: items.length,
      totals,
      receivedAt: new Date(at).toISOString(),
      ...(duplicates === undefined ? {} : warningsOf(duplicates)),
    }),
    {
      status: 202,
      headers: { "content-type": "application/json", location: `/payout-batches/${id}`, ...headers },
    },
  )

const isSameRequest = (first: BatchEvent, requestDigest: string): first is BatchEventOf<"BatchReceived"> =>
  first._tag === "BatchReceived" && first.requestDigest === requestDigest
