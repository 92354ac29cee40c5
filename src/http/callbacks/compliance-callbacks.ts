/** Later decisions of the compliance engine, and announcements of its lists, each signed as a Standard Webhook. */
import { hash } from "node:crypto"
import { Clock, Effect, Option, Schema } from "effect"
import { AppConfig } from "../../config.ts"
import {
  cleanedAnswer,
  listVersionOf,
  RawClearanceAnswer,
  RawListVersion,
} from "../../domain/clearance-answers.ts"
import { TextWithin } from "../../domain/code-points.ts"
import { parseClearanceKey } from "../../domain/identifiers.ts"
import { instantOf, isDay } from "../../domain/written-time.ts"
import { AnnouncedLists } from "../../streams/announced-lists.ts"
import { EventStore } from "../../streams/event-store.ts"
import type { CommandId } from "../../streams/mailbox.ts"
import { StrayCallbacks, strayClearance } from "../../streams/stray-callbacks.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { ACCEPTED } from "../edge/direct-route.ts"
import type { Call } from "../edge/edge.ts"
import { NotFound } from "../edge/failures.ts"
import { inUtf8, readJson } from "../edge/json-body.ts"
import { tellRegistered } from "../payout-batches/registered-decisions.ts"
import { ownBody } from "../routing/bodies.ts"
import { signed } from "../routing/guards.ts"
import { route } from "../routing/route.ts"
import {
  CALLBACK_KEPT_MS,
  callbackBody,
  callbackFailures,
  type Verify,
  verifying,
} from "./callback-signature.ts"

const BODY_BYTES_MAX = 256 * 1024
const ANNOUNCEMENT_BYTES_MAX = 4 * 1024
/** The most items of one clearance. */
const DECISIONS_MAX = 500

const Callback = Schema.Struct({
  id: TextWithin(255),
  clearanceId: TextWithin(64),
  listVersion: RawListVersion,
  decisions: Schema.NonEmptyArray(RawClearanceAnswer).check(Schema.isMaxLength(DECISIONS_MAX)),
}).annotate({ identifier: "ComplianceCallback" })
type Callback = typeof Callback.Type

/** The time at which the engine announced the lists, if it says so: announcements may overtake each other. */
const Time = Schema.String.check(
  Schema.makeFilter((text: string) => (timeOf(text) ?? -1) >= 0 || "expected an ISO 8601 time that exists"),
)

/** An instant, or the beginning of a day in UTC. */
const timeOf = (text: string): number | undefined => instantOf(isDay(text) ? `${text}T00:00:00Z` : text)

const Announcement = Schema.Struct({
  id: TextWithin(255),
  listVersion: RawListVersion,
  announcedAt: Schema.optionalKey(Time),
}).annotate({ identifier: "ListAnnouncement" })
const decodeAnnouncement = Schema.decodeUnknownResult(Announcement, { errors: "all" })

const decodeCallback = Schema.decodeUnknownResult(Callback, { errors: "all" })

/** How callbacks are verified; without a secret of the settings there is no such resource. */
const verification = Effect.flatMap(AppConfig, ({ providers: { complianceCallbackSecret } }) =>
  Option.match(complianceCallbackSecret, {
    onNone: () => Effect.fail(new NotFound({ what: "resource" })),
    onSome: (secret) => Effect.succeed(verifying([secret])),
  }),
)

export const reportDecisions = route({
  method: "POST",
  path: "/compliance-callbacks",
  operationId: "hearComplianceEngine",
  tag: "Callbacks",
  summary: "Report later decisions",
  description: "For the compliance engine, signed as a Standard Webhook. A repetition has no effect.",
  guard: signed,
  body: ownBody({
    bytesMax: BODY_BYTES_MAX,
    closed: false,
    media: {
      "application/json": {
        schema: Callback,
        example: {
          id: "msg_1",
          clearanceId: "pb_7qfdkz5nhm2rj3wtxay4eb-S1",
          listVersion: "2027-01-02",
          decisions: [{ item: 1, decision: "approved" }],
        },
      },
    },
  }),
  answers: { 202: { description: "Acknowledged." } },
  failures: [
    ...callbackFailures,
    "CommandIdReused",
    "CorruptEntry",
    "InvalidBody",
    "NotFound",
    "MailboxFull",
    "StoreUnavailable",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ c }) {
    const verify = yield* verification
    return yield* callbackBody(c, BODY_BYTES_MAX, (body) => receive(c, verify, body))
  }),
)

export const announceLists = route({
  method: "POST",
  path: "/compliance-callbacks/lists",
  operationId: "hearOfLists",
  tag: "Callbacks",
  summary: "Announce the lists in use from now on",
  description:
    "For the compliance engine, signed as a Standard Webhook. Nothing is sent after the answer that was screened against other lists.",
  guard: signed,
  body: ownBody({
    bytesMax: ANNOUNCEMENT_BYTES_MAX,
    closed: false,
    media: {
      "application/json": { schema: Announcement, example: { id: "msg_2", listVersion: "2027-01-03" } },
    },
  }),
  answers: { 202: { description: "Acknowledged." } },
  failures: [...callbackFailures, "InvalidBody", "NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ c }) {
    const verify = yield* verification
    return yield* callbackBody(c, ANNOUNCEMENT_BYTES_MAX, (body) => goBy(c, verify, body))
  }),
)

/**
 * Puts announced lists in force: after the answer, nothing is sent that was screened by other lists. A repeated
 * announcement, or one that a later one overtook, changes nothing.
 */
const goBy = Effect.fnUntraced(function* (c: Call, verify: Verify, body: Buffer) {
  yield* verify(c, body)
  const announcement = yield* readJson(yield* inUtf8(c, body), decodeAnnouncement)
  const { announcedAt } = announcement
  const listVersion = listVersionOf(announcement.listVersion)
  const now = yield* Clock.currentTimeMillis
  // Otherwise an engine's clock that is ahead would keep later announcements out of force.
  const at = announcedAt === undefined ? now : Math.min(timeOf(announcedAt) ?? now, now)
  yield* (yield* AnnouncedLists).announce(listVersion, at)
  const { complianceCallbacks } = yield* Metrics
  complianceCallbacks.inc({ outcome: "lists" })
  yield* Effect.logInfo("the compliance engine announced new lists", { listVersion })
  return ACCEPTED
})

/** Enqueues the engine's decisions in the mailbox of the batch. A repetition changes nothing. */
const receive = Effect.fnUntraced(function* (c: Call, verify: Verify, body: Buffer) {
  yield* verify(c, body)
  const { complianceCallbacks } = yield* Metrics
  const callback = yield* readJson(yield* inUtf8(c, body), decodeCallback)
  const { clearanceId, decisions } = callback
  const at = yield* Clock.currentTimeMillis
  const about = parseClearanceKey(clearanceId)
  if (about === undefined) return yield* unknownClearance(callback, "not a clearance of ours")
  // Nothing is registered for a batch that does not exist.
  if ((yield* (yield* EventStore).read(about.batch, 0, 1)).length === 0)
    return yield* unknownClearance(callback, "no-such-batch")
  yield* tellRegistered(
    about.batch,
    {
      _tag: "RecordScreening",
      at,
      clearance: about.clearance,
      clearanceId,
      listVersion: listVersionOf(callback.listVersion),
      decisions: decisions.map(cleanedAnswer),
    },
    commandIdOf(c.req.header("webhook-id") ?? "", body),
  ).pipe(Effect.catchTag("NoSuchBatch", () => unknownClearance(callback, "no-such-batch")))
  complianceCallbacks.inc({ outcome: "heard" })
  return ACCEPTED
})

/** The id includes the content: if an engine gives one id to two different messages, both count. */
const commandIdOf = (webhookId: string, body: Buffer): CommandId => ({
  id: hash("sha256", `compliance ${webhookId} ${hash("sha256", body)}`, "base64url"),
  digest: "",
  keptMs: CALLBACK_KEPT_MS,
})

const unknownClearance = Effect.fnUntraced(function* ({ clearanceId, id }: Callback, why: string) {
  const { complianceCallbacks } = yield* Metrics
  complianceCallbacks.inc({ outcome: "unknown" })
  const stray = strayClearance(clearanceId, id, why)
  yield* (yield* StrayCallbacks).keep(stray, yield* Clock.currentTimeMillis)
  yield* Effect.logWarning("the compliance engine reported on a clearance that is not ours", stray)
  return yield* new NotFound({ what: "clearance" })
})
