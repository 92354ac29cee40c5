/**
 * The check of a new batch for payouts that its partner was accepted before, as the partner's policy asks for.
 *
 * A request claims its payouts in a register before it opens its batch. Claims of a partner are made one after the other,
 * so of two requests that come at a time the second one finds the claim of the first, whether or not that has opened its
 * batch yet. A claim counts if the log has its batch, and but for items that ended unpaid. Who dies between claim and log
 * leaves a claim that others wait for until no batch can be opened by it any more: the log refuses late ones.
 */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { DuplicatePolicy } from "../../domain/duplicate-policy.ts"
import type { Duplicates } from "../../domain/duplicates.ts"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import { inSlices } from "../../parsing/turns.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type ClaimedPayout, type EarlierClaim, PayoutClaims } from "../../register/payout-claims.ts"
import { ClaimMarks } from "../../streams/claim-marks.ts"
import type { CorruptEntry, EventStore } from "../../streams/event-store.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import type { DataKey } from "../../vault/partner-keys.ts"
import { DuplicatePayouts, DuplicatesUnknown } from "../edge/failures.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import {
  earlierPayouts,
  type Found,
  foundIn,
  OPEN_WITHIN_MS,
  type Repeated,
  repeatedOf,
} from "./earlier-payouts.ts"
import type { BatchRequest } from "./payout-batch-request.ts"
import { fingerprintsOf, repeatedWithin } from "./payout-fingerprint.ts"

/** How long the register may take to note what became of a claim. */
const NOTE_MS_MAX = 1_000
/** How often, and how long each time, a request is waited for that claimed the same before. */
const WAITS_MAX = 20
const WAIT_MS = 100
const RETRY_AFTER_SECONDS = 5

/** The request that is checked. */
interface Checked {
  readonly id: BatchId
  readonly partner: PartnerId
  readonly digest: string
  readonly request: BatchRequest
  /** Whether it is in its log by now: then it is answered from there, with what was found when it was accepted. */
  readonly accepted: Effect.Effect<boolean, CorruptEntry | StoreUnavailable, EventStore>
  /** The partner's policy; nothing where duplicates are not looked for. */
  readonly policy: DuplicatePolicy | undefined
}

/** What the check found, and what has to be known of it when the batch is opened. */
export interface Check {
  readonly duplicates: Duplicates | undefined
  /** The claim that the request made. */
  readonly claim?: string
  /** Until when the batch may be opened: epoch milliseconds by the log's store. */
  readonly openBy?: number
}

const nothing: Found = { count: 0, items: [] }

/** Checks a request that was not accepted yet. Fails when its partner's policy refuses it, or cannot be kept now. */
export const checkDuplicates = Effect.fnUntraced(function* (checked: Checked, key: DataKey) {
  const own = checked.policy
  const none: Check = { duplicates: duplicatesOf(checked.request, nothing, false) }
  if (own === undefined) return none
  // The same request may have been accepted in the meantime.
  const unlessAccepted = Effect.fnUntraced(function* (refusal: DuplicatePayouts | DuplicatesUnknown) {
    return (yield* checked.accepted) ? none : yield* refusal
  })
  return yield* compare(own, checked, key).pipe(
    Effect.catchTags({ DuplicatePayouts: unlessAccepted, DuplicatesUnknown: unlessAccepted }),
  )
})

/**
 * What the check of a request would find now, without a claim. Fails as the check would, where the partner's policy refuses what
 * was found.
 */
export const lookForDuplicates = Effect.fnUntraced(function* (
  { id, partner, request, policy: own }: Pick<Checked, "id" | "partner" | "request" | "policy">,
  key: DataKey,
) {
  if (own === undefined) return duplicatesOf(request, nothing, false)
  const fingerprints = yield* inSlices(fingerprintsOf(key, partner, request.items, own.compared))
  const seen = yield* (yield* PayoutClaims)
    .look({ partner, batch: id }, fingerprints, own.days)
    .pipe(Effect.catchTag("StoreUnavailable", () => Effect.succeed({ earlier: [], isCutShort: true })))
  const { repeated, underWay } = yield* earlierPayouts(seen.earlier)
  const likely = yield* inSlices(repeatedOf(underWay))
  const within = yield* inSlices(repeatedWithin(id, fingerprints))
  const found = yield* inSlices(foundIn(request.items.length, [repeated, likely, within]))
  if (found.count > 0 && own.mode === "refuse" && request.duplicates === undefined)
    return yield* new DuplicatePayouts({ count: found.count, errors: found.items.map(errorOf) })
  return duplicatesOf(request, found, seen.isCutShort)
})

/** Compares a request that was not accepted yet with the partner's earlier payouts. */
const compare = Effect.fnUntraced(function* (own: DuplicatePolicy, checked: Checked, key: DataKey) {
  const { partner, request } = checked
  const fingerprints = yield* inSlices(fingerprintsOf(key, partner, request.items, own.compared))
  const made = yield* claimUnlessAway(own, checked, fingerprints)
  const within = yield* inSlices(repeatedWithin(checked.id, fingerprints))
  const duplicates = yield* judge(own, request, made, within).pipe(
    Effect.tapError(() => releaseClaim(made?.id)),
  )
  return {
    duplicates,
    ...(made === undefined ? {} : { claim: made.id, openBy: made.openBy }),
  } satisfies Check as Check
})

/** What the policy makes of what was found. */
const judge = Effect.fnUntraced(function* (
  { mode }: DuplicatePolicy,
  request: BatchRequest,
  made: Made | undefined,
  within: Repeated,
) {
  const isAllowed = mode === "warn" || request.duplicates !== undefined
  return yield* isAllowed ? acceptRepeated(request, made, within) : refuseRepeated(request, made, within)
})

/** A claim that was made, and what it met. */
interface Made {
  readonly id: string
  readonly earlier: ReadonlyArray<EarlierClaim>
  readonly openBy: number
  /** Why it did not meet all earlier claims, where it may not have. */
  readonly incomplete: "register-behind" | "too-many" | undefined
}

/**
 * Nothing when the register is away and the policy only warns. Who refuses duplicates also refuses one that is allowed
 * then: without its claim the next one would pass unnoticed.
 */
const claimUnlessAway = Effect.fnUntraced(function* (
  policy: DuplicatePolicy,
  checked: Checked,
  fingerprints: ReadonlyArray<ClaimedPayout>,
) {
  const { duplicatesUnchecked } = yield* Metrics
  return yield* makeClaim(policy, checked, fingerprints).pipe(
    Effect.catchTag(
      "StoreUnavailable",
      (failure): Effect.Effect<undefined, DuplicatesUnknown | StoreUnavailable> => {
        if (failure.store !== "postgres") return failure
        duplicatesUnchecked.inc({
          outcome: policy.mode === "warn" ? "warned" : "refused",
          reason: "unavailable",
        })
        const { step, reason } = failure
        return policy.mode === "warn"
          ? Effect.as(Effect.logWarning("duplicates are not looked for", { step, reason }), undefined)
          : unknownFor("The register of payouts does not answer. Send the same request again.")
      },
    ),
  )
})

const makeClaim = Effect.fnUntraced(function* (
  { days }: DuplicatePolicy,
  { id: batch, partner, digest }: Checked,
  fingerprints: ReadonlyArray<ClaimedPayout>,
) {
  const [claims, marks] = [yield* PayoutClaims, yield* ClaimMarks]
  const { claim: known, now } = yield* marks.last(partner, days)
  const claim = { id: randomUUID(), partner, batch, request: digest }
  const { earlier, isCutShort, hasKnown, claimedAt } = yield* claims.claim(claim, fingerprints, {
    days,
    known,
  })
  if (hasKnown)
    yield* marks
      .note(partner, { id: claim.id, claimedAt }, days)
      .pipe(Effect.tapError(() => releaseClaim(claim.id)))
  else yield* Effect.logError("the register of payouts is older than it was", { partner })
  const incomplete = !hasKnown ? "register-behind" : isCutShort ? "too-many" : undefined
  return { id: claim.id, earlier, openBy: now + OPEN_WITHIN_MS, incomplete } satisfies Made as Made
})

/** Fails unless it is sure that nothing is repeated. */
const refuseRepeated = Effect.fnUntraced(function* (
  { items }: BatchRequest,
  made: Made | undefined,
  within: Repeated,
) {
  const { duplicatePayouts, duplicatesUnchecked } = yield* Metrics
  const { repeated, underWay } = yield* awaitOthers(made?.earlier ?? [], within.size > 0)
  const found = yield* inSlices(foundIn(items.length, [repeated, within]))
  if (found.count > 0) {
    duplicatePayouts.inc({ outcome: "refused" }, found.count)
    return yield* new DuplicatePayouts({ count: found.count, errors: found.items.map(errorOf) })
  }
  const doubt = underWay.length > 0 ? "under-way" : made?.incomplete
  if (doubt === undefined) return undefined
  duplicatesUnchecked.inc({ outcome: "refused", reason: doubt })
  return yield* unknownFor(doubts[doubt])
})

const doubts = {
  "under-way": "Another request for the same payouts is being processed. Send the same request again.",
  "register-behind": "The register of payouts has lost entries; the operator has to look at it.",
  "too-many": "Too many earlier payouts have to be compared. Post the items in several batches.",
} as const

/** Waits a moment for requests that claimed the same before and have not opened their batches yet. */
const awaitOthers = Effect.fnUntraced(function* (earlier: ReadonlyArray<EarlierClaim>, isDecided: boolean) {
  let found = yield* earlierPayouts(earlier)
  for (let waits = 0; waits < WAITS_MAX; waits += 1) {
    if (isDecided || found.repeated.size > 0 || found.underWay.length === 0) break
    yield* Effect.sleep(WAIT_MS)
    found = yield* earlierPayouts(found.underWay)
  }
  return found
})

/** What is accepted although it is, or may be, repeated. */
const acceptRepeated = Effect.fnUntraced(function* (
  request: BatchRequest,
  made: Made | undefined,
  within: Repeated,
) {
  const { duplicatePayouts, duplicatesUnchecked } = yield* Metrics
  const { repeated, underWay } = yield* earlierPayouts(made?.earlier ?? [])
  const likely = yield* inSlices(repeatedOf(underWay))
  const found = yield* inSlices(foundIn(request.items.length, [repeated, likely, within]))
  const outcome = request.duplicates === undefined ? "warned" : "allowed"
  if (found.count > 0) duplicatePayouts.inc({ outcome }, found.count)
  if (made?.incomplete !== undefined) duplicatesUnchecked.inc({ outcome, reason: made.incomplete })
  return duplicatesOf(request, found, made === undefined || made.incomplete !== undefined)
})

/** What the log keeps of it; nothing, where there is nothing to say. */
const duplicatesOf = (
  { duplicates }: BatchRequest,
  { count, items }: Found,
  isUnchecked: boolean,
): Duplicates | undefined =>
  duplicates === undefined && count === 0 && !isUnchecked
    ? undefined
    : {
        count,
        items,
        ...(isUnchecked ? { unchecked: true } : {}),
        ...(duplicates === undefined ? {} : { reason: duplicates.reason }),
      }

const errorOf = ({ item, duplicateOf }: Duplicates["items"][number]) => ({
  ...fieldProblem(["items", item - 1], `pays the same as item ${duplicateOf.item} of ${duplicateOf.batch}`),
  duplicateOf,
})

const unknownFor = (detail: string) =>
  new DuplicatesUnknown({ detail, retryAfterSeconds: RETRY_AFTER_SECONDS })

/** Notes that the batch was opened. Where that fails its log says so, for as long as it is not lost. */
export const noteOpened = Effect.fnUntraced(function* (claim: string | undefined) {
  if (claim === undefined) return
  yield* soon((yield* PayoutClaims).opened(claim), "it is not noted that a batch was opened")
})

/** Takes a claim back whose batch is not opened by it. One that stays does no harm after two minutes. */
export const releaseClaim = Effect.fnUntraced(function* (claim: string | undefined) {
  if (claim === undefined) return
  yield* soon((yield* PayoutClaims).release(claim), "a claim on payouts is not released")
})

/** The answer does not wait long for what the log says as well. */
const soon = (note: Effect.Effect<void, StoreUnavailable>, otherwise: string) =>
  note.pipe(
    Effect.timeoutOrElse({ duration: NOTE_MS_MAX, orElse: () => Effect.fail(tooSlow) }),
    Effect.catchTag("StoreUnavailable", ({ step, reason }) => Effect.logWarning(otherwise, { step, reason })),
  )

const tooSlow = new StoreUnavailable({ store: "postgres", step: "note a claim", reason: "TIMEOUT" })
