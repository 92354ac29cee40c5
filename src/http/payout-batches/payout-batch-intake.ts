/** The acceptance of a batch, in whatever form it was asked for: it is in the log before the answer, and a repeated request finds it there. */
import { Clock, Effect, Result } from "effect"
import { AppConfig } from "../../config.ts"
import { hasThresholds } from "../../domain/approval-threshold.ts"
import type { Credential } from "../../domain/credential.ts"
import type { BatchEvent } from "../../domain/events.ts"
import { type PartnerId, partnerShardOf } from "../../domain/identifiers.ts"
import type { Trace } from "../../domain/trace.ts"
import { inSlices } from "../../parsing/turns.ts"
import { IntakePressure } from "../../platform/intake-pressure.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { EventStore } from "../../streams/event-store.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { type DataKey, type KeysForgotten, PartnerKeys } from "../../vault/partner-keys.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { type IntakeFull, InvalidBody, type PartnerShareFull } from "../edge/failures.ts"
import { type FieldProblem, PROBLEMS_MAX } from "../edge/field-problem.ts"
import { requireUtf8 } from "../edge/json-body.ts"
import { type BodyTerms, RequestBodies } from "../edge/request-body.ts"
import { notesOpened, openedTrace, traceToLog } from "../edge/request-spans.ts"
import {
  type Answerable,
  answerAgain,
  answerable,
  answerFromLog,
  firstAnswer,
  hasContent,
  isSameRequest,
  type Received,
} from "./acceptance-answer.ts"
import { contentOf, REQUESTS, requestDigest } from "./batch-identity.ts"
import { acceptedAs, type BatchName, batchName, type Existing, openOnce } from "./batch-name.ts"
import { countInDay, type DayCount, noteCount } from "./day-count.ts"
import { checkDuplicates, noteOpened, releaseClaim } from "./duplicate-check.ts"
import type { IdempotencyKey } from "./idempotency-key.ts"
import { Intake } from "./intake.ts"
import type { IntakeRules } from "./intake-rules.ts"
import { receive, sealItems } from "./opening-events.ts"
import { type PartnerTerms, partnerTerms } from "./partner-terms.ts"
import { payableNow } from "./payable-request.ts"
import { type BatchRequest, readBatchRequest } from "./payout-batch-request.ts"
import type { SettingAside } from "./set-aside.ts"

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
  /** Of a request whose bad rows are set aside. */
  readonly settingAside?: SettingAside
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
  const startedAt = performance.now()
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
  const seconds = (performance.now() - startedAt) / 1_000
  acceptanceSeconds.observeTraced({ status: response.status }, seconds, yield* openedTrace)
  return response
})

/** A batch by its name, and the credential that submitted it. */
export interface Submission extends BatchName {
  readonly credential: Credential
  /** The trace that the request names. A repetition of the request may name another one: the batch keeps the first. */
  readonly trace: Trace | undefined
  /** After this, no batch is opened: epoch milliseconds by the clock of the log's store. */
  readonly openBy?: number
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
  readonly name: BatchName
  readonly answer: Answerable
  readonly received: Received
  readonly claim: string | undefined
  /** Its count in the partner's day. */
  readonly count: DayCount | undefined
  readonly openBy: number | undefined
  /** Its first events, or what there is already. */
  readonly start: ReadonlyArray<BatchEvent> | Existing
  /** As its first event has it. */
  readonly trace: Trace | undefined
}

/** Reads and checks a request. Gives the answer to a repetition of one that would be refused now. */
const readyToOpen = Effect.fnUntraced(function* <E, R>(submission: Submission, asked: Asked<E, R>) {
  const { id, key: idempotencyKey, partner, credential } = submission
  const read = yield* Effect.result(asked.read)
  if (Result.isFailure(read)) return yield* repeatedOrRefused(submission, asked, read.failure)
  const digestKey = yield* (yield* PartnerKeys).current(REQUESTS)
  const digest = yield* inSlices(asked.digest(digestKey))
  const at = yield* Clock.currentTimeMillis
  // Not before: the body may have taken long to come.
  const terms = yield* partnerTerms(partner).pipe(
    Effect.catchTag("StoreUnavailable", (away) => acceptedBefore(submission, away)),
  )
  if ("first" in terms) return yield* answerAgain(answerable(read.success, digest, asked), terms)
  const { payable, problems } = yield* payableNow(terms, partner, read.success, at, asked)
  const request = payable ?? read.success
  const answer = answerable(request, digest, asked)
  // What was accepted when the banks took more, and the settings allowed more, is answered as ever, and nothing of it is checked or
  // counted again.
  const before = payable === undefined || mayNeedMore(terms) ? yield* acceptedAs(submission) : undefined
  if (before !== undefined) return yield* answerAgain(answer, before)
  if (payable === undefined) return yield* Effect.fail(asked.unpayable(problems))
  const accepted = Effect.map(acceptedAs(submission), (known) => known !== undefined)
  const content = contentOf(digest, request.rejectedRows)
  const { duplicates, claim, openBy } = yield* checkDuplicates(
    { id, partner, digest: content, request, accepted, policy: terms.duplicates },
    digestKey,
  )
  const count = yield* countInDay({ id, partner, digest: content, accepted }, terms, request).pipe(
    Effect.tapError(() => releaseClaim(claim)),
  )
  const found = duplicates === undefined ? {} : { duplicates }
  const { rejectedRows } = request
  const trace = yield* traceToLog(submission.trace)
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
    name: submission,
    answer,
    received: { at, ...found, ...(rejectedRows === undefined ? {} : { rejectedRows }) },
    claim,
    count,
    openBy: earliestOf(openBy, count?.openBy, submission.openBy),
    start,
    trace,
  } satisfies Ready as Ready
})

/** Whether a partner's requests are compared with earlier ones, or counted: then one that is repeated has to be known before. */
const mayNeedMore = ({ duplicates, dayMax, policy }: PartnerTerms): boolean =>
  duplicates !== undefined || dayMax !== undefined || hasThresholds(policy.approvalAbove)

const earliestOf = (...times: ReadonlyArray<number | undefined>): number | undefined => {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

const openAndAnswer = ({ start, ...ready }: Ready) =>
  "first" in start
    ? answerTo(ready, start)
    : Effect.flatMap(Effect.service(EventStore), (store) =>
        Effect.flatMap(openOnce(store, ready.name, start, ready.openBy), (step) => answerAfter(step, ready)),
      )

/** Its own function, so that nothing of it keeps the first events alive. */
const answerAfter = <E, R>(step: Effect.Effect<Outcome, E, R>, ready: Omit<Ready, "start">) =>
  Effect.flatMap(step, (outcome) => answerTo(ready, outcome))

type Outcome = { readonly _tag: "Opened" } | Existing

const answerTo = Effect.fnUntraced(function* (
  { name, answer, received, claim, count, trace }: Omit<Ready, "start">,
  outcome: Outcome,
) {
  yield* outcome._tag === "Opened" ? noteOpened(claim) : releaseClaim(claim)
  // A batch under the other way of writing the key, or with other rows of the same file, has a count of its own.
  const isCounted = outcome._tag === "Opened" || (outcome.id === name.id && hasContent(outcome.first, answer))
  yield* noteCount(count, isCounted)
  if (outcome._tag === "Opened") yield* notesOpened(name.id, name.partner, trace)
  return outcome._tag === "Opened"
    ? firstAnswer(name.id, answer, received)
    : yield* answerAgain(answer, outcome)
})

/**
 * A body that is refused today may be one that was accepted: by another release, under other settings, while its currency was
 * in use, or before its time had long passed. Its answer is that of the first time, by the log. A partner that got a refusal
 * instead could send the payouts again under another key.
 */
const repeatedOrRefused = Effect.fnUntraced(function* <E>(
  name: BatchName,
  { digest: digestOf, settingAside }: Pick<Asked<unknown, unknown>, "digest" | "settingAside">,
  refused: E,
) {
  const before = yield* acceptedAs(name)
  if (before === undefined) return yield* Effect.fail(refused)
  const { id, first } = before
  const digest = yield* inSlices(digestOf(yield* (yield* PartnerKeys).current(REQUESTS)))
  if (!isSameRequest(first, digest)) return yield* Effect.fail(refused)
  return yield* answerFromLog(id, first, settingAside)
})

/** A request for a batch that is in the log gets its first answer, whatever a new one would lack now. */
const acceptedBefore = Effect.fnUntraced(function* <E extends KeysForgotten | StoreUnavailable>(
  name: BatchName,
  lacking: E,
) {
  return (yield* acceptedAs(name)) ?? (yield* Effect.fail(lacking))
})
