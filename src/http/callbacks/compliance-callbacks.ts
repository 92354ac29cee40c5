/** Later decisions of the compliance engine, and announcements of its lists, each signed as a Standard Webhook. */
import { hash } from "node:crypto"
import { Clock, Effect, Option, Schema } from "effect"
import { Hono } from "hono"
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
import type { DecisionRegister } from "../../register/decision-register.ts"
import { AnnouncedLists } from "../../streams/announced-lists.ts"
import { EventStore } from "../../streams/event-store.ts"
import type { CommandId, Mailbox } from "../../streams/mailbox.ts"
import { StrayCallbacks, strayClearance } from "../../streams/stray-callbacks.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { ACCEPTED } from "../edge/direct-route.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"
import { NotFound } from "../edge/failures.ts"
import { inUtf8, readJson } from "../edge/json-body.ts"
import type { RequestBodies } from "../edge/request-body.ts"
import { tellRegistered } from "../payout-batches/registered-decisions.ts"
import { CALLBACK_KEPT_MS, callbackBody, type Verify, verifying } from "./callback-signature.ts"

const BODY_BYTES_MAX = 256 * 1024
const ANNOUNCEMENT_BYTES_MAX = 4 * 1024
/** The most items of one clearance. */
const DECISIONS_MAX = 500

const Callback = Schema.Struct({
  id: TextWithin(255),
  clearanceId: TextWithin(64),
  listVersion: RawListVersion,
  decisions: Schema.NonEmptyArray(RawClearanceAnswer).check(Schema.isMaxLength(DECISIONS_MAX)),
})
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
})
const decodeAnnouncement = Schema.decodeUnknownResult(Announcement, { errors: "all" })

const decodeCallback = Schema.decodeUnknownResult(Callback, { errors: "all" })

/** The routes of callbacks; none without a secret to verify them. */
export const complianceCallbacks = Effect.fnUntraced(function* (
  edge: Edge<
    AppConfig | AnnouncedLists | DecisionRegister | EventStore | Mailbox | StrayCallbacks | RequestBodies
  >,
) {
  const { complianceCallbackSecret } = (yield* AppConfig).providers
  const routes = new Hono<EdgeEnv>()
  if (Option.isNone(complianceCallbackSecret)) return routes
  const verify = verifying([complianceCallbackSecret.value])
  return routes
    .post(
      "/compliance-callbacks",
      edge.open((c) => callbackBody(c, BODY_BYTES_MAX, (body) => receive(c, verify, body))),
    )
    .post(
      "/compliance-callbacks/lists",
      edge.open((c) => callbackBody(c, ANNOUNCEMENT_BYTES_MAX, (body) => goBy(c, verify, body))),
    )
})

/**
 * Puts announced lists in force: after the answer, nothing is sent that was screened by other lists. A repeated
 * announcement, or one that a later one overtook, changes nothing.
 */
const goBy = Effect.fnUntraced(function* (c: EdgeContext, verify: Verify, body: Buffer) {
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
const receive = Effect.fnUntraced(function* (c: EdgeContext, verify: Verify, body: Buffer) {
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
