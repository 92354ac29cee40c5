/**
 * `POST /payout-batch-drafts/:draft/submission`: a draft becomes a batch, once.
 *
 * The batch has the key that follows from the draft, so the log has at most one of it, whoever dies when. In this order:
 *
 * 1. The version is fixed in the draft, and with it until when this submission may open the batch.
 * 2. The batch is accepted as any other. Once that time has passed, the log refuses to open it.
 * 3. The draft notes its batch. Where that is missing, the next submission or look at the draft finds the batch in the log.
 *
 * A refusal opens the draft again only if no other submission of it may still open the batch: what is changed then would not be what
 * is paid.
 */
import { randomUUID } from "node:crypto"
import { Effect, Result } from "effect"
import { changeable } from "../../drafts/draft-changes.ts"
import { type Draft, DraftChanged, type DraftNotOpen, Drafts } from "../../drafts/drafts.ts"
import { access } from "../../identity/access.ts"
import { EventStore } from "../../streams/event-store.ts"
import { DuplicatePayouts, IdempotencyKeyReused, TooManyRequests } from "../edge/failures.ts"
import { FairRoom } from "../edge/fair-room.ts"
import type { Failure } from "../edge/problems.ts"
import { traceIn } from "../edge/trace-parent.ts"
import { answerFromLog } from "../payout-batches/acceptance-answer.ts"
import { OPEN_WITHIN_MS } from "../payout-batches/earlier-payouts.ts"
import { keyOfDraft } from "../payout-batches/idempotency-key.ts"
import {
  accept,
  admitted,
  holdingPressure,
  type Submission,
  type Submitter,
} from "../payout-batches/payout-batch-intake.ts"
import { AcceptedPayoutBatch, exampleAccepted } from "../payout-batches/shapes.ts"
import { BatchDryRun, dryRun, exampleDryRun } from "../payout-uploads/dry-run.ts"
import { partner } from "../routing/guards.ts"
import { flag } from "../routing/parameters.ts"
import { route } from "../routing/route.ts"
import { DraftReading } from "./draft-reading.ts"
import { batchOfDraft, ownDraft, storeTime, versionNamed } from "./own-draft.ts"
import { draftInPath, ifMatch } from "./shapes.ts"

/** Bytes of drafts that are submitted at a time in a process: as many as bodies of batches have. */
const SUBMITTING_BYTES_MAX = 256 * 1024 * 1024

const submitting = new FairRoom(SUBMITTING_BYTES_MAX)

export const submitDraft = route({
  method: "POST",
  path: "/payout-batch-drafts/:draft/submission",
  operationId: "submitPayoutBatchDraft",
  tag: "Drafts",
  summary: "Submit a draft",
  description:
    "The version that If-Match names becomes a batch, with the checks and the answer of a batch that is posted. Send it again if you " +
    "get no answer: a draft becomes one batch only.",
  guard: partner(access.postBatches.partner),
  parameters: draftInPath,
  query: { dryRun: flag({ description: "Checks the draft only: nothing is stored, and it stays open." }) },
  headers: ifMatch,
  answers: {
    200: {
      description: "With dryRun=true: what would become of the batch. Nothing was stored.",
      schema: BatchDryRun,
      example: exampleDryRun,
    },
    202: {
      description: "The batch is in the log and will be paid.",
      schema: AcceptedPayoutBatch,
      headers: {
        location: { description: "The address of the batch.", example: "/payout-batches/pb_…" },
        "idempotent-replayed": { description: "`true` if the batch was accepted before.", optional: true },
      },
      example: exampleAccepted,
    },
  },
  failures: [
    "CorruptEntry",
    "DayLimitReached",
    "DraftChanged",
    "DraftLimitReached",
    "DraftNotOpen",
    "DuplicatePayouts",
    "DuplicatesUnknown",
    "IdempotencyKeyReused",
    "IntakeFull",
    "InvalidBody",
    "KeysForgotten",
    "NoSuchDraft",
    "PartnerShareFull",
    "PreconditionRequired",
    "StoreUnavailable",
    "TooManyRequests",
    "VaultUnavailable",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ c, partner, credential, parameters, query, headers }) {
    const draft = yield* ownDraft(partner, parameters.draft)
    const version = yield* versionNamed(draft, headers["if-match"])
    return query.dryRun
      ? yield* withinRoom(draft, tryVersion(draft, version))
      : yield* withinRoom(
          draft,
          submitVersion({ partner, credential, trace: traceIn(c.req.header("traceparent")) }, draft, version),
        )
  }),
)

/** Runs what reads a whole draft, if there is room for it. */
const withinRoom = <A, E, R>({ partner, itemsBytes }: Draft, work: Effect.Effect<A, E, R>) =>
  Effect.suspend((): Effect.Effect<A, E | TooManyRequests, R> => {
    if (!submitting.admits(partner, itemsBytes))
      return Effect.fail(new TooManyRequests({ what: "submissions of drafts", retryAfterSeconds: 1 }))
    submitting.take(partner, itemsBytes)
    return Effect.ensuring(
      work,
      Effect.sync(() => submitting.giveBack(partner, itemsBytes)),
    )
  })

/** Checks a version without fixing it. What was read is that version if it is still the draft's afterwards. */
const tryVersion = Effect.fnUntraced(function* (draft: Draft, version: number) {
  yield* Effect.fromResult(draft.state === "submitting" ? Result.succeed(draft) : changeable(draft, version))
  const reading = new DraftReading(draft)
  const tried = yield* dryRun(draft.partner, keyOfDraft(draft.id), reading.asked).pipe(numbered(reading))
  const after = yield* (yield* Drafts).find(draft.partner, draft.id)
  if (after.version !== version) return yield* new DraftChanged({ version: after.version })
  return tried
})

const numbered =
  (reading: DraftReading) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.mapError(work, (failure) =>
      failure instanceof DuplicatePayouts ? (reading.withNumbers(failure) as E & DuplicatePayouts) : failure,
    )

const submitVersion = (submitter: Submitter, { id, partner }: Draft, version: number) =>
  admitted(
    submitter,
    keyOfDraft(id),
    Effect.fnUntraced(function* (submission) {
      const now = yield* storeTime(partner)
      const attempt = { id: randomUUID(), openBy: now + OPEN_WITHIN_MS }
      const begun = yield* (yield* Drafts)
        .beginSubmission(partner, id, version, attempt, now)
        .pipe(Effect.catchTag("DraftNotOpen", (refused) => submittedBefore(submission, version, refused)))
      if (begun instanceof Response) return begun
      const reading = new DraftReading(begun)
      return yield* accept({ ...submission, openBy: attempt.openBy }, reading.asked).pipe(
        numbered(reading),
        Effect.tap(() => noteSubmitted(begun)),
        Effect.catch((failure) => settle(failure, begun, reading, { id: attempt.id, now })),
        holdingPressure,
      )
    }),
  )

/** The answer to a version that has become a batch already. */
const submittedBefore = Effect.fnUntraced(function* (
  { id }: Submission,
  version: number,
  refused: DraftNotOpen,
) {
  if (refused.state !== "submitted" || refused.version !== version) return yield* refused
  const [first] = yield* (yield* EventStore).read(id, 0, 1)
  return first?.event._tag === "BatchReceived" ? yield* answerFromLog(id, first.event) : yield* refused
})

/** The log has the batch: where the draft does not say so, the next look at it finds out. */
const noteSubmitted = Effect.fnUntraced(function* (draft: Draft) {
  yield* (yield* Drafts)
    .submitted(draft.partner, draft.id, batchOfDraft(draft))
    .pipe(
      Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("a draft does not say yet what it has become", { step, reason }),
      ),
    )
})

/** These may come after the batch was opened: only the log says. */
const doubtful: ReadonlySet<string> = new Set<Failure["_tag"]>(["CorruptEntry", "StoreUnavailable"])

/** What a failed submission is answered, by the log. One that opened nothing for sure gives up its claim on the draft. */
const settle = Effect.fnUntraced(function* <E extends { readonly _tag: string }>(
  failure: E,
  draft: Draft,
  { digest }: DraftReading,
  attempt: { readonly id: string; readonly now: number },
) {
  const batch = batchOfDraft(draft)
  const [first] = yield* (yield* EventStore).read(batch, 0, 1)
  if (first?.event._tag !== "BatchReceived") {
    if (!doubtful.has(failure._tag)) yield* giveUp(draft, attempt)
    return yield* Effect.fail(failure)
  }
  if (digest === undefined) {
    // Its items were removed while they were read: another submission has finished.
    const after = yield* (yield* Drafts).find(draft.partner, draft.id)
    return after.state === "submitted"
      ? yield* answerFromLog(batch, first.event)
      : yield* Effect.fail(failure)
  }
  if (first.event.requestDigest !== digest) {
    yield* giveUp(draft, attempt)
    return yield* new IdempotencyKeyReused({ batch })
  }
  yield* noteSubmitted(draft)
  return yield* answerFromLog(batch, first.event)
})

const giveUp = Effect.fnUntraced(function* (draft: Draft, { id, now }: { id: string; now: number }) {
  yield* (yield* Drafts)
    .endSubmission(draft.partner, draft.id, id, now)
    .pipe(
      Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("a draft is not open again yet", { step, reason }),
      ),
    )
})
